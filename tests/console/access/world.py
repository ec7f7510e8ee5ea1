"""What the matrices ask about: all that a workspace can own, and who asks."""

import itertools
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection, transaction
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django import DjangoDbBlocker, Settings

from console.accounts.entering import SEEN_AT
from console.accounts.models import BrowserSession, Identity, User
from console.capsules import observing
from console.containers import present
from console.containers import views as container_views
from console.containers.models import Revision
from console.files import reading
from console.hosts.disk import DiskUse
from console.hub.client import Client as RegistryClient
from console.hub.client import Names
from console.hub.documents import Listed
from console.images import exporting, usage
from console.jobs import sending
from console.live.topics import Chunk
from console.operations.errors import ConsoleError, Denied, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.prune import queries as prune_queries
from console.stacks import looking
from console.stacks.planning.world import World as HostWorld
from console.stats import views as stats_views
from tests.console.access.cells import Route
from tests.console.files.conftest import FakeFiles, as_files
from tests.console.schedules.conftest import make_schedule
from tests.console.stacks.conftest import make_release, make_stack
from tests.factories.blueprints import make_blueprint
from tests.factories.capsules import environment_of, make_deployed_stack, make_stack_capsule
from tests.factories.console import (
    make_api_token,
    make_container,
    make_custom_role,
    make_entry,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_secret,
    make_team,
    make_terminal,
    make_user,
    make_workspace,
    sign_in_browser,
    token_of,
)
from tests.factories.hub import DETAIL, make_quarantined, make_registry
from tests.factories.notifications import make_channel, make_delivery, make_rule, make_silence
from tests.factories.origins import make_origin
from tests.factories.timeline import make_capsule, make_change
from tests.factories.wires import make_backup, make_network, make_share, make_volume
from tests.fakes.answers import content_of
from tests.fakes.broker import Broker

_numbers = itertools.count(1)
ROLES = (Role.VIEWER, Role.OPERATOR, Role.DEVELOPER, Role.AUDITOR, Role.ADMIN)
NOTHING = {
    "number": 987_654,
    "seq": 987_654,
    "grant_id": 987_654,
    "schedule_id": 987_654,
    "stack_id": 987_654,
    "user_pk": 987_654,
    "factor_pk": 987_654,
    "identity_pk": 987_654,
    "session_pk": 987_654,
    "token_pk": 987_654,
    "name": "nothing-here",
    "project": "nothing-here",
    "engine_id": "0" * 64,
    "slug": "nothing-here",
    "rule_id": 987_654,
    "channel_id": 987_654,
    "delivery_id": 987_654,
    "silence_id": 987_654,
    "share_id": 987_654,
    "blueprint_id": 987_654,
    "host": "local",
}


@dataclass(frozen=True)
class World:
    """``sessions``: the browser session of each workspace's five, signed in and just confirmed; ``data``: its files."""

    things: dict[str, dict[str, Any]]
    container: int
    job: int
    sessions: dict[tuple[str, Role], str]
    data: Path

    def browser(self, workspace: str, role: Role) -> Client:
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[workspace, role]
        return client

    def address(self, name: str, of: str, *, missing: bool = False) -> str:
        given = self.things.get(of, {})
        return reverse(name, kwargs={key: NOTHING[key] if missing else value for key, value in given.items()})


def _play_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines and registries that answer: with nothing, so that who is let in is all there is to see."""
    monkeypatch.setattr(sending, "_send", Broker().send)

    async def piece(*_given: object, **_named: object) -> Chunk:
        return Chunk("1")

    async def inspected(*_given: str) -> tuple[dict[str, Any], None]:
        return {"Config": {"Image": "a:1"}}, None

    monkeypatch.setattr(present, "inspected", inspected)
    monkeypatch.setattr(container_views, "log_piece", piece)
    monkeypatch.setattr(stats_views, "use_piece", piece)
    monkeypatch.setattr(looking, "look_from_here", lambda _address, _project, **_asked: HostWorld())
    monkeypatch.setattr(observing, "observe_from_here", lambda *_given, **_named: environment_of())
    monkeypatch.setattr(container_views, "whole_log", lambda *_given: iter(["line\n"]))
    for name, function in as_files(FakeFiles()).items():
        monkeypatch.setattr(reading, name, function)
    monkeypatch.setattr(exporting, "download", lambda _image: iter([b"tar"]))
    monkeypatch.setattr(usage, "detail_of", lambda _image: DETAIL)
    monkeypatch.setattr(usage, "uses_of", lambda hosts, **_: {host.name: DiskUse(0) for host in hosts})
    monkeypatch.setattr(prune_queries, "uses_of", lambda hosts, **_: {host.name: DiskUse(0) for host in hosts})
    monkeypatch.setattr(RegistryClient, "check", lambda _self: None)
    monkeypatch.setattr(RegistryClient, "repositories", lambda _self, **_: Names([]))
    monkeypatch.setattr(RegistryClient, "tags", lambda _self, _repository, **_: Names([]))
    monkeypatch.setattr(RegistryClient, "image", lambda _self, *_: Listed("sha256:" + 64 * "0", is_index=True))


@pytest.fixture(scope="module")
def made_world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Made once: each test's transaction is within this one's, and goes back to it."""
    data = tmp_path_factory.mktemp("world")
    cheap = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with django_db_blocker.unblock():
        # asked by a transaction of its own, and remembered from then on
        assert connection.features.supports_transactions
        with transaction.atomic():
            with override_settings(NARU_DATA=data, PASSWORD_HASHERS=cheap), pytest.MonkeyPatch.context() as patch:
                _play_others(patch)
                made = _make_world(data)
            yield made
            transaction.set_rollback(True)


@pytest.fixture
def world(
    made_world: World,
    monkeypatch: pytest.MonkeyPatch,
    redis_server: object,
    settings: Settings,
    alone: None,
    db: None,
) -> World:
    """All that "shop" owns, on a host that another workspace uses too."""
    _play_others(monkeypatch)
    shutil.copytree(made_world.data, settings.NARU_DATA, dirs_exist_ok=True)
    return made_world


def _make_world(data: Path) -> World:
    host, shop = make_host("local"), make_workspace("shop")
    make_workspace("depot")
    container = make_container("web-1", workspace=shop)
    make_change(container, "renamed", old="renamed-thing", new="web-1")
    with writes_allowed("factory"):
        Revision.objects.create(first=container, number=1, cause="found", spec={"image": "a:1"})
    image = make_image("a:1", workspace=shop)
    taken = make_deployed_stack("taken-thing", host=host, workspace=shop)
    args = {"tag": "c:1", "dockerfile": "FROM scratch\n"}
    queued = make_job("image.build", state="queued", workspace=shop, args=args, on_name="queued-thing")
    failed = make_job("image.build", state="failed", workspace=shop, args=args, on_name="failed-thing")
    kim = make_user(None, username="kim")
    team, role = make_team("night-shift", kim), make_custom_role("log-reader", "container.logs")
    grant = make_grant(kim, Role.VIEWER, workspace=shop)
    entry = make_entry("audited-thing", workspace=shop)
    schedule = make_schedule(make_user(Role.ADMIN), name="nightly-thing", workspace=shop)
    with writes_allowed("factory"):
        factor = Authenticator.objects.create(user=kim, type=Authenticator.Type.TOTP, data={})
        identity = Identity.objects.create(user=kim, issuer="https://id.example", subject="kim")
        session = BrowserSession.objects.create(user=kim, key="k" * 32)
    token = token_of(make_api_token(kim))
    channel = make_channel("pager", kind="email", addresses="night@example.org", workspace=shop)
    stack = make_stack("stacked-thing", host=host, workspace=shop)
    make_release(stack)
    make_container("adopted-1", workspace=shop, labels={"com.docker.compose.project": "adopted"})
    things: dict[str, dict[str, Any]] = {
        "format": {"form": "jsonl"},
        "person": {"user_pk": kim.pk},
        "factor": {"factor_pk": factor.pk},
        "identity": {"identity_pk": identity.pk},
        "session": {"session_pk": session.pk},
        "token": {"token_pk": token.pk},
        "person's token": {"user_pk": kim.pk, "token_pk": token.pk},
        "entry": {"seq": entry.seq},
        "workspace": {"slug": "shop"},
        "channel": {"channel_id": channel.pk},
        "rule": {"rule_id": make_rule("told-thing", workspace=shop).pk},
        "delivery": {"delivery_id": make_delivery(channel).pk},
        "silence": {"silence_id": make_silence("silent-thing", workspace=shop).pk},
        "secret": {"slug": "shop", "name": make_secret("db-password", workspace=shop).name},
        # nothing refers to it
        "idle_secret": {"slug": "shop", "name": make_secret("idle-thing", workspace=shop).name},
        "queued": {"number": queued.number},
        "failed": {"number": failed.number},
        "registry": {"slug": "shop", "name": make_registry("quay", workspace=shop).name},
        "held": {"host": host.name, "engine_id": make_quarantined("held-thing:1", host=host).engine_id},
        "image": {"host": host.name, "engine_id": image.engine_id},
        "host": {"host": host.name},
        "container": {"host": host.name, "name": "web-1"},
        "crash": {"host": host.name, "name": "web-1", "number": make_capsule(container).number},
        "network": {"host": host.name, "name": make_network("shop_net", workspace=shop).name},
        "volume": {"host": host.name, "name": make_volume("shop_files", workspace=shop).name},
        "backup": {"number": make_backup("shop_files", workspace=shop).number},
        "share": {"share_id": make_share(kim, failed).pk},
        "revision": {"host": host.name, "name": "web-1", "number": 1},
        "team": {"slug": team.slug},
        "member": {"slug": team.slug, "user_pk": kim.pk},
        "role": {"slug": role.slug},
        "grant": {"grant_id": grant.pk},
        "schedule": {"schedule_id": schedule.pk},
        "terminal": {"number": make_terminal(kim, container, is_recorded=True).number},
        "stack": {"stack_id": stack.pk},
        "service": {"stack_id": stack.pk, "name": "web"},
        "project": {"host": "local", "project": "adopted"},
        "template": {"slug": "cache"},
        "taken": {"stack_id": taken.pk},
        "blueprint": {"blueprint_id": make_blueprint("written-thing", workspace=shop).pk},
        "followed": {"stack_id": make_origin("followed-thing", host=host, workspace=shop).stack_id},
        "capsule": {"number": make_stack_capsule(workspace=shop, host=host, stack=taken).number},
    }
    sessions = {(of, role): _session_of(_make_one_of(of, role)) for of in ("shop", "depot") for role in ROLES}
    return World(things, container.pk, failed.number, sessions, data)


def _make_one_of(workspace: str, role: Role) -> User:
    user = make_user(None, username=f"{role}-of-{workspace}")
    make_grant(user, role, workspace=make_workspace(workspace))
    return user


def one_of(workspace: str, role: Role) -> User:
    user: User = User.objects.get(username=f"{role}-of-{workspace}")
    return user


def _session_of(user: User) -> str:
    return browser(user).cookies[settings.SESSION_COOKIE_NAME].value


def browser(user: User) -> Client:
    """Whose session has been written down, as it is with each first page."""
    client = sign_in_browser(Client(), user)
    session = client.session
    session[SEEN_AT] = time.time()
    session.save()
    return client


def ask(client: Client, method: str, address: str, route: Route) -> Any:
    """``{n}`` in what is posted is another number each time: a name is given once."""
    if method == "get":
        return client.get(address, route.query)
    n = str(next(_numbers))
    return client.post(
        address,
        {name: value.replace("{n}", n) if isinstance(value, str) else value for name, value in route.data.items()},
    )


def letter_of(status: int) -> str:
    return {403: "f", 404: "m"}.get(status, "k" if status in (200, 201, 202, 204, 302, 409) else f"?{status}")


def letter(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Denied:
        return "f"
    except Missing:
        return "m"
    except ConsoleError as error:
        return "k" if error.status == 409 else f"?{error}"
    return "k"


# the names and numbers that addresses are made of: an answer may repeat what it was asked
ASKED_FOR = re.compile(
    r"\b(nothing-here|web-1|web|adopted|shop|shop_net|shop_files|quay|db-password|idle-thing|night-shift|log-reader"
    r"|987654|[0-9a-f]{64}|\d+)\b"
)


def body_of(answer: Any) -> str:
    """Without what differs from one answer to the next, and without the names that were asked for."""
    content = content_of(answer)
    text = re.sub(
        r'(csrf[^>]*?(?:value|content)="|X-CSRFToken&quot;: &quot;|X-CSRFToken": ")[A-Za-z0-9]+',
        r"\1",
        content.decode(),
    )
    text = re.sub(r"<code>[0-9a-f]{12}</code>", "", text)
    return ASKED_FOR.sub("X", text)
