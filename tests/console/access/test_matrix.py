"""Every address, live topic, job kind and task × who asks, written out. What is not in a table fails.

Who: viewer, operator, developer, auditor and administrator of the workspace "shop", in this order; the same five of
another workspace; strangers, and a person who was disabled. k: it works (or a conflict says why not now), f: refused
(403), m: there is no such thing (404).
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
from allauth.mfa.models import Authenticator
from celery import Celery
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from console.access import tasks as access_tasks
from console.access.models import Grant
from console.accounts.models import BrowserSession, Identity, User
from console.containers import present
from console.containers import views as container_views
from console.containers.models import Container, Revision
from console.files import reading
from console.hosts.disk import DiskUse
from console.hub.client import Client as RegistryClient
from console.hub.client import Names
from console.hub.documents import Listed
from console.images import exporting, usage
from console.jobs import agent_tasks, sending, tasks
from console.jobs.agent.execution import Agent
from console.jobs.kinds import kind_names
from console.jobs.operations import retry_job
from console.live import topics
from console.live.frames import CloseCode
from console.live.topics import Chunk, find_topic
from console.notifications import tasks as notification_tasks
from console.operations.actor import Actor
from console.operations.errors import ConsoleError, Denied, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.project import asgi
from console.prune import queries as prune_queries
from console.prune import tasks as prune_tasks
from console.schedules import tasks as schedule_tasks
from console.stacks import looking
from console.stacks.planning.world import World as HostWorld
from console.stats import tasks as stats_tasks
from console.stats import views as stats_views
from console.terminals import tasks as terminal_tasks
from console.terminals.admission import Browser, Refused, admit
from console.timeline import tasks as timeline_tasks
from console.volumes import tasks as volume_tasks
from tests.architecture.test_addresses import ALL, OPEN
from tests.console.files.conftest import FakeFiles, as_files
from tests.console.schedules.conftest import make_schedule
from tests.console.stacks.conftest import make_stack
from tests.factories.console import (
    PASSWORD,
    actor_of,
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
from tests.factories.timeline import make_capsule, make_change
from tests.factories.wires import make_backup, make_network, make_share, make_volume
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db

_numbers = itertools.count(1)
ROLES = (Role.VIEWER, Role.OPERATOR, Role.DEVELOPER, Role.AUDITOR, Role.ADMIN)
WORDS = {"k": "works", "f": "refused", "m": "missing"}
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
    "engine_id": "0" * 64,
    "slug": "nothing-here",
    "rule_id": 987_654,
    "channel_id": 987_654,
    "delivery_id": 987_654,
    "silence_id": 987_654,
    "share_id": 987_654,
    "host": "local",
}


@dataclass(frozen=True)
class Route:
    """``of``: which of the world's things its address names. ``data`` is posted."""

    own: str
    of: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


NETWORK = {"host": "local", "name": "shop_front{n}", "driver": "bridge"}
EMPTY_FILE = SimpleUploadedFile("empty", b"")
BUILD = {"host": "local", "tag": "b:1", "source": "dockerfile", "dockerfile": "FROM scratch\n"}
RULES = {"addresses": "127.0.0.0/8", "most_containers": "0", "memory_mib": "0", "cpus": "0"}
SCHEDULE = {
    "s-name": "Nightly",
    "s-cron": "30 2 * * *",
    "s-time_zone": "Asia/Seoul",
    "s-missed": "skip",
    "kind": "image.build",
    **BUILD,
}
STACK = {"host": "local", "name": "mine", "compose": "services: {a: {image: x}}"}
JOB_RULES = {"most_running": "2", "most_waiting": "50", "keep_days": "30", "keep_count": "0"}
TERMINAL_RULES = {"records": "", "idle_minutes": "5", "most_per_person": "1", "most_open": "9", "keep_days": "1"}
GRANT = {"kind": "user", "user": "kim", "role": "operator", "scope": "workspace"}
RULE = {"name": "loud", "events": "job.failed", "tells_people": "on"}
CHANNEL = {"name": "mailing", "kind": "email", "addresses": "night@example.org"}
SILENCE = {"hours": "1", "reason": "a test"}
REGISTRY = {"address": "docker.io"}
REPOSITORY = {"repository": "shop/web", "reference": "1.0"}
PRUNE = {"days": "30", "held_days": "7", "kinds": "unused", "items": "unused:x"}
ROUTES = {
    ("dashboard:overview", "get"): Route("kkkkk"),
    ("accounts:sign_out", "post"): Route("kkkkk"),
    ("accounts:people", "get"): Route("fffff"),
    ("accounts:invite", "post"): Route("fffff", data={"role": "viewer"}),
    ("accounts:role", "post"): Route("mmmmm", of="person", data={"role": "admin"}),
    ("accounts:active", "post"): Route("mmmmm", of="person", data={"active": "0"}),
    ("accounts:help_back_in", "get"): Route("fffff", of="person"),
    ("accounts:help_back_in", "post"): Route("fffff", of="person"),
    ("accounts:confirm", "post"): Route("kkkkk", data={"password": PASSWORD}),
    ("accounts:creation_options", "post"): Route("kkkkk"),
    ("account:home", "get"): Route("kkkkk"),
    ("account:settings", "get"): Route("kkkkk"),
    ("account:settings", "post"): Route("kkkkk", data={"theme": "dark"}),
    ("account:theme", "post"): Route("kkkkk", data={"theme": "dark"}),
    ("account:language", "post"): Route("kkkkk", data={"language": "en"}),
    ("account:columns", "post"): Route("kkkkk", data={"table": "jobs:list", "hidden": "who"}),
    ("web:palette", "get"): Route("kkkkk", query={"q": "stop web"}),
    ("shares:list", "get"): Route("kkkkk"),
    ("shares:container_log", "get"): Route("kkkfk", of="container"),
    ("shares:container_log", "post"): Route("kkkfk", of="container", data={"hours": "1"}),
    ("shares:job_output", "get"): Route("kkkkk", of="failed"),
    ("shares:job_output", "post"): Route("kkkkk", of="failed", data={"hours": "1"}),
    # its maker is kim; an administrator of the workspace manages grants there
    ("shares:revoke", "post"): Route("mmmmk", of="share"),
    ("account:password", "get"): Route("kkkkk"),
    ("account:password", "post"): Route("kkkkk"),
    ("account:totp", "get"): Route("kkkkk"),
    ("account:totp", "post"): Route("kkkkk"),
    ("account:passkey", "get"): Route("kkkkk"),
    ("account:passkey", "post"): Route("kkkkk"),
    ("account:recovery_codes", "post"): Route("kkkkk"),
    ("account:remove_factor", "post"): Route("mmmmm", of="factor"),
    ("account:unlink", "post"): Route("mmmmm", of="identity"),
    ("account:end_session", "post"): Route("mmmmm", of="session"),
    ("account:end_other_sessions", "post"): Route("kkkkk"),
    ("tokens:own", "get"): Route("kkkkk"),
    ("tokens:own", "post"): Route("kkkkk", data={"name": "ci", "scope": "read", "days": "7"}),
    ("tokens:revoke", "post"): Route("mmmmm", of="token"),
    ("tokens:of_person", "get"): Route("fffff", of="person"),
    ("tokens:revoke_of_person", "post"): Route("mmmmm", of="person's token"),
    ("audit:list", "get"): Route("fffkk"),
    ("audit:export", "get"): Route("fffkk", of="format"),
    ("audit:integrity", "get"): Route("fffmm"),
    ("audit:check", "post"): Route("fffff"),
    ("audit:entry", "get"): Route("fffkk", of="entry"),
    ("workspaces:list", "get"): Route("kkkfk"),
    ("workspaces:new", "post"): Route("fffff", data={"slug": "mine"}),
    ("workspaces:workspace", "get"): Route("kkkfk", of="workspace"),
    ("workspaces:workspace", "post"): Route("fffff", of="workspace", data={"title": "Mine"}),
    ("workspaces:policy", "get"): Route("ffkfk", of="workspace"),
    ("workspaces:policy", "post"): Route("fffff", of="workspace", data={**RULES, "privileged": "on"}),
    ("workspaces:delete", "post"): Route("fffmf", of="workspace"),
    ("secrets:list", "get"): Route("ffkfk"),
    ("secrets:new", "post"): Route("ffkfk", data={"workspace": "shop", "name": "mine", "secret_value": "long enough"}),
    ("secrets:secret", "get"): Route("ffkfk", of="secret"),
    ("secrets:secret", "post"): Route("ffkfk", of="secret", data={"secret_value": "long enough"}),
    ("secrets:reveal", "post"): Route("ffffk", of="secret"),
    ("secrets:remove", "post"): Route("ffkfm", of="secret"),
    ("notifications:notes", "get"): Route("kkkkk"),
    ("notifications:read", "post"): Route("kkkkk", data={"up_to": "1"}),
    ("notifications:rules", "get"): Route("fkkfk"),
    ("notifications:new_rule", "get"): Route("ffffk"),
    ("notifications:new_rule", "post"): Route("ffffk", data={**RULE, "workspace": "shop"}),
    ("notifications:rule", "get"): Route("fkkfk", of="rule"),
    ("notifications:rule", "post"): Route("ffffk", of="rule", data=RULE),
    ("notifications:delete_rule", "post"): Route("mffmk", of="rule"),
    ("notifications:channels", "get"): Route("fkkfk"),
    ("notifications:new_channel", "get"): Route("ffffk"),
    ("notifications:new_channel", "post"): Route("ffffk", data={**CHANNEL, "workspace": "shop"}),
    ("notifications:channel", "get"): Route("fkkfk", of="channel"),
    ("notifications:channel", "post"): Route("ffffk", of="channel", data=CHANNEL),
    ("notifications:try_channel", "post"): Route("mffmk", of="channel"),
    ("notifications:delete_channel", "post"): Route("mffmk", of="channel"),
    ("notifications:deliveries", "get"): Route("fkkfk"),
    ("notifications:resend", "post"): Route("mffmk", of="delivery"),
    ("notifications:silences", "get"): Route("fkkfk"),
    ("notifications:new_silence", "post"): Route("fkkfk", data={**SILENCE, "workspace": "shop"}),
    ("notifications:end_silence", "post"): Route("mkmmm", of="silence"),
    ("jobs:list", "get"): Route("kkkkk"),
    ("jobs:tray", "get"): Route("kkkkk"),
    ("jobs:job", "get"): Route("kkkkk", of="queued"),
    ("jobs:output", "get"): Route("kkkkk", of="failed"),
    ("jobs:download", "get"): Route("kkkkk", of="failed"),
    ("jobs:cancel", "post"): Route("ffffk", of="queued"),
    ("jobs:retry", "post"): Route("ffkfk", of="failed"),
    ("jobs:pin", "post"): Route("fkkfk", of="failed"),
    ("jobs:unpin", "post"): Route("fkkfk", of="failed"),
    ("jobs:proof", "get"): Route("kkkkk", of="failed"),
    ("jobs:rules", "get"): Route("ffkfk", of="workspace"),
    ("jobs:rules", "post"): Route("fffff", of="workspace", data=JOB_RULES),
    ("stacks:list", "get"): Route("kkkfk"),
    ("stacks:new", "get"): Route("ffkfk"),
    ("stacks:new", "post"): Route("ffkfk", data={**STACK, "workspace": "shop"}),
    ("stacks:stack", "get"): Route("kkkfk", of="stack"),
    ("stacks:edit", "get"): Route("ffkfk", of="stack"),
    ("stacks:edit", "post"): Route("ffkfk", of="stack", data=STACK),
    ("stacks:plan", "get"): Route("ffkfk", of="stack"),
    ("stacks:deploy", "post"): Route("ffkmk", of="stack", data={"plan": "0" * 64}),
    ("stacks:remove", "post"): Route("ffkmk", of="stack"),
    ("schedules:list", "get"): Route("kkkfk"),
    ("schedules:new", "get"): Route("fkkfk"),
    ("schedules:new", "post"): Route("ffkfk", data={**SCHEDULE, "workspace": "shop"}),
    ("schedules:times", "get"): Route("kkkfk"),
    ("schedules:schedule", "get"): Route("kkkfk", of="schedule"),
    ("schedules:edit", "get"): Route("ffkfk", of="schedule"),
    ("schedules:edit", "post"): Route("ffkfk", of="schedule", data={**SCHEDULE, "workspace": "shop"}),
    ("schedules:pause", "post"): Route("fkkmk", of="schedule"),
    ("schedules:resume", "post"): Route("fkkmk", of="schedule"),
    ("schedules:run", "post"): Route("ffkmk", of="schedule"),
    ("schedules:delete", "post"): Route("fkmmm", of="schedule"),
    ("hub:list", "get"): Route("kkkfk"),
    ("hub:new", "get"): Route("ffffk"),
    ("hub:new", "post"): Route("ffffk", data={**REGISTRY, "name": "mine", "workspace": "shop"}),
    ("hub:registry", "get"): Route("kkkfk", of="registry"),
    ("hub:edit", "get"): Route("ffffk", of="registry"),
    ("hub:edit", "post"): Route("ffffk", of="registry", data=REGISTRY),
    ("hub:check", "post"): Route("ffkfk", of="registry"),
    ("hub:remove", "post"): Route("ffffk", of="registry"),
    # with the workspace's password
    ("hub:repositories", "get"): Route("ffkfk", of="registry"),
    ("hub:repository", "get"): Route("kkkfk", of="registry", query=REPOSITORY),
    ("hub:tags", "get"): Route("ffkfk", of="registry", query=REPOSITORY),
    ("hub:image", "get"): Route("ffkfk", of="registry", query=REPOSITORY),
    ("images:list", "get"): Route("kkkfk"),
    ("images:pull", "get"): Route("ffkfk"),
    ("images:pull", "post"): Route("ffkfk", data={"host": "local", "reference": "b:1", "workspace": "shop"}),
    ("images:load", "get"): Route("ffkfk"),
    # without a file
    ("images:load", "post"): Route("ff?400f?400", data={"host": "local", "kind": "images", "workspace": "shop"}),
    ("images:tag", "post"): Route("ffkmk", of="image", data={"reference": "z:1"}),
    ("images:untag", "post"): Route("ffkmk", of="image", data={"reference": "a:1"}),
    ("images:push", "post"): Route("ffkmk", of="image", data={"reference": "registry.example/z:1"}),
    # to where it is
    ("images:copy", "post"): Route("ff?400m?400", of="image", data={"to_host": "local", "registry": "r.example"}),
    ("images:download", "get"): Route("ffkfk", of="image"),
    ("images:image", "get"): Route("kkkfk", of="image"),
    ("images:remove", "post"): Route("ffkmk", of="image"),
    ("images:share", "post"): Route("fffmf", of="image", data={"workspace": "shop"}),
    ("images:starter", "post"): Route("ffkmk", of="host"),
    ("networks:list", "get"): Route("kkkfk"),
    ("networks:topology", "get"): Route("kkkfk"),
    ("networks:new", "get"): Route("ffkfk"),
    ("networks:new", "post"): Route("ffkfk", data={**NETWORK, "workspace": "shop"}),
    ("networks:prune", "get"): Route("ffkfk"),
    ("networks:prune", "post"): Route("ffkfk", data={"host": "local", "workspace": "shop", "names": "shop_net"}),
    ("networks:network", "get"): Route("kkkfk", of="network"),
    ("networks:connect", "post"): Route("ffkmk", of="network", data={"container": "web-1"}),
    ("networks:disconnect", "post"): Route("ffkmk", of="network", data={"container": "web-1"}),
    ("networks:move", "post"): Route("fffmf", of="network", data={"workspace": "shop"}),
    ("networks:remove", "post"): Route("ffkmk", of="network"),
    ("volumes:list", "get"): Route("kkkfk"),
    ("volumes:new", "get"): Route("ffkfk"),
    ("volumes:new", "post"): Route(
        "ffkfk", data={"host": "local", "name": "shop_v{n}", "driver": "local", "workspace": "shop"}
    ),
    ("volumes:prune", "get"): Route("ffkfk"),
    ("volumes:prune", "post"): Route("ffkfk", data={"host": "local", "workspace": "shop", "names": "shop_files"}),
    ("volumes:measure", "post"): Route("ffkmk", of="host"),
    ("volumes:volume", "get"): Route("kkkfk", of="volume"),
    # to see a volume is not to see what is in it
    ("volumes:files", "get"): Route("ffkfk", of="volume"),
    ("volumes:files", "post"): Route("ffkfk", of="volume"),
    ("volumes:back_up", "post"): Route("ffkmk", of="volume", data={"keep_days": "1"}),
    ("volumes:clone", "post"): Route("ffkmk", of="volume", data={"to": "shop_copy{n}"}),
    ("volumes:move", "post"): Route("fffmf", of="volume", data={"workspace": "shop"}),
    ("volumes:remove", "get"): Route("ffkfk", of="volume"),
    ("volumes:remove", "post"): Route("ffkfk", of="volume", data={"typed": "shop_files"}),
    ("backups:list", "get"): Route("kkkfk"),
    ("backups:download", "get"): Route("ffkfk", of="backup"),
    ("backups:restore", "get"): Route("ffkfk", of="backup"),
    ("backups:restore", "post"): Route("ffkfk", of="backup", data={"host": "local", "name": "shop_again{n}"}),
    # gone after the first who may
    ("backups:remove", "post"): Route("ffkmm", of="backup"),
    ("builds:list", "get"): Route("kkkkk"),
    ("builds:new", "get"): Route("ffkfk"),
    ("builds:new", "post"): Route("ffkfk", data={**BUILD, "workspace": "shop"}),
    ("builds:build", "get"): Route("kkkkk", of="failed"),
    ("containers:list", "get"): Route("kkkfk"),
    ("containers:run", "get"): Route("ffkfk"),
    ("containers:run", "post"): Route("ffkfk", data={"host": "local", "image": "a:1", "workspace": "shop"}),
    ("containers:container", "get"): Route("kkkfk", of="container"),
    ("containers:logs", "get"): Route("kkkfk", of="container"),
    ("containers:log_lines", "get"): Route("kkkfk", of="container"),
    ("containers:download", "get"): Route("kkkfk", of="container"),
    ("containers:health", "get"): Route("kkkfk", of="container"),
    ("containers:config", "get"): Route("kkkfk", of="container"),
    ("containers:network", "get"): Route("kkkfk", of="container"),
    ("containers:storage", "get"): Route("kkkfk", of="container"),
    ("containers:inspect", "get"): Route("kkkfk", of="container"),
    ("containers:inspect_download", "get"): Route("kkkfk", of="container"),
    ("containers:preview", "post"): Route("ffkfk", data={"host": "local", "image": "a:1", "workspace": "shop"}),
    ("containers:many", "get"): Route("kkkfk", query={"action": "stop", "picked": "local/web-1"}),
    ("containers:many", "post"): Route("fkkfk", data={"action": "stop", "picked": "local/web-1", "sure": "yes"}),
    ("containers:restart", "post"): Route("fkkmk", of="container"),
    ("containers:pause", "post"): Route("fkkmk", of="container"),
    ("containers:unpause", "post"): Route("fkkmk", of="container"),
    ("containers:kill", "post"): Route("fkkmk", of="container", data={"signal": "HUP"}),
    ("containers:rename", "post"): Route("ffkmk", of="container", data={"to": "web-9"}),
    ("containers:limits", "post"): Route("ffkmk", of="container", data={"cpus": "1"}),
    ("containers:edit", "get"): Route("ffkfk", of="container"),
    ("containers:edit", "post"): Route("ffkfk", of="container", data={"image": "a:1"}),
    ("containers:clone", "get"): Route("ffkfk", of="container"),
    ("containers:clone", "post"): Route(
        "ffkfk", of="container", data={"count": "1", "pattern": "a", "ports": "engine"}
    ),
    ("containers:revisions", "get"): Route("kkkfk", of="container"),
    ("containers:move", "post"): Route("fffmf", of="container", data={"workspace": "shop"}),
    ("containers:start", "post"): Route("fkkmk", of="container"),
    ("containers:stop", "post"): Route("fkkmk", of="container"),
    ("containers:remove", "post"): Route("ffkmk", of="container"),
    ("timeline:list", "get"): Route("kkkfk"),
    ("timeline:history", "get"): Route("kkkfk", of="container"),
    ("timeline:crash", "get"): Route("kkkfk", of="crash"),
    ("timeline:markers", "get"): Route("kkkfk", of="container"),
    ("terminals:terminal", "get"): Route("ffkfk", of="container"),
    ("terminals:open", "post"): Route("ffkmk", of="container"),
    ("terminals:list", "get"): Route("ffkkk"),
    ("terminals:session", "get"): Route("ffkkk", of="terminal"),
    # another's: an auditor reads what was recorded and ends nothing
    ("terminals:end", "post"): Route("mmffk", of="terminal"),
    ("terminals:recording", "get"): Route("mmfkk", of="terminal"),
    ("terminals:rules", "get"): Route("ffkfk", of="workspace"),
    ("terminals:rules", "post"): Route("fffff", of="workspace", data=TERMINAL_RULES),
    # a host is of all its workspaces: none of them may clear it
    ("prune:hosts", "get"): Route("ffffk"),
    ("prune:host", "get"): Route("ffffm", of="host"),
    ("prune:host", "post"): Route("ffffm", of="host", data=PRUNE),
    ("prune:restore", "post"): Route("ffffm", of="held"),
    ("prune:remove", "post"): Route("ffffm", of="held"),
    ("stats:container", "get"): Route("kkkfk", of="container"),
    ("stats:history", "get"): Route("kkkfk", of="container"),
    ("stats:samples", "get"): Route("kkkfk", of="container"),
    ("hosts:list", "get"): Route("kkkfk"),
    ("hosts:host", "get"): Route("kkkfk", of="host"),
    ("hosts:history", "get"): Route("kkkfk", of="host"),
    ("logs:merged", "get"): Route("kkkfk", query={"c": "local/web-1"}),
    ("logs:search", "get"): Route("kkkfk", query={"c": "local/web-1", "query": "x"}),
    # what is in files may be secret: not for those who only watch
    ("files:browse", "get"): Route("ffkfk", of="container"),
    ("files:view", "get"): Route("ffkfk", of="container", query={"path": "/f"}),
    ("files:download", "get"): Route("ffkfk", of="container", query={"path": "/f"}),
    ("files:upload", "post"): Route("ffkfk", of="container", data={"path": "/", "files": EMPTY_FILE}),
    ("files:new_directory", "post"): Route("ffkfk", of="container", data={"path": "/", "directory": "d"}),
    ("files:move", "post"): Route("ffkfk", of="container", data={"path": "/f", "to": "/g"}),
    ("files:remove", "post"): Route("ffkfk", of="container", data={"path": "/f"}),
    ("files:changes", "get"): Route("ffkfk", of="container"),
    ("files:compare", "get"): Route("ffkfk", of="container", query={"path": "/f"}),
    ("files:noise", "post"): Route("ffkfk", of="container", data={"patterns": "/tmp"}),
    ("files:freeze", "get"): Route("ffkfk", of="container"),
    ("files:freeze", "post"): Route("ffkfk", of="container", data={"tag": "c:1"}),
    ("files:reset", "get"): Route("ffkfk", of="container"),
    ("files:reset", "post"): Route("ffkfk", of="container", data={"confirmation": "web-1"}),
    ("teams:list", "get"): Route("ffffk"),
    ("teams:new", "post"): Route("fffff", data={"slug": "mine"}),
    ("teams:team", "get"): Route("ffffk", of="team"),
    ("teams:add", "post"): Route("mmmmf", of="team", data={"username": "kim"}),
    ("teams:remove", "post"): Route("mmmmf", of="member"),
    ("teams:delete", "post"): Route("mmmmf", of="team"),
    ("roles:list", "get"): Route("ffffk"),
    ("roles:new", "get"): Route("fffff"),
    ("roles:new", "post"): Route("fffff", data={"slug": "mine", "permissions": "container.view"}),
    ("roles:role", "get"): Route("ffffk", of="role"),
    ("roles:role", "post"): Route("fffff", of="role", data={"permissions": "container.view"}),
    ("roles:delete", "post"): Route("mmmmf", of="role"),
    ("grants:list", "get"): Route("ffffk"),
    ("grants:new", "get"): Route("ffffk"),
    ("grants:new", "post"): Route("ffffk", data={**GRANT, "workspace": "shop"}),
    ("grants:why", "get"): Route("ffffk", query={"who": "kim", "permission": "container.view", "thing": "shop/web-1"}),
    ("grants:revoke", "post"): Route("mmmmk", of="grant"),
}
# things of no workspace: one who may see them at all sees all of them
SHARED = {"host", "format", "team", "member", "role", "person"}
# pages that are both shown and sent
BOTH = {
    *("accounts:help_back_in", "account:password", "account:totp", "account:passkey"),
    *("secrets:secret", "notifications:new_rule", "notifications:rule"),
    *("notifications:new_channel", "notifications:channel"),
    *("workspaces:workspace", "workspaces:policy", "builds:new", "containers:run", "jobs:rules", "terminals:rules"),
    *("workspaces:workspace", "workspaces:policy", "builds:new", "containers:run", "jobs:rules"),
    *("containers:many", "containers:edit", "containers:clone"),
    *("schedules:new", "schedules:edit"),
    *("hub:new", "hub:edit", "images:pull", "images:load", "prune:host"),
    *("account:settings", "shares:container_log", "shares:job_output"),
    *("networks:new", "networks:prune", "volumes:new", "volumes:prune", "volumes:files", "volumes:remove"),
    "backups:restore",
    *("stacks:new", "stacks:edit"),
    *("roles:new", "roles:role", "grants:new", "tokens:own"),
    *("roles:new", "roles:role", "grants:new", "tokens:own", "files:freeze"),
    *("roles:new", "roles:role", "grants:new", "tokens:own", "files:freeze", "files:reset"),
}
TOPICS = {
    "rows.containers": "kkkfk",
    "rows.changes": "kkkfk",
    "rows.images": "kkkfk",
    "rows.networks": "kkkfk",
    "rows.volumes": "kkkfk",
    "rows.shares": "kkkkk",
    "rows.jobs": "kkkkk",
    "rows.registries": "kkkfk",
    "rows.quarantined": "ffffk",
    "rows.hosts": "kkkfk",
    "rows.terminals": "ffkkk",
    "rows.stats": "kkkfk",
    "rows.schedules": "kkkfk",
    "rows.stacks": "kkkfk",
    "rows.audit": "fffkk",
    "rows.workspaces": "kkkfk",
    "rows.secrets": "ffkfk",
    "rows.notes": "kkkkk",
    "rows.rules": "fkkfk",
    "rows.channels": "fkkfk",
    "rows.deliveries": "fkkfk",
    "rows.silences": "fkkfk",
    "rows.grants": "ffffk",
    "container.{container}": "kkkmk",
    "container.{container}.log": "kkkmk",
    "container.{container}.stats": "kkkmk",
    "job.{job}": "kkkkk",
    "job.{job}.output": "kkkkk",
}
KINDS = {
    "container.run": "ffkfk",
    "container.start": "fkkfk",
    "container.stop": "fkkfk",
    "container.remove": "ffkfk",
    "container.restart": "fkkfk",
    "container.pause": "fkkfk",
    "container.unpause": "fkkfk",
    "container.kill": "fkkfk",
    "container.rename": "ffkfk",
    "container.update": "ffkfk",
    "container.replace": "ffkfk",
    "container.clone": "ffkfk",
    "containers.start": "fkkfk",
    "containers.stop": "fkkfk",
    "containers.restart": "fkkfk",
    "containers.remove": "ffkfk",
    "container.freeze": "ffkfk",
    "files.upload": "ffkfk",
    "files.make-directory": "ffkfk",
    "files.move": "ffkfk",
    "files.remove": "ffkfk",
    # a plan is agreed to once: it is planned anew
    "stack.deploy": "ffkfk",
    "stack.remove": "ffkfk",
    "image.build": "ffkfk",
    "image.remove": "ffkfk",
    "image.pull": "ffkfk",
    "image.push": "ffkfk",
    "image.tag": "ffkfk",
    "image.untag": "ffkfk",
    "image.load": "ffkfk",
    "image.import": "ffkfk",
    "host.prune": "ffffk",
    "quarantine.restore": "ffffk",
    "quarantine.remove": "ffffk",
    "network.create": "ffkfk",
    "network.remove": "ffkfk",
    "network.connect": "ffkfk",
    "network.disconnect": "ffkfk",
    "network.prune": "ffkfk",
    "volume.create": "ffkfk",
    "volume.remove": "ffkfk",
    "volume.prune": "ffkfk",
    "volume.measure": "ffkfk",
    "volume.list": "ffkfk",
    "volume.backup": "ffkfk",
    "volume.restore": "ffkfk",
    "volume.clone": "ffkfk",
}
# a message carries no person: it names rows, which operations wrote, or facts, which are read from the host's stream
TASKS = {
    "jobs.dispatch": "sends the row with that number, if it is queued",
    "jobs.ingest": "reads the named host's own stream",
    "jobs.sweep": "takes nothing",
    "jobs.tidy": "takes nothing",
    "access.end_due": "takes nothing",
    "notifications.deliver": "takes nothing",
    "notifications.watch": "takes nothing",
    "notifications.tidy": "takes nothing",
    "schedules.fire": "takes nothing",
    "schedules.tidy": "takes nothing",
    "timeline.tidy": "takes nothing",
    "terminals.sweep": "takes nothing",
    "terminals.tidy": "takes nothing",
    "prune.sweep": "takes nothing",
    "volumes.tidy": "takes nothing",
    "stats.tidy": "takes nothing",
    "audit.head": "takes nothing",
    "audit.check": "takes nothing",
    "audit.seal": "takes nothing",
}
# every websocket, for a person whose own it is; another's is missing to everybody
SOCKETS = {
    "live/": "kkkkk",
    "ws/terminal/<str:key>": "ffkmk",
}
AGENT_TASKS = {
    "jobs.execute": "does only what is signed with the host's key",
    "jobs.pulse": "takes nothing",
    "jobs.keep_head": "keeps a line beside those it has, which its own signature vouches for",
}


@dataclass(frozen=True)
class World:
    things: dict[str, dict[str, Any]]
    container: int
    job: int

    def address(self, name: str, of: str, *, missing: bool = False) -> str:
        given = self.things.get(of, {})
        return reverse(name, kwargs={key: NOTHING[key] if missing else value for key, value in given.items()})


def _play_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines and registries that answer: with nothing, so that who is let in is all there is to see."""
    monkeypatch.setattr(exporting, "download", lambda _image: iter([b"tar"]))
    monkeypatch.setattr(usage, "detail_of", lambda _image: DETAIL)
    monkeypatch.setattr(usage, "uses_of", lambda hosts, **_: {host.name: DiskUse(0) for host in hosts})
    monkeypatch.setattr(prune_queries, "uses_of", lambda hosts, **_: {host.name: DiskUse(0) for host in hosts})
    monkeypatch.setattr(RegistryClient, "check", lambda _self: None)
    monkeypatch.setattr(RegistryClient, "repositories", lambda _self, **_: Names([]))
    monkeypatch.setattr(RegistryClient, "tags", lambda _self, _repository, **_: Names([]))
    monkeypatch.setattr(RegistryClient, "image", lambda _self, *_: Listed("sha256:" + 64 * "0", is_index=True))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, redis_server: object) -> World:
    """All that "shop" owns, on a host that another workspace uses too."""
    monkeypatch.setattr(sending, "_send", Broker().send)

    async def piece(*_given: object, **_named: object) -> Chunk:
        return Chunk("1")

    async def inspected(*_given: str) -> tuple[dict[str, Any], None]:
        return {"Config": {"Image": "a:1"}}, None

    monkeypatch.setattr(present, "inspected", inspected)
    monkeypatch.setattr(container_views, "log_piece", piece)
    _play_others(monkeypatch)
    monkeypatch.setattr(stats_views, "use_piece", piece)
    monkeypatch.setattr(looking, "look_from_here", lambda _address, _project: HostWorld())
    monkeypatch.setattr(container_views, "whole_log", lambda *_given: iter(["line\n"]))
    for name, function in as_files(FakeFiles()).items():
        monkeypatch.setattr(reading, name, function)
    host, shop = make_host("local"), make_workspace("shop")
    make_workspace("depot")
    container = make_container("web-1", workspace=shop)
    make_change(container, "renamed", old="renamed-thing", new="web-1")
    with writes_allowed("factory"):
        Revision.objects.create(first=container, number=1, cause="found", spec={"image": "a:1"})
    image = make_image("a:1", workspace=shop)
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
        "stack": {"stack_id": make_stack("stacked-thing", host=host, workspace=shop).pk},
    }
    return World(things, container.pk, failed.number)


def one_of(workspace: str, role: Role) -> User:
    user = make_user(None, username=f"{role}-of-{workspace}")
    make_grant(user, role, workspace=make_workspace(workspace))
    return user


def browser(user: User) -> Client:
    return sign_in_browser(Client(), user)


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
    r"\b(nothing-here|web-1|shop|shop_net|shop_files|quay|db-password|night-shift|log-reader|987654|[0-9a-f]{64}|\d+)\b"
)


def body_of(answer: Any) -> str:
    """Without what differs from one answer to the next, and without the names that were asked for."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = re.sub(
        r'(csrf[^>]*?(?:value|content)="|X-CSRFToken&quot;: &quot;|X-CSRFToken": ")[A-Za-z0-9]+',
        r"\1",
        content.decode(),
    )
    text = re.sub(r"<code>[0-9a-f]{12}</code>", "", text)
    return ASKED_FOR.sub("X", text)


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
    tasks.register(app)
    access_tasks.register(app)
    notification_tasks.register(app)
    schedule_tasks.register(app)
    timeline_tasks.register(app)
    terminal_tasks.register(app)
    prune_tasks.register(app)
    volume_tasks.register(app)
    stats_tasks.register(app)
    agent_tasks.register(app, agent)
    assert {name for name in app.tasks if not name.startswith("celery.")} == TASKS.keys() | AGENT_TASKS.keys()


def test_every_socket_is_in_the_table() -> None:
    assert {str(socket.pattern) for socket in asgi.sockets} == SOCKETS.keys()


# --- every cell ---


@pytest.mark.parametrize(("name", "method"), ROUTES)
def test_one_of_the_workspace(world: World, name: str, method: str) -> None:
    route = ROUTES[name, method]
    found = ""
    for role in ROLES:
        client = browser(one_of("shop", role))
        found += letter_of(ask(client, method, world.address(name, route.of), route).status_code)
    assert found == route.own


@pytest.mark.parametrize(("name", "method"), ROUTES)
def test_one_of_another_workspace_learns_nothing(world: World, name: str, method: str) -> None:
    route = ROUTES[name, method]
    for role in ROLES:
        client = browser(one_of("depot", role))
        answer = ask(client, method, world.address(name, route.of), route)
        body = body_of(answer)
        for secret in (
            "web-1",
            "queued-thing",
            "failed-thing",
            "audited-thing",
            "a:1",
            "db-password",
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
            found[where] += socket_letter(browser(user), key)
            if is_of_a_session:
                found["another's"] += socket_letter(browser(user), others)
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
        browser(one_of("shop", role)).post(reverse("grants:new"), data)
    assert Grant.objects.count() == before + 4
