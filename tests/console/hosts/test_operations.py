"""Adding, renaming and removing hosts; what of it is on record, and what follows."""

from typing import Any

import pytest
from django.test import Client

from console.access.models import Grant
from console.audit.models import AuditEntry
from console.containers.models import Container
from console.hosts.models import Host
from console.hosts.observations import register_host
from console.hosts.operations import add_host, remove_host, rename_host, renew_key, revoke_key
from console.hosts.queries import visible_hosts
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing, Unconfirmed
from console.operations.permissions import Role
from console.rest.credentials import Credential
from console.stats.latest import folder_of
from tests.console.stacks.conftest import make_stack
from tests.factories.console import (
    actor_of,
    make_container,
    make_grant,
    make_host,
    make_job,
    make_user,
    make_workspace,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin() -> Actor:
    return actor_of(make_user(Role.ADMIN))


def browser() -> Client:
    return sign_in_browser(Client(), make_user(Role.ADMIN))


def test_a_key_is_shown_once_and_kept_as_a_hash(admin: Actor) -> None:
    issued = add_host(admin, name="b1")
    credential = Credential.parse(issued.text)
    assert credential is not None
    row = Host.objects.get(name="b1")
    assert (row.key_prefix, row.key_hash) == (credential.prefix, credential.secret_hash)
    assert row.address == f"agent://{row.pk}"
    assert credential.secret not in str(Host.objects.values().get(pk=row.pk))
    assert credential.secret not in str(list(AuditEntry.objects.values()))
    assert credential.secret not in repr(issued)


@pytest.mark.parametrize("name", ["", "B1", "-b", "b_1", "b" * 64, "b/1", "new", "b1-removed-7", "b1\n"])
def test_a_name_that_is_none_is_refused(admin: Actor, name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        add_host(admin, name=name)
    assert refusal.value.field == "name"


@pytest.mark.parametrize(
    "address",
    [
        "http://x:1",
        "unix://relative",
        "tcp://x",
        "tcp://x:0",
        "tcp://x:65536",
        "agent://1",
        "tcp://a b:1",
        "unix:///a\n",
    ],
)
def test_an_address_that_is_none_is_refused(admin: Actor, address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        add_host(admin, name="b1", address=address)
    assert refusal.value.field == "address"
    assert not Host.objects.exists()


@pytest.mark.parametrize("address", ["unix:///run/docker.sock", "tcp://10.0.0.7:2375", "tcp://[fd00::1]:2375"])
def test_a_host_may_be_reached_directly(admin: Actor, address: str) -> None:
    host = add_host(admin, name="b1", address=address).host
    assert (host.address, host.is_relayed, host.has_key) == (address, False, True)


def test_it_takes_the_permission_and_a_proof() -> None:
    make_host("b1")
    with pytest.raises(Denied):
        add_host(actor_of(make_user(Role.DEVELOPER)), name="b2")
    for act in (lambda actor: add_host(actor, name="b2"), lambda actor: remove_host(actor, "b1")):
        with pytest.raises(Unconfirmed):
            act(Actor.of_user(make_user(Role.ADMIN)))
    assert list(Host.objects.values_list("name", flat=True)) == ["b1"]


def test_a_new_key_has_jobs_signed_with_another_and_a_revoked_one_leaves_none(admin: Actor) -> None:
    first = add_host(admin, name="b1").host
    second = renew_key(admin, "b1").host
    assert (first.key_prefix, first.signing_salt) != (second.key_prefix, second.signing_salt)
    third = revoke_key(admin, "b1")
    assert (third.has_key, third.key_prefix) == (False, None)
    assert third.signing_salt not in (first.signing_salt, second.signing_salt)
    with pytest.raises(Conflict):
        revoke_key(admin, "b1")
    entries = AuditEntry.objects.filter(action="host.manage").order_by("pk")
    assert [entry.details.get("key") for entry in entries] == [None, "renewed", "revoked", "revoked"]


def test_what_goes_by_a_host_s_name_follows_it(admin: Actor) -> None:
    add_host(admin, name="b1")
    make_workspace("shop", hosts=["local", "b1"])
    folder_of("b1").mkdir(parents=True)
    (folder_of("b1") / "host.ring").write_bytes(b"samples")
    rename_host(admin, "b1", new_name="b2")
    assert Host.objects.get().name == "b2"
    assert make_workspace("depot").rules.hosts == ()
    assert type(make_workspace("main")).objects.get(slug="shop").rules.hosts == ("local", "b2")
    assert (folder_of("b2") / "host.ring").read_bytes() == b"samples"


def test_a_host_keeps_its_name_while_jobs_are_there_or_another_has_it(admin: Actor) -> None:
    add_host(admin, name="b1")
    make_host("local")
    with pytest.raises(Conflict, match="already"):
        rename_host(admin, "b1", new_name="local")
    with pytest.raises(Conflict, match="NARU_HOST_NAME"):
        rename_host(admin, "local", new_name="b2")
    job = make_job("image.build", state="running", host=Host.objects.get(name="b1"))
    with pytest.raises(Conflict, match=f"#{job.number}"):
        rename_host(admin, "b1", new_name="b2")


def test_a_removed_host_leaves_with_all_that_was_known_to_be_there_and_its_name_is_free(admin: Actor) -> None:
    host = add_host(admin, name="b1").host
    container = make_container("web-1", host=host)
    done = make_job("image.build", state="succeeded", host=host)
    make_grant(make_user(None), Role.VIEWER, host=host)
    remove_host(admin, "b1")
    container.refresh_from_db()
    assert container.gone_at is not None
    assert Job.objects.get(pk=done.pk).host.name == f"b1-removed-{host.pk}"
    assert not Grant.objects.filter(host=host).exists()
    assert not visible_hosts(admin).filter(pk=host.pk).exists()
    with pytest.raises(Missing):
        remove_host(admin, f"b1-removed-{host.pk}")
    again = add_host(admin, name="b1").host
    assert again.pk != host.pk
    assert not Container.objects.filter(host=again).exists()


def test_what_is_there_holds_a_host_unless_it_is_forced(admin: Actor) -> None:
    host = add_host(admin, name="b1").host
    stack = make_stack("shop", host=host)
    job = make_job("image.build", state="queued", host=host)
    with pytest.raises(Conflict, match="shop"):
        remove_host(admin, "b1")
    remove_host(admin, "b1", force=True)
    stack.refresh_from_db()
    job.refresh_from_db()
    assert stack.is_gone
    assert (job.state, job.error) == ("cancelled", "The host was removed.")


def test_the_console_s_own_host_comes_back_when_it_starts(admin: Actor) -> None:
    register_host("local", "unix:///a.sock")
    remove_host(admin, "local")
    assert register_host("local", "unix:///a.sock").removed_at is None
    assert Host.objects.count() == 2


def test_the_pages_show_the_key_once_and_say_what_is_wrong() -> None:
    page = browser()
    assert page.get("/hosts/new/").status_code == 200
    wrong = page.post("/hosts/new/", {"name": "b1", "reach": "direct"})
    assert wrong.status_code == 400
    answer = page.post("/hosts/new/", {"name": "b1", "reach": "agent"})
    text: Any = answer.context["issued"].text
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert text not in answer.context["commands"].in_container + answer.context["commands"].from_checkout
    assert text not in page.get("/hosts/b1/settings/").content.decode()
    assert text not in page.get("/hosts/b1/awaited/").content.decode()
    renewed = page.post("/hosts/b1/key/renew/").context["issued"].text
    assert renewed != text
    assert page.post("/hosts/b1/remove/", {"typed": "b2"}).status_code == 400
    assert page.post("/hosts/b1/rename/", {"new_name": "No"}).status_code == 400
    assert page.post("/hosts/b1/rename/", {"new_name": "b2"}).status_code == 302
    assert page.post("/hosts/b2/key/revoke/").status_code == 302
    assert page.post("/hosts/b2/remove/", {"typed": "b2"}).status_code == 302
