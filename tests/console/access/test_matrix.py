"""Every address, live topic, job kind and task × who asks, written out. What is not in a table fails.

Who: viewer, operator, developer, auditor and administrator of the workspace "shop", in this order; the same five of
another workspace; strangers, and a person who was disabled. k: it works (or a conflict says why not now), f: refused
(403), m: there is no such thing (404).
"""

from functools import partial
from typing import cast

import pytest
from celery import Celery
from django.test import Client
from django.urls import reverse

from console.access.models import Grant
from console.accounts.models import User
from console.containers.models import Container
from console.jobs import agent_tasks
from console.jobs.agent.execution import Agent
from console.jobs.kinds import kind_names
from console.jobs.operations import retry_job
from console.live import topics
from console.live.frames import CloseCode
from console.live.topics import find_topic
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.project import asgi
from console.project.celery import app as console_app
from console.terminals.admission import Browser, Refused, admit
from tests.architecture.test_addresses import ALL, OPEN
from tests.console.access.cells import AGENT_TASKS, BOTH, GRANT, KINDS, ROUTES, SHARED, SOCKETS, TASKS, TOPICS
from tests.console.access.world import ROLES, World, ask, body_of, browser, letter, letter_of, one_of
from tests.factories.console import (
    actor_of,
    make_job,
    make_terminal,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

# --- nothing is left out ---


def test_every_address_is_in_the_table() -> None:
    listed = {name for name, _method in ROUTES}
    assert listed | OPEN.keys() == {name for name, _, _ in ALL}
    assert {name for name in listed if (name, "get") in ROUTES and (name, "post") in ROUTES} == BOTH


def test_every_topic_is_in_the_table() -> None:
    named = {name.format(container=7, job=7) for name in TOPICS}
    patterns = {pattern: topic for pattern, topic in topics._topics.items() if not pattern.startswith("test")}
    unmatched = [pattern for pattern, topic in patterns.items() if not any(map(topic.pattern.fullmatch, named))]
    assert unmatched == []
    assert len(patterns) == len(TOPICS)


def test_every_kind_of_job_is_in_the_table() -> None:
    assert set(kind_names()) == KINDS.keys()


def test_every_task_is_in_the_table() -> None:
    app, agent = Celery("names", set_as_current=False), cast("Agent", object())
    agent_tasks.register(app, agent)
    names = {*console_app.tasks, *app.tasks}
    assert {name for name in names if not name.startswith("celery.")} == TASKS.keys() | AGENT_TASKS.keys()


def test_every_socket_is_in_the_table() -> None:
    assert {str(socket.pattern) for socket in asgi.sockets} == SOCKETS.keys()


# --- every cell ---


@pytest.mark.parametrize(("name", "method"), ROUTES)
def test_one_of_the_workspace(world: World, name: str, method: str) -> None:
    route = ROUTES[name, method]
    found = ""
    for role in ROLES:
        client = world.browser("shop", role)
        found += letter_of(ask(client, method, world.address(name, route.of), route).status_code)
    assert found == route.own


@pytest.mark.parametrize(("name", "method"), ROUTES)
def test_one_of_another_workspace_learns_nothing(world: World, name: str, method: str) -> None:
    route = ROUTES[name, method]
    for role in ROLES:
        client = world.browser("depot", role)
        answer = ask(client, method, world.address(name, route.of), route)
        body = body_of(answer)
        for secret in (
            "web-1",
            "queued-thing",
            "failed-thing",
            "audited-thing",
            "a:1",
            "db-password",
            "idle-thing",
            "pager",
            "told-thing",
            "silent-thing",
            "nightly-thing",
            "renamed-thing",
            "last-words",
            "quay",
            "held-thing",
            "shop_net",
            "shop_files",
            "stacked-thing",
            "taken-thing",
            "followed-thing",
            "written-thing",
        ):
            shown = secret in "".join(str(value) for value in (*route.data.values(), *route.query.values()))
            assert shown or secret not in body, f"{role} is shown {secret}"
        if not route.of or route.of in SHARED:
            continue
        other = ask(client, method, world.address(name, route.of, missing=True), route)
        assert answer.status_code in (403, 404)
        assert (answer.status_code, body) == (other.status_code, body_of(other)), role


@pytest.mark.parametrize(("name", "method"), ROUTES)
def test_strangers_and_the_disabled_are_sent_to_sign_in(world: World, name: str, method: str) -> None:
    route = ROUTES[name, method]
    user = make_user(Role.ADMIN)
    disabled = browser(user)
    with writes_allowed("test"):
        User.objects.filter(pk=user.pk).update(is_active=False)
    for client in (Client(), disabled):
        answer = ask(client, method, world.address(name, route.of), route)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/")


@pytest.mark.parametrize("topic", TOPICS)
def test_topics(world: World, topic: str) -> None:
    asked = find_topic(topic.format(container=world.container, job=world.job))
    actors = {where: [actor_of(one_of(where, role)) for role in ROLES] for where in ("shop", "depot")}
    own = "".join(letter(partial(asked.authorise, actor)) for actor in actors["shop"])
    foreign = "".join(letter(partial(asked.authorise, actor)) for actor in actors["depot"])
    assert own == TOPICS[topic]
    assert foreign == (own if topic.startswith("rows.") else "mmmmm")
    assert letter(lambda: asked.authorise(Actor.of_user(None))) in "fm"


def socket_letter(browser: Client, key: str | None) -> str:
    """Of a browser that opens a session's socket, or with None the page's own."""
    came_from = Browser(browser.session.session_key or "")
    if key is None:
        return "k" if came_from.actor().is_user else "f"
    try:
        admit(key, came_from)
    except Refused as refused:
        return {CloseCode.FORBIDDEN: "f", CloseCode.GONE: "m", CloseCode.SIGNED_OUT: "s"}[refused.code]
    return "k"


@pytest.mark.parametrize("path", SOCKETS)
def test_sockets(world: World, path: str) -> None:
    container = Container.objects.get(pk=world.container)
    found: dict[str, str] = {"shop": "", "depot": "", "another's": ""}
    others = make_terminal(User.objects.get(username="kim"), container).key
    is_of_a_session = "<" in path
    for where in ("shop", "depot"):
        for role in ROLES:
            user = one_of(where, role)
            key = make_terminal(user, container).key if is_of_a_session else None
            found[where] += socket_letter(world.browser(where, role), key)
            if is_of_a_session:
                found["another's"] += socket_letter(world.browser(where, role), others)
    assert found["shop"] == SOCKETS[path]
    assert found["depot"] == ("mmmmm" if is_of_a_session else SOCKETS[path])
    assert set(found["another's"]) <= {"m"}
    assert socket_letter(Client(), others if is_of_a_session else None) in "sf"


@pytest.mark.parametrize("kind", KINDS)
def test_doing_work_again(world: World, kind: str) -> None:
    found = ""
    for where in ("shop", "depot"):
        for role in ROLES:
            args = {
                "tag": "c:1",
                "dockerfile": "FROM scratch\n",
                "image": "a:1",
                "command": [],
                "env": {},
                "ports": [],
                "memory_bytes": 0,
                "cpus": 0,
                "repository": "c",
                "reference": "c:1",
                "makes": [],
                "driver": "local" if kind.startswith("volume.") else "bridge",
                "subnets": [],
                "is_internal": False,
                "is_attachable": False,
                "has_ipv6": False,
                "options": {},
                "labels": {},
                "name": "shop_thing",
            }
            job = make_job(kind, state="failed", workspace=make_workspace("shop"), args=args)
            found += letter(partial(retry_job, actor_of(one_of(where, role)), job.number))
    assert found == KINDS[kind] + "mmmmm"


def test_nothing_was_granted_by_trying(world: World) -> None:
    before = Grant.objects.count()
    for role in (Role.VIEWER, Role.OPERATOR, Role.DEVELOPER, Role.AUDITOR):
        data = {**GRANT, "user": f"{role}-of-shop", "role": "admin", "workspace": "shop"}
        world.browser("shop", role).post(reverse("grants:new"), data)
    assert Grant.objects.count() == before
