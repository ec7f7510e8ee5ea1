"""Signing in is recorded, gives nothing away, and cannot be tried for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from console.accounts import limits
from console.accounts.models import SignInAttempt, User
from console.accounts.operations import sign_in, sign_out
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import PASSWORD, actor_of, make_user

pytestmark = pytest.mark.django_db


def from_address(address: str = "192.0.2.9") -> Actor:
    return Actor.of_user(None, address=address)


def fail(username: str = "ada", *, times: int = 1, address: str = "192.0.2.9") -> str:
    said = ""
    for _ in range(times):
        with pytest.raises(Denied) as denied:
            sign_in(from_address(address), username=username, password="wrong")
        said = str(denied.value)
    return said


@pytest.fixture
def ada() -> User:
    return make_user(Role.OPERATOR, username="ada")


def test_name_and_password_are_enough(ada: User) -> None:
    assert sign_in(from_address(), username="ada", password=PASSWORD).user == ada
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome, entry.target_name, entry.address) == (
        "sign-in",
        "allowed",
        "ada",
        "192.0.2.9",
    )


def test_a_failed_try_is_recorded_with_the_name_that_was_tried(ada: User) -> None:
    fail("ada")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome, entry.target_name) == ("sign-in", "refused", "ada")


def test_the_answer_does_not_tell_whether_the_person_exists(ada: User) -> None:
    disabled = make_user(username="gone")
    with writes_allowed("test"):
        User.objects.filter(pk=disabled.pk).update(is_active=False)
    with pytest.raises(Denied) as denied:
        sign_in(from_address(), username="gone", password=PASSWORD)
    assert fail("ada") == fail("nobody") == str(denied.value)


def test_after_five_failures_even_the_right_password_is_refused(ada: User) -> None:
    fail(times=limits.PER_ACCOUNT_AND_ADDRESS)
    with pytest.raises(Denied, match="Too many attempts"):
        sign_in(from_address(), username="ada", password=PASSWORD)
    assert AuditEntry.objects.latest("seq").outcome == "refused"


def test_another_address_is_not_locked_out(ada: User) -> None:
    fail(times=limits.PER_ACCOUNT_AND_ADDRESS + 1)
    assert sign_in(from_address("198.51.100.1"), username="ada", password=PASSWORD).user == ada


def test_an_address_that_tries_many_names_is_stopped(ada: User) -> None:
    for number in range(limits.PER_ADDRESS):
        fail(f"name-{number}")
    with pytest.raises(Denied, match="Too many attempts"):
        sign_in(from_address(), username="ada", password=PASSWORD)


def test_the_limit_passes(ada: User) -> None:
    fail(times=limits.PER_ACCOUNT_AND_ADDRESS + 1)
    with writes_allowed("test"):
        SignInAttempt.objects.update(at=timezone.now() - limits.WINDOW - timedelta(seconds=1))
    assert sign_in(from_address(), username="ada", password=PASSWORD).user == ada
    assert not SignInAttempt.objects.exists()


def test_a_success_forgets_the_failures(ada: User) -> None:
    fail(times=limits.PER_ACCOUNT_AND_ADDRESS - 1)
    sign_in(from_address(), username="ada", password=PASSWORD)
    fail(times=limits.PER_ACCOUNT_AND_ADDRESS - 1)
    assert sign_in(from_address(), username="ada", password=PASSWORD).user == ada


def test_no_tried_password_is_kept(ada: User) -> None:
    with pytest.raises(Denied):
        sign_in(from_address(), username="ada", password="almost-" + PASSWORD)
    assert "almost-" not in str(list(AuditEntry.objects.values())) + str(list(SignInAttempt.objects.values()))


def test_leaving_is_recorded(ada: User) -> None:
    sign_out(actor_of(ada))
    assert AuditEntry.objects.get().action == "sign-out"
