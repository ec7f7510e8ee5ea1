"""Networks, volumes and backups as tests want them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.accounts.models import User
from console.accounts.tokens import hash_token
from console.containers.models import Container
from console.jobs.models import Job
from console.networks.models import Network
from console.operations.governed import writes_allowed
from console.shares.models import Share
from console.volumes.files import files
from console.volumes.models import Backup, Volume, VolumeListing
from tests.factories.console import digits, make_host, make_workspace


def member(container: Any, *, ipv4: str = "172.18.0.2", aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a network says of a container (a row) that is on it."""
    about = {"container": container.engine_id, "name": container.name, "ipv4": ipv4, "ipv6": "", "mac": ""}
    return {**about, "aliases": list(aliases)}


def user(container: Any, *, destination: str = "/data") -> dict[str, Any]:
    """What a volume says of a container (a row) that has it."""
    about = {"container": container.engine_id, "name": container.name, "destination": destination}
    return {**about, "is_writable": True, "job": ""}


def make_network(name: str = "main_front", **facts: Any) -> Network:
    now = timezone.now()
    given = {
        "host": make_host(),
        "workspace": facts.get("workspace") or make_workspace(),
        "engine_id": digits(),
        "name": name,
        "driver": "bridge",
        "scope": "local",
        "subnets": [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.1", "ip_range": ""}],
        "created_at": now - timedelta(hours=1),
        "seen_at": now,
        **facts,
    }
    with writes_allowed("factory"):
        return Network.objects.create(**given)


def make_volume(name: str = "main_data", **facts: Any) -> Volume:
    now = timezone.now()
    given = {
        "host": make_host(),
        "workspace": facts.get("workspace") or make_workspace(),
        "name": name,
        "driver": "local",
        "scope": "local",
        "mountpoint": f"/var/lib/naru/volumes/{name}/_data",
        "created_at": now - timedelta(hours=1),
        "seen_at": now,
        **facts,
    }
    with writes_allowed("factory"):
        return Volume.objects.create(**given)


def make_listing(volume: Volume, *paths: str) -> VolumeListing:
    """A path that ends in a slash is a directory."""
    entries = [
        {
            "path": path.strip("/"),
            "kind": "directory" if path.endswith("/") else "file",
            "size_bytes": 0 if path.endswith("/") else 5,
            "modified_s": 1_700_000_000,
            "mode": "-rw-r--r--",
            "owner": "0:0",
            "target": "",
        }
        for path in paths
    ]
    with writes_allowed("factory"):
        return VolumeListing.objects.create(volume=volume, entries=entries, listed_at=timezone.now())


def make_backup(volume_name: str = "main_data", content: bytes = b"a tar", **facts: Any) -> Backup:
    """Kept, unless ``state`` says otherwise; then its file is there too."""
    given = {
        "host": make_host(),
        "host_name": make_host().name,
        "workspace": facts.get("workspace") or make_workspace(),
        "volume_name": volume_name,
        "driver": "local",
        "state": Backup.State.KEPT,
        "size_bytes": len(content),
        "sha256": "5" * 64,
        "made_by_name": "kim",
        **facts,
    }
    with writes_allowed("factory"):
        backup = Backup.objects.create(**given)
    if backup.state == Backup.State.KEPT:
        files.write_piece(backup.pk, 0, content)
        files.keep(backup.pk)
    return backup


def make_share(maker: User, shown: Container | Job, token: str = "a-token", **facts: Any) -> Share:
    """A link that works for a day."""
    is_job = isinstance(shown, Job)
    given = {
        "token_hash": hash_token(token),
        "kind": Share.Kind.JOB_OUTPUT if is_job else Share.Kind.CONTAINER_LOG,
        "job" if is_job else "container": shown,
        "shown_name": shown.target_name,
        "maker": maker,
        "workspace": shown.workspace,
        "host": shown.host,
        "expires_at": timezone.now() + timedelta(days=1),
        **facts,
    }
    with writes_allowed("factory"):
        return Share.objects.create(**given)
