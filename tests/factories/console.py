"""Rows of the console as tests want them. Each call makes what it needs and nothing more."""

import itertools
import time
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from console.access.models import CustomRole, Grant, Membership, Team
from console.accounts.models import User
from console.audit.models import AuditEntry
from console.audit.recorder import record
from console.containers.models import Container
from console.hosts.models import Host
from console.images.models import Image
from console.jobs.models import Job
from console.operations.actor import CONFIRMED_AT, Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from console.operations.policy import Place
from console.operations.runner import Operation, Outcome
from console.rest.credentials import Credential
from console.secrets.models import Secret, SecretVersion
from console.secrets.values import encrypt
from console.terminals import recordings
from console.terminals.models import Terminal, Why
from console.tokens.models import ApiToken
from console.workspaces.models import FIRST_SLUG, Workspace
from console.workspaces.observations import first_rules
from console.workspaces.rules import Rules

PASSWORD = "ferry-landing-at-dawn-1"
_numbers = itertools.count(1)


def digits() -> str:
    """64 hex digits that no other row has."""
    return f"{next(_numbers):064x}"[::-1]


def make_user(role: Role | None = Role.ADMIN, *, username: str = "") -> User:
    with writes_allowed("factory"):
        user = User(username=username or f"{role or 'nobody'}-{next(_numbers)}")
        user.set_password(PASSWORD)
        user.save()
        if role is not None:
            Grant.objects.create(user=user, role=role.value)
    return user


def actor_of(user: User) -> Actor:
    """Somebody who proved just now who they are, so that dangerous acts are let through too."""
    return Actor.of_user(user, address="192.0.2.7", confirmed_at=timezone.now())


def sign_in_browser(client: Client, user: User, *, is_confirmed: bool = True) -> Client:
    """``client`` becomes a browser in which ``user`` is signed in."""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if is_confirmed:
        session = client.session
        session[CONFIRMED_AT] = time.time()
        session.save()
    return client


def make_api_token(user: User, **facts: Any) -> str:
    """The text of a token for changing things; ``facts`` are fields of ApiToken."""
    credential = Credential.new()
    given = {"scope": ApiToken.Scope.WRITE, "expires_at": timezone.now() + timedelta(days=1), **facts}
    with writes_allowed("factory"):
        ApiToken.objects.create(
            user=user,
            name=f"token-{next(_numbers)}",
            prefix=credential.prefix,
            secret_hash=credential.secret_hash,
            **given,
        )
    return credential.text


def token_of(text: str) -> ApiToken:
    """The row of a token's text."""
    return ApiToken.objects.get(prefix=text.split("_")[1])


def bearer(text: str) -> dict[str, str]:
    """The header by which a token is shown."""
    return {"authorization": f"Bearer {text}"}


def make_host(name: str = "local", **facts: Any) -> Host:
    given = {"address": "unix:///nowhere.sock", "state": "reachable", "last_seen_at": timezone.now(), **facts}
    with writes_allowed("factory"):
        return Host.objects.get_or_create(name=name, defaults=given)[0]


def make_workspace(slug: str = FIRST_SLUG, **rules: Any) -> Workspace:
    """The first workspace is there already, unless a test has emptied the database."""
    given = Rules.from_json(first_rules() if slug == FIRST_SLUG else {}).as_json() | rules
    with writes_allowed("factory"):
        return Workspace.objects.update_or_create(slug=slug, defaults={"rules_json": given})[0]


def make_team(slug: str, *members: User) -> Team:
    with writes_allowed("factory"):
        team = Team.objects.get_or_create(slug=slug)[0]
        for user in members:
            Membership.objects.create(team=team, user=user)
    return team


def make_grant(holder: User | Team, role: Role | CustomRole, **facts: Any) -> Grant:
    """``facts``: workspace, host, or label=(key, value) narrow it; until, reason."""
    label = facts.pop("label", None)
    scope = "label" if label else next((name for name in ("workspace", "host") if name in facts), "everything")
    who = {"team": holder} if isinstance(holder, Team) else {"user": holder}
    what = {"role": role.value} if isinstance(role, Role) else {"custom_role": role}
    if label:
        facts["label_key"], facts["label_value"] = label
    with writes_allowed("factory"):
        return Grant.objects.create(scope=scope, **who, **what, **facts)


def make_entry(name: str = "", *, workspace: Workspace | None = None, host: Host | None = None) -> AuditEntry:
    op = Operation(Actor.system("factory"), Permission.CONTAINER_RUN, None, target_name=name)
    op.place = Place(workspace.pk if workspace else None, host.pk if host else None)
    record(op, outcome=Outcome.ALLOWED, reason="")
    return AuditEntry.objects.latest("seq")


def make_custom_role(slug: str, *permissions: str) -> CustomRole:
    with writes_allowed("factory"):
        return CustomRole.objects.create(slug=slug, permissions=sorted(permissions))


def make_secret(name: str, value: str = "quay-side-lantern", *, workspace: Workspace | None = None) -> Secret:
    workspace = workspace or make_workspace()
    with writes_allowed("factory"):
        secret = Secret.objects.create(workspace=workspace, name=name)
        version = SecretVersion(secret=secret, number=1, set_by_name="factory")
        encrypt(version, value)
        version.save()
    return secret


def make_image(
    *references: str, host: Host | None = None, created_at: datetime | None = None, workspace: Workspace | None = None
) -> Image:
    now = timezone.now()
    facts = {"size_bytes": 2_100_000, "created_at": created_at or now, "seen_at": now}
    host, workspace = host or make_host(), workspace or make_workspace()
    with writes_allowed("factory"):
        return Image.objects.create(
            workspace=workspace, host=host, engine_id=digits(), references=list(references), **facts
        )


def make_container(name: str = "", *, state: str = "running", host: Host | None = None, **facts: Any) -> Container:
    now = timezone.now()
    given = {
        "host": host or make_host(),
        "workspace": facts.get("workspace") or make_workspace(),
        "engine_id": digits(),
        "name": name or f"container-{next(_numbers)}",
        "image": "hello-naru:latest",
        "command": ["sleep", "1000"],
        "created_at": now - timedelta(minutes=next(_numbers)),
        "started_at": now,
        "seen_at": now,
        "exit_code": None if state == "running" else 0,
        **facts,
    }
    with writes_allowed("factory"):
        return Container.objects.create(state=state, **given)


def make_terminal(user: User, container: Container, *, is_recorded: bool = False, **facts: Any) -> Terminal:
    """A session that is open; ``is_recorded``: one that has ended, with its file."""
    ended = {"ended_at": timezone.now(), "why": Why.EXITED, "exit_code": 0} if is_recorded else {}
    given = {
        "key": digits()[:32],
        "user_name": user.username,
        "host": container.host,
        "workspace": container.workspace,
        "container_name": container.name,
        "records": "output",
        **ended,
        **facts,
    }
    with writes_allowed("factory"):
        terminal = Terminal.objects.create(user=user, container=container, **given)
        if is_recorded:
            path = recordings.part_path(terminal.pk)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"version":2,"width":80,"height":24}\n[0.1,"o","hello\\r\\n"]\n')
            sealed = recordings.seal(terminal.pk)
            assert sealed is not None
            terminal.recording_sha256, terminal.recording_bytes = sealed.sha256, sealed.size_bytes
            terminal.save()
    return terminal


def make_job(kind: str = "image.build", *, state: str = "succeeded", user: User | None = None, **facts: Any) -> Job:
    given = {
        "host": make_host(),
        "workspace": make_workspace(),
        "actor": user,
        "actor_name": user.username if user else "",
        "attempt": 1,
        **facts,
    }
    with writes_allowed("factory"):
        return Job.objects.create(kind=kind, state=state, **given)
