"""Rows of everything that a console has, every text of them hostile. Run inside an instance by ``manage.py shell``."""

import itertools
import json
from typing import Any

from console.accounts.models import User
from console.containers.models import Container
from console.operations.permissions import Role
from console.stacks.models import Stack
from tests.console.schedules.conftest import make_schedule
from tests.console.stacks.conftest import make_stack
from tests.e2e.payloads import TEXTS
from tests.factories.console import (
    make_custom_role,
    make_entry,
    make_grant,
    make_host,
    make_job,
    make_secret,
    make_team,
    make_terminal,
    make_user,
    make_workspace,
)
from tests.factories.hub import make_quarantined, make_registry
from tests.factories.notifications import make_channel, make_delivery, make_event, make_rule, make_silence
from tests.factories.timeline import make_capsule, make_change
from tests.factories.wires import make_backup, make_share

_texts = itertools.cycle(TEXTS)
COMPOSE = "services: {{web: {{image: app, environment: {{A: {text}}}, labels: {{b: {text}}}}}}}"


def text() -> str:
    """The next of them."""
    return next(_texts)


def furnish() -> None:
    """Prints what stands in addresses, as JSON."""
    admin, web = User.objects.get(username="dana"), Container.objects.get(name="web-1", gone_at=None)
    kim = make_user(None, username="kim")
    make_grant(make_team("ops", kim), make_custom_role("log-reader", "container.logs"), reason=text())
    channel = make_channel(text(), url="https://hooks.example/x")
    make_delivery(channel, event=make_event(text(), workspace=make_workspace()), error=text())
    make_silence(text())
    registry = make_registry("quay", username=text(), trouble=text())
    make_quarantined(text(), text())
    for _ in TEXTS:
        make_entry(text(), workspace=make_workspace())
    job = _job(admin)
    make_share(admin, web, "hostile-token", note=text())
    quoted = json.dumps(text())
    facts: dict[str, Any] = {
        "image": Container.objects.get(pk=web.pk).image_engine_id[:12],
        "job": job,
        "rule": make_rule(text(), channel).pk,
        "channel": channel.pk,
        "crash": _crash(web),
        "terminal": make_terminal(admin, web, is_recorded=True, user_name=text()).number,
        "backup": make_backup(note=text()).number,
        "schedule": make_schedule(admin, name=text(), inputs={"tag": text(), "dockerfile": text()}).pk,
        "person": make_user(Role.VIEWER, username=text()[:140]).pk,
        "stack": make_stack(files={"compose.yaml": COMPOSE.format(text=quoted), ".env": f"A={text()}"}).pk,
        "registry": registry.pk,
    }
    make_secret("db-password")
    print(json.dumps(facts))  # noqa: T201 - to the test that has started this


def furnish_plainly(stack: int) -> None:
    """What a team might have around that stack. Prints what stands in addresses, as JSON."""
    ada = User.objects.get(username="ada")
    shop = Stack.objects.get(pk=stack)
    kim, lee = make_user(None, username="kim"), make_user(None, username="lee")
    make_grant(make_team("shop-team", kim, lee), Role.DEVELOPER, workspace=make_workspace("shop"))
    make_grant(kim, make_custom_role("log-reader", "container.logs", "container.view"), reason="on call this week")
    make_grant(make_user(None, username="choi"), Role.AUDITOR)
    channel = make_channel("operators", url="https://hooks.example/operators")
    make_rule("Everything that fails", channel)
    make_delivery(channel, event=make_event("main_shop-web-3", workspace=shop.workspace))
    make_silence("planned work on the network")
    make_registry("quay", username="deployer")
    make_schedule(ada, name="nightly build", inputs={"tag": "shop/web:nightly", "dockerfile": "FROM tiers:1"})
    for name in ("db-password", "quay-token", "tls-key"):
        make_secret(name)
    web = Container.objects.get(name="main_shop-web-1", gone_at=None)
    make_terminal(ada, web, is_recorded=True, user_name="ada")
    print(json.dumps({}))  # noqa: T201 - to the program that has started this


def _job(user: User) -> int:
    """One for each text; a failed one's number."""
    for one in TEXTS:
        make_job("container.run", user=user, on_name=one[:255], args={"image": one, "env": {"A": one}, "name": one})
    args = {"tag": text(), "dockerfile": text(), "labels": {text(): text()}}
    return make_job("image.build", state="failed", user=user, on_name=text(), error=text(), args=args).number


def _crash(web: Container) -> int:
    make_change(web, "renamed", old=text(), new=text())
    make_change(web, "exec", program=text())
    make_change(web, "connected", network=text())
    make_change(web, "reconfigured", changes=[{"what": text(), "from": text(), "to": text()}])
    make_change(web, "died", exit_code=1, is_trouble=True)
    make_host("local")
    return make_capsule(web).number
