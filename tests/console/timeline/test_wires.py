"""Networks that are made and removed, joined and left, are told; what every start and end does to them is not."""

import time

from django.test import Client

from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.timeline.models import Change
from console.timeline.noting import time_of
from console.timeline.observations import changes_placed
from tests.console.timeline.conftest import Told, fact
from tests.console.timeline.test_events import A, Seen, kinds
from tests.factories.console import (
    digits,
    make_custom_role,
    make_grant,
    make_host,
    make_job,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.wires import make_network

NET = digits()


def wire(told: Told, action: str, *, at_ns: int = 0, **attributes: str) -> int:
    return told.event(action, NET, kind="network", at_ns=at_ns, name="front", type="bridge", **attributes)


def test_joining_and_leaving_while_it_runs_is_told(told: Told) -> None:
    told.event("create", A)
    wire(told, "connect", container=A)
    told.event("start", A)
    at_ns = wire(told, "connect", container=A)
    left_ns = wire(told, "disconnect", container=A)
    told.report()
    assert kinds() == ["created", "started", "connected", "disconnected"]
    joined, left = Change.objects.filter(kind__in=("connected", "disconnected")).order_by("at")
    assert (joined.at, left.at) == (time_of(at_ns), time_of(left_ns))
    assert joined.details == {"network": "front", "network_id": NET[:12]}


def test_an_end_leaves_networks_before_or_after_it_is_told_and_a_start_joins_them(told: Told) -> None:
    told.event("start", A)
    told.event("die", A, exitCode="0")
    wire(told, "disconnect", container=A)
    wire(told, "connect", container=A)
    told.event("start", A)
    wire(told, "disconnect", container=A)
    told.report()
    assert kinds() == ["started", "died", "started", "disconnected"]
    told.event("die", A, exitCode="0")
    told.report()
    assert kinds() == ["started", "died", "started", "died"]


def test_a_container_that_was_running_before_anybody_was_told_joins_too(told: Told, seen: Seen) -> None:
    seen(fact(A, started_at="2026-09-21T14:13:21+00:00"))
    with writes_allowed("test"):
        Change.objects.all().delete()
    wire(told, "connect", container=A)
    told.report()
    change = Change.objects.get(kind="connected")
    assert (change.name, change.container is not None) == ("web-1", True)


def test_a_network_s_own_events_are_for_those_who_may_see_it(told: Told, client: Client) -> None:
    wire(told, "create", at_ns=time.time_ns())
    told.report()
    network = make_network("front", engine_id=NET, workspace=make_workspace("shop"))
    changes_placed("local", {})
    wire(told, "destroy")
    told.report()
    assert set(Change.objects.values_list("kind", "workspace__slug")) == {
        ("network-created", "shop"),
        ("network-removed", "shop"),
    }
    viewer, other, looker = make_user(None), make_user(None), make_user(None)
    make_grant(viewer, Role.VIEWER, workspace=make_workspace("shop"))
    make_grant(other, Role.VIEWER, workspace=make_workspace("depot"))
    make_grant(looker, make_custom_role("looker", "container.view"), workspace=make_workspace("shop"))
    pages = [sign_in_browser(client, one).get("/changes/").content.decode() for one in (viewer, other, looker)]
    assert ["the network was created (bridge)" in page for page in pages] == [True, False, False]
    assert f"/networks/local/{network.engine_id[:12]}/" in pages[0]


def test_who_had_it_join_is_in_its_history(told: Told, seen: Seen, client: Client) -> None:
    seen(fact(A))
    user = make_user(Role.ADMIN, username="dana")
    make_job("network.connect", user=user, host=make_host("local"), args={"container": A, "name": "front"})
    make_job("network.connect", user=user, host=make_host("local"), args={"container": digits(), "name": "back"})
    page = sign_in_browser(client, user).get("/containers/local/web-1/history/").content.decode()
    assert page.count("asked for: ") == 1
