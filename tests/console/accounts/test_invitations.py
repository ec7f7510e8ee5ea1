"""A link makes one person, once, in time."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from console.access.queries import role_of
from console.accounts.models import Invitation, User
from console.accounts.operations import IssuedInvitation, accept_invitation, create_invitation
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Missing
from console.operations.permissions import Role
from tests.factories.console import PASSWORD, actor_of, make_user

pytestmark = pytest.mark.django_db
STRANGER = Actor.of_user(None, address="192.0.2.9")


@pytest.fixture
def issued() -> IssuedInvitation:
    return create_invitation(Actor.system("first start"), Role.OPERATOR)


def accept(token: str, *, username: str = "grace", password: str = PASSWORD) -> User:
    return accept_invitation(STRANGER, token, username=username, password=password)


def test_accepting_makes_the_person_with_the_role(issued: IssuedInvitation) -> None:
    user = accept(issued.token)
    assert role_of(user.pk) is Role.OPERATOR
    assert user.check_password(PASSWORD)
    invitation = Invitation.objects.get()
    assert invitation.used_by == user
    assert invitation.used_at is not None


def test_a_link_works_once(issued: IssuedInvitation) -> None:
    accept(issued.token)
    with pytest.raises(Missing):
        accept(issued.token, username="mallory")
    assert [user.username for user in User.objects.all()] == ["grace"]


def test_a_link_expires() -> None:
    issued = create_invitation(Actor.system(), Role.VIEWER, valid_for=timedelta(seconds=0))
    with pytest.raises(Missing):
        accept(issued.token)


def test_an_unknown_link_gets_the_answer_of_a_used_one(issued: IssuedInvitation) -> None:
    accept(issued.token)
    said = []
    for token in (issued.token, "unknown"):
        with pytest.raises(Missing) as missing:
            accept(token, username="mallory")
        said.append(str(missing.value))
    assert said[0] == said[1]


def test_only_the_hash_of_the_token_is_kept(issued: IssuedInvitation) -> None:
    row = Invitation.objects.values().get()
    assert issued.token not in str(row)
    assert all(issued.token not in str(entry) for entry in AuditEntry.objects.values())


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        ("", PASSWORD, "username"),
        ("a b", PASSWORD, "username"),
        ("grace", "short", "password"),
        ("grace", "123456789012345678", "password"),
        ("grace-of-the-harbour", "grace-of-the-harbour", "password"),
    ],
)
def test_a_bad_name_or_password_is_named_and_the_link_still_works(
    issued: IssuedInvitation, username: str, password: str, field: str
) -> None:
    with pytest.raises(Invalid) as invalid:
        accept(issued.token, username=username, password=password)
    assert invalid.value.field == field
    assert accept(issued.token).username == "grace"


def test_a_taken_name_is_refused(issued: IssuedInvitation) -> None:
    make_user(username="grace")
    with pytest.raises(Invalid) as invalid:
        accept(issued.token)
    assert invalid.value.field == "username"


def test_no_password_reaches_the_audit_log(issued: IssuedInvitation) -> None:
    accept(issued.token)
    assert all(PASSWORD not in str(entry) for entry in AuditEntry.objects.values())


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_administrators_invite(role: Role) -> None:
    with pytest.raises(Denied):
        create_invitation(actor_of(make_user(role)), Role.VIEWER)
    assert not Invitation.objects.exists()
    assert AuditEntry.objects.get().outcome == "refused"


def test_the_command_prints_a_link_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("invite", role="admin")
    token = capsys.readouterr().out.strip().rstrip("/").rpartition("/")[2]
    assert role_of(accept(token).pk) is Role.ADMIN
