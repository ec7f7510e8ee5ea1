"""Incidents that agents tell of: of the first ones there is a capsule, the rest are counted. Inside an observation."""

import json
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import F

from console.containers.models import Container
from console.hosts.models import Host
from console.hosts.signing_key import host_key
from console.jobs.agent.incidents import PER_CONTAINER
from console.jobs.agent.keeping import capsule_about
from console.jobs.facts import Fact
from console.jobs.signing import open_told
from console.operations.errors import Denied
from console.timeline import files
from console.timeline.models import Capsule
from console.timeline.noting import time_of

log = structlog.get_logger(__name__)

HOUR = timedelta(hours=1)
LARGEST = 400_000


def take_incident(host: Host, fact: Fact, contents: dict[str, Any] | None) -> None:
    if Capsule.objects.filter(host=host, key=_key(fact)).exists():
        return
    if contents is None or _are_enough(host, fact):
        _count(host, fact)
    else:
        row = Container.objects.filter(host=host, engine_id=fact["engine_id"]).first()
        _keep(host, row, fact, contents)


def opened(host_name: str, fact: Fact) -> dict[str, Any] | None:
    """What the agent kept; None where it kept nothing, or where another than that host's agent says so."""
    sealed, at_ns = str(fact["sealed"]), int(fact["at_ns"])
    if not sealed or len(sealed) > LARGEST:
        return None
    salt = Host.objects.filter(name=host_name).values_list("signing_salt", flat=True).first() or ""
    key = host_key(settings.SECRET_KEY, host_name, salt)
    try:
        text = open_told(sealed, key, about=capsule_about(host_name, str(fact["engine_id"]), at_ns))
    except Denied as error:
        log.error("capsule refused", host=host_name, why=str(error))
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def _keep(host: Host, row: Container | None, fact: Fact, contents: dict[str, Any]) -> None:
    code = fact["exit_code"] if fact["exit_code"] is not None else contents.get("exit_code")
    capsule = Capsule.objects.create(
        host=host,
        container=row,
        engine_id=str(fact["engine_id"])[:64],
        name=str(fact["name"])[:255],
        what=Capsule.What(fact["what"]),
        at=time_of(int(fact["at_ns"])),
        exit_code=code if isinstance(code, int) and abs(code) < 2**31 else None,
        image_engine_id=str(contents.get("image_engine_id", ""))[:64],
        fingerprint=str(contents.get("fingerprint", ""))[:16],
        line_count=len(contents.get("lines", ())),
        key=_key(fact),
    )
    # a file whose row is not written after all is swept
    capsule.size_bytes = files.write(capsule.number, contents)
    capsule.save(update_fields=["size_bytes"])


def _are_enough(host: Host, fact: Fact) -> bool:
    """The agent counts too, but forgets when it is started again."""
    at = time_of(int(fact["at_ns"]))
    lately = Capsule.objects.filter(host=host, engine_id=fact["engine_id"], at__gt=at - HOUR, at__lte=at)
    return lately.count() >= PER_CONTAINER


def _count(host: Host, fact: Fact) -> None:
    """With the latest that there is; a fact that comes twice counts twice, which is a small lie."""
    latest = Capsule.objects.filter(host=host, engine_id=fact["engine_id"]).first()
    if latest is not None:
        Capsule.objects.filter(pk=latest.pk).update(more=F("more") + 1)


def _key(fact: Fact) -> str:
    return f"{str(fact['engine_id'])[:64]}:{int(fact['at_ns'])}"
