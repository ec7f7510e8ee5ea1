"""Registries and images in quarantine, as tests want them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.hosts.images import ImageDetail
from console.hosts.models import Host
from console.hub.models import Registry
from console.operations.governed import writes_allowed
from console.prune.models import Quarantined
from console.workspaces.models import Workspace
from tests.factories.console import digits, make_host, make_workspace

DETAIL = ImageDetail("linux/amd64", (), "", (("Cmd", "sh"),), {}, ())


def make_registry(name: str = "quay", *, workspace: Workspace | None = None, **facts: Any) -> Registry:
    # of no network: refused without being asked
    given = {"address": "192.0.2.9:5000", **facts}
    workspace = workspace or make_workspace()
    with writes_allowed("factory"):
        return Registry.objects.create(workspace=workspace, name=name, **given)


def make_quarantined(*references: str, host: Host | None = None, **facts: Any) -> Quarantined:
    given = {"engine_id": digits(), "size_bytes": 2_100_000, "until": timezone.now() + timedelta(days=7), **facts}
    host = host or make_host()
    with writes_allowed("factory"):
        return Quarantined.objects.create(host=host, references=list(references), **given)
