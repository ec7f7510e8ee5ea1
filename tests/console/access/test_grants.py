"""What grants give, where, until when; and who may give and take them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.access.models import Grant
from console.access.operations import (
    add_member,
    change_role,
    create_role,
    delete_role,
    delete_team,
    end_due_grants,
    give_grant,
    remove_member,
    revoke_grant,
)
from console.access.queries import held_by
from console.access.wishes import Wish
from console.accounts.models import User
from console.accounts.operations import change_role as change_persons_role
from console.accounts.operations import create_invitation
from console.audit.models import AuditEntry
from console.audit.queries import visible_entries
from console.containers.operations import run_container, start_container, stop_container
from console.containers.queries import visible_containers
from console.hosts.queries import visible_hosts
from console.images.queries import visible_images
from console.jobs import sending
from console.jobs.queries import visible_jobs
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from console.operations.policy import may
from tests.factories.console import (
    actor_of,
    make_container,
    make_custom_role,
    make_entry,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_team,
    make_user,
    make_workspace,
)
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db
rung: list[tuple[str, object]] = []


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_send", Broker().send)


def names(user: object) -> set[str]:
    actor = actor_of(user)  # type: ignore[arg-type]  # a User
    return set(visible_containers(actor).values_list("name", flat=True))


# --- scopes ---


def test_each_scope_shows_what_it_covers_and_nothing_else() -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    far = make_host("far")
    make_container("a", workspace=shop, labels={"tier": "web"})
    make_container("b", workspace=depot, labels={"tier": "db"})
    make_container("c", workspace=depot, host=far, labels={"tier": "web"})
    shown = {}
    scopes: dict[str, dict[str, Any]] = {
        "workspace": {"workspace": shop},
        "host": {"host": far},
        "label": {"label": ("tier", "web")},
        "everything": {},
    }
    for scope, facts in scopes.items():
        user = make_user(None)
        make_grant(user, Role.VIEWER, **facts)
        shown[scope] = names(user)
    assert shown == {"workspace": {"a"}, "host": {"c"}, "label": {"a", "c"}, "everything": {"a", "b", "c"}}


def test_grants_add_up() -> None:
    user = make_user(None)
    make_container("a", workspace=make_workspace("shop"))
    make_container("b", workspace=make_workspace("depot"), labels={"x": "1"})
    make_container("c", workspace=make_workspace("depot"), labels={"x": "2"})
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop"))
    make_grant(user, Role.VIEWER, label=("x", "1"))
    assert names(user) == {"a", "b"}


def test_a_label_with_odd_characters_is_a_label_and_no_query() -> None:
    user = make_user(None)
    make_container("a", labels={"com.example/tier-1": "w\"e'b"})
    make_container("b", labels={"com": {"example/tier-1": "x"}})
    make_grant(user, Role.VIEWER, label=("com.example/tier-1", "w\"e'b"))
    assert names(user) == {"a"}


def test_a_role_is_worth_its_scope_only() -> None:
    user = make_user(None)
    shop, depot = make_workspace("shop"), make_workspace("depot")
    make_grant(user, Role.DEVELOPER, workspace=shop)
    make_grant(user, Role.VIEWER, workspace=depot)
    actor = actor_of(user)
    make_container("a", workspace=shop, state="exited")
    make_container("b", workspace=depot, state="exited")
    assert start_container(actor, "local", "a").kind == "container.start"
    with pytest.raises(Denied):
        start_container(actor, "local", "b")


def test_an_administrator_of_a_workspace_is_none_of_the_console() -> None:
    user = make_user(None)
    make_grant(user, Role.ADMIN, workspace=make_workspace("shop"))
    actor = actor_of(user)
    assert may(actor, Permission.GRANT_MANAGE, at=make_workspace("shop").place)
    for permission in (Permission.USER_MANAGE, Permission.TEAM_MANAGE, Permission.WORKSPACE_MANAGE):
        assert not may(actor, permission)
        assert not may(actor, permission, at=make_workspace("shop").place)


def test_jobs_images_and_audit_rows_are_bounded_too() -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    user = make_user(None)
    for role in (Role.VIEWER, Role.AUDITOR):
        make_grant(user, role, workspace=shop)
    ours = make_job(workspace=shop), make_image("a:1", workspace=shop)
    make_job(workspace=depot), make_image("b:1", workspace=depot)
    for workspace in (shop, depot, None):
        make_entry(workspace=workspace)
    actor = actor_of(user)
    assert (visible_jobs(actor).get(), visible_images(actor).get()) == ours
    assert visible_entries(actor).get().workspace_pk == shop.pk


def test_ones_own_job_is_seen_wherever_it_is() -> None:
    user = make_user(None)
    make_grant(user, Role.OPERATOR, label=("tier", "web"))
    make_container("a", labels={"tier": "web"})
    job = stop_container(actor_of(user), "local", "a")
    other = make_job()
    assert set(visible_jobs(actor_of(user))) == {job}
    assert other not in visible_jobs(actor_of(user))


def test_hosts_are_those_the_workspace_may_use() -> None:
    make_host("near"), make_host("far")
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop", hosts=["near"]))
    assert [host.name for host in visible_hosts(actor_of(user))] == ["near"]
    make_grant(user, Role.VIEWER, workspace=make_workspace("depot"))
    assert [host.name for host in visible_hosts(actor_of(user))] == ["far", "near"]


def test_an_unknown_name_and_anothers_give_one_answer() -> None:
    user = make_user(None)
    make_grant(user, Role.OPERATOR, workspace=make_workspace("depot"))
    make_container("secret", workspace=make_workspace("shop"))
    said = []
    for name in ("secret", "nobody"):
        with pytest.raises(Missing) as missing:
            stop_container(actor_of(user), "local", name)
        said.append(str(missing.value).replace(name, "X"))
    assert said[0] == said[1]


def test_who_has_a_port_that_one_cannot_see_has_no_name() -> None:
    user = make_user(None)
    depot = make_workspace("depot")
    make_grant(user, Role.DEVELOPER, workspace=depot)
    make_image("hello:1", workspace=depot)
    held = [{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]
    make_container("secret", workspace=make_workspace("shop"), ports=held)
    with pytest.raises(Conflict) as conflict:
        run_container(actor_of(user), "local", image="hello:1", ports=["8080:80"])
    assert "8080" in str(conflict.value)
    assert "secret" not in str(conflict.value)


def test_what_a_person_holds_costs_one_query_and_lists_none_per_row() -> None:
    user = make_user(None)
    for number in range(5):
        shop = make_workspace(f"shop-{number}")
        make_grant(user, Role.VIEWER, workspace=shop)
        make_container(workspace=shop)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert [container.workspace.slug for container in visible_containers(actor_of(user))]
    assert len(queries) == 2


# --- teams ---


def test_a_member_has_what_the_team_has_as_long_as_they_are_in_it() -> None:
    admin, kim = actor_of(make_user(Role.ADMIN)), make_user(None, username="kim")
    team = make_team("ops")
    make_grant(team, Role.VIEWER)
    make_container("a")
    add_member(admin, "ops", "kim")
    assert names(kim) == {"a"}
    remove_member(admin, "ops", kim.pk)
    assert names(kim) == set()


def test_nobody_joins_a_team_into_more_than_they_could_give() -> None:
    keeper = make_user(None, username="keeper")
    everyday = make_custom_role("keeper", "team.view", "team.manage", "grant.view", "grant.manage", "container.view")
    make_grant(keeper, everyday)
    team = make_team("admins")
    make_grant(team, Role.ADMIN)
    with pytest.raises(Denied, match="Nobody gives"):
        add_member(actor_of(keeper), "admins", "keeper")
    assert held_by(actor_of(keeper)).over(make_workspace("shop").place) == everyday.held


# --- the last administrator ---


def test_the_last_administrator_stays_in_every_way() -> None:
    kim = make_user(None, username="kim")
    team = make_team("admins", kim)
    grant = make_grant(team, Role.ADMIN)
    # neither of these is an administrator for good
    make_grant(make_user(None), Role.ADMIN, until=timezone.now() + timedelta(days=1))
    make_grant(make_user(None), Role.ADMIN, workspace=make_workspace("shop"))
    actor = actor_of(kim)
    for attempt in (
        lambda: revoke_grant(actor, grant.pk),
        lambda: remove_member(actor, "admins", kim.pk),
        lambda: delete_team(actor, "admins"),
    ):
        with pytest.raises(Conflict, match="last administrator"):
            attempt()
    assert may(actor, Permission.USER_MANAGE)
    make_user(Role.ADMIN)
    revoke_grant(actor, grant.pk)
    assert not may(actor, Permission.USER_MANAGE)


# --- time ---


def test_a_grant_ends_at_its_moment_without_anybodys_doing() -> None:
    user = make_user(None)
    make_container("a")
    make_grant(user, Role.VIEWER, until=timezone.now() - timedelta(milliseconds=1))
    assert names(user) == set()
    assert not may(actor_of(user), Permission.CONTAINER_VIEW)


def hear(topic: str, payload: dict[str, object]) -> None:
    rung.append((topic, payload.get("user_pk")))


def test_what_is_due_is_taken_away_recorded_and_told(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.hear"
    rung.clear()
    user, now = make_user(None, username="kim"), timezone.now()
    make_grant(user, Role.OPERATOR, until=now - timedelta(seconds=1), reason="night shift")
    kept = make_grant(user, Role.VIEWER, until=now + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert end_due_grants(now) == 1
    assert list(Grant.objects.all()) == [kept]
    entry = AuditEntry.objects.get()
    assert (entry.actor_kind, entry.action, entry.details["ended"]) == ("system", "grant.manage", "due")
    assert (entry.details["holder"], entry.details["why"]) == ("kim", "night shift")
    assert ("access", user.pk) in rung
    assert end_due_grants(now) == 0


# --- giving ---


def wish(**facts: object) -> Wish:
    given: dict[str, object] = {"user": "kim", "role": "viewer", "scope": "workspace", "workspace": "shop", **facts}
    return Wish(**given)  # type: ignore[arg-type]  # by field


def test_an_administrator_of_a_workspace_gives_roles_there_and_nowhere_else() -> None:
    make_user(None, username="kim")
    make_workspace("depot")
    chief = make_user(None)
    make_grant(chief, Role.ADMIN, workspace=make_workspace("shop"))
    grant = give_grant(actor_of(chief), wish())
    assert (grant.scope, grant.granted_by_name) == ("workspace", chief.username)
    assert AuditEntry.objects.get().details["scope"] == "workspace shop"
    with pytest.raises(Invalid) as invalid:
        give_grant(actor_of(chief), wish(workspace="depot"))
    assert invalid.value.field == "workspace"
    for elsewhere in ({"scope": "everything"}, {"scope": "label", "label": "a=b"}):
        with pytest.raises(Denied):
            give_grant(actor_of(chief), wish(**elsewhere))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"user": "nobody"}, "user"),
        ({"user": ""}, "user"),
        ({"team": "ops"}, "user"),
        ({"user": "", "team": "none"}, "team"),
        ({"role": "captain"}, "role"),
        ({"scope": "moon"}, "scope"),
        ({"workspace": "none"}, "workspace"),
        ({"scope": "host", "host": "none"}, "host"),
        ({"scope": "label", "label": "tier"}, "label"),
        ({"scope": "label", "label": "1=2"}, "label"),
        ({"until": timezone.now() - timedelta(days=1), "reason": "x"}, "until"),
        ({"until": timezone.now() + timedelta(days=1)}, "reason"),
    ],
)
def test_a_wrong_wish_is_blamed_on_its_field(wrong: dict[str, object], field: str) -> None:
    make_user(None, username="kim"), make_workspace("shop"), make_team("ops")
    with pytest.raises(Invalid) as invalid:
        give_grant(actor_of(make_user(Role.ADMIN)), wish(**wrong))
    assert invalid.value.field == field
    assert Grant.objects.count() == 1


def test_who_may_not_grant_does_not_learn_who_exists() -> None:
    viewer = make_user(None)
    make_grant(viewer, Role.VIEWER, workspace=make_workspace("shop"))
    make_user(None, username="kim")
    for name in ("kim", "nobody"):
        with pytest.raises(Denied):
            give_grant(actor_of(viewer), wish(user=name))


def test_the_same_is_not_granted_twice() -> None:
    make_user(None, username="kim"), make_workspace("shop")
    admin = actor_of(make_user(Role.ADMIN))
    give_grant(admin, wish())
    with pytest.raises(Conflict):
        give_grant(admin, wish())


# --- custom roles ---


def test_a_role_changes_at_once_for_all_who_hold_it() -> None:
    admin, user = actor_of(make_user(Role.ADMIN)), make_user(None)
    role = create_role(admin, slug="restarter", permissions=[Permission.CONTAINER_VIEW])
    make_grant(user, role, workspace=make_workspace("shop"))
    container = make_container("a", workspace=make_workspace("shop"))
    assert not may(actor_of(user), Permission.CONTAINER_START, on=container)
    change_role(admin, "restarter", title="", permissions=[Permission.CONTAINER_VIEW, Permission.CONTAINER_START])
    assert may(actor_of(user), Permission.CONTAINER_START, on=container)
    with pytest.raises(Conflict, match="still holds"):
        delete_role(admin, "restarter")


def test_nobody_makes_a_role_of_more_than_they_hold() -> None:
    maker = make_user(None)
    mine = make_custom_role("maker", "role.view", "role.manage", "container.view")
    make_grant(maker, mine)
    with pytest.raises(Denied, match=r"user\.manage"):
        create_role(actor_of(maker), slug="king", permissions=[Permission.USER_MANAGE])
    with pytest.raises(Denied):
        change_role(actor_of(maker), "maker", title="", permissions=[Permission.USER_MANAGE])


@pytest.mark.parametrize("slug", ["admin", "viewer", "", "Upper", "a b", "-a", "a" * 41])
def test_a_role_has_a_name_of_its_own(slug: str) -> None:
    with pytest.raises((Invalid, Conflict)) as error:
        create_role(actor_of(make_user(Role.ADMIN)), slug=slug, permissions=[Permission.CONTAINER_VIEW])
    assert isinstance(error.value, Invalid | Conflict)
    assert error.value.field == "slug"


def test_who_manages_people_makes_nobody_more_than_they_are() -> None:
    make_user(Role.ADMIN)
    host = make_user(None)
    make_grant(host, make_custom_role("host", "user.view", "user.invite", "user.manage"))
    with pytest.raises(Denied):
        change_persons_role(actor_of(host), host.pk, Role.ADMIN)
    with pytest.raises(Denied):
        create_invitation(actor_of(host), Role.ADMIN)


# --- why ---


def why(actor: Client, thing: str, permission: str = "container.restart") -> Any:
    return actor.get("/grants/why/", {"who": "kim", "permission": permission, "thing": thing})


def test_the_page_tells_which_grant_gives_it_and_who_could() -> None:
    kim, shop = make_user(None, username="kim"), make_workspace("shop")
    make_container("web", workspace=shop)
    make_grant(make_team("ops", kim), Role.OPERATOR, workspace=make_workspace("depot"))
    make_grant(kim, Role.VIEWER, workspace=shop)
    client = Client()
    client.force_login(make_user(Role.ADMIN, username="ada"), backend="django.contrib.auth.backends.ModelBackend")
    answer = why(client, "shop/web")
    steps = {step.grant.scope_name: step.verdict.value for step in answer.context["answer"].steps}
    assert steps == {"workspace shop": "not-in-role", "workspace depot": "elsewhere"}
    assert not answer.context["answer"].allowed
    assert "It can be granted by: ada." in answer.content.decode()
    make_grant(kim, Role.OPERATOR, label=("tier", "web"))
    make_container("lab", workspace=shop, labels={"tier": "web"})
    assert why(client, "shop/lab").context["answer"].allowed
    for absent in ("shop/none", "none/web", "#987654", "none/"):
        assert why(client, absent).status_code == 400


def test_the_disabled_hold_nothing_whatever_was_granted() -> None:
    kim = make_user(Role.ADMIN, username="kim")
    client = Client()
    client.force_login(make_user(Role.ADMIN), backend="django.contrib.auth.backends.ModelBackend")
    with writes_allowed("test"):
        User.objects.filter(pk=kim.pk).update(is_active=False)
    answer = why(client, "").context["answer"]
    assert (answer.allowed, answer.is_disabled) == (False, True)
