"""How long the server takes for the pages that people keep open, in a console that has seen much.

    python -m benchmarks.pages [--containers 1000] [--jobs 50000] [--hosts 10] [--rounds 40] [--json]

Each page is asked for by an administrator and by somebody who may see one workspace of two, as the whole page. Counted
are its queries; timed is what the server takes from request to answer, by Django's test client, without network. In a
database of its own in a temporary directory (SQLite, or PostgreSQL with DATABASE_URL naming an empty database).
Exits 1 when a page's 95th percentile exceeds ``--limit-ms``, or its queries ``--limit-queries``.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

PAGES = {
    "overview": "/",
    "containers": "/containers/",
    "containers, by text": "/containers/?text=web-7",
    "containers, by name": "/containers/?sort=name",
    "images": "/images/",
    "builds": "/builds/",
    "jobs": "/jobs/",
    "jobs, failed": "/jobs/?state=failed",
    "jobs, by target": "/jobs/?sort=target",
    "tray": "/jobs/tray/",
    "tray's count": "/jobs/tray/?part=count",
    "hosts": "/hosts/",
    "host": "/hosts/h0/",
    "container": "/containers/h0/web-0/",
    "stats": "/containers/h0/web-0/stats/",
}
KINDS = ("image.build", "container.run", "container.start", "container.stop", "container.remove")


def main() -> int:
    parser = argparse.ArgumentParser(description="Time pages of a console that has seen much.")
    parser.add_argument("--containers", type=int, default=1000, metavar="N")
    parser.add_argument("--jobs", type=int, default=50_000, metavar="N")
    parser.add_argument("--hosts", type=int, default=10, metavar="N")
    parser.add_argument("--rounds", type=int, default=40, metavar="N")
    parser.add_argument("--limit-ms", type=float, default=60.0, metavar="MS")
    parser.add_argument("--limit-queries", type=int, default=12, metavar="N")
    parser.add_argument("--only", default="", metavar="WORD", help="pages with this in their name")
    parser.add_argument("--data", default="", metavar="PATH", help="an empty directory, which stays")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args()
    with ExitStack() as undo:
        data = options.data or undo.enter_context(tempfile.TemporaryDirectory(prefix="naru-bench-", dir="/var/tmp"))
        prepare(data)
        fill(options)
        result = measured(options)
    print(json.dumps(result, indent=2) if options.json else as_text(result))
    slow = [row for row in result if row["p95_ms"] > options.limit_ms or row["queries"] > options.limit_queries]
    return 1 if slow else 0


def rung_nowhere(_topic: str, _payload: dict[str, object]) -> None:
    """There is no Redis here."""


def prepare(data: str) -> None:
    os.environ |= {"NARU_DATA": data, "NARU_RUN": data, "DJANGO_SETTINGS_MODULE": "console.project.settings"}
    import django
    from django.conf import settings

    settings.SECRET_KEY = "only-for-this-measurement"
    settings.NARU_PUBLISHER = "benchmarks.pages.rung_nowhere"
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def fill(options: argparse.Namespace) -> None:
    """Two workspaces that share hosts; a twentieth of the containers is in trouble, as many again are gone."""
    from django.utils import timezone

    from console.containers.models import Container
    from console.hosts.models import Host
    from console.images.models import Image
    from console.jobs.models import Job
    from console.operations.governed import writes_allowed
    from console.workspaces.models import Workspace

    dice, now = random.Random(7), timezone.now()
    with writes_allowed("benchmark"):
        shops = [Workspace.objects.get_or_create(slug=slug)[0] for slug in ("main", "depot")]
        info = {"version": "0.1.0", "cpus": 8, "memory_bytes": 32 << 30, "runtime": "crun", "operating_system": "Linux"}
        hosts = [
            Host.objects.create(
                name=f"h{n}", address="unix:///nowhere.sock", state="reachable", last_seen_at=now, info=info
            )
            for n in range(options.hosts)
        ]
        Container.objects.bulk_create(
            Container(
                host=hosts[n % len(hosts)],
                workspace=shops[n % 2 if n else 0],
                engine_id=f"{n:064x}"[::-1],
                name=f"web-{n}",
                image=f"registry.example/team/web:{n % 7}",
                command=["sleep", "1000"],
                labels={"com.example.part": f"part-{n % 9}", "com.example.tier": "front"},
                ports=[{"host_address": "127.0.0.1", "host_port": n, "container_port": 80, "protocol": "tcp"}],
                state="exited" if n % 20 == 1 else "running",
                exit_code=1 if n % 20 == 1 else None,
                health="unhealthy" if n % 40 == 2 else "",
                memory_bytes=256 << 20,
                cpus=0.5,
                created_at=now - timedelta(minutes=n),
                started_at=now - timedelta(minutes=n),
                finished_at=now - timedelta(minutes=n) if n % 20 == 1 else None,
                seen_at=now - timedelta(seconds=n),
                gone_at=now - timedelta(minutes=n) if n >= options.containers else None,
            )
            for n in range(2 * options.containers)
        )
        Image.objects.bulk_create(
            Image(
                host=hosts[n % len(hosts)],
                workspace=shops[n % 2],
                engine_id=f"{n:064x}",
                references=[f"registry.example/team/web:{n}"],
                size_bytes=50_000_000 + n,
                created_at=now - timedelta(hours=n),
                seen_at=now,
            )
            for n in range(options.containers)
        )
        Job.objects.bulk_create(
            (_job(Job, n, options.jobs, hosts, shops, dice, now) for n in range(options.jobs)), batch_size=2000
        )
    _use(hosts, int(now.timestamp()))


def _job(model: Any, n: int, jobs: int, hosts: list[Any], shops: list[Any], dice: random.Random, now: Any) -> Any:
    """A tenth has failed, those of the last hours among them; the newest dozen is under way."""
    at = now - timedelta(minutes=jobs - n)
    active = n >= jobs - 12
    return model(
        kind=KINDS[n % len(KINDS)],
        state="running" if active else "failed" if dice.random() < 0.1 else "succeeded",
        host=hosts[n % len(hosts)],
        workspace=shops[n % 2],
        args={"tag": f"web:{n}", "dockerfile": "FROM scratch\n" + "RUN true\n" * 20},
        actor_name=f"person-{n % 30}",
        on_kind="container",
        on_id=str(n % 1000 + 1),
        on_name=f"web-{n % 1000}",
        created_at=at,
        started_at=at,
        finished_at=None if active else at + timedelta(seconds=30),
        output_sealed_at=None if active else at,
    )


def _use(hosts: list[Any], now_s: int) -> None:
    """Six hours of samples of each host, and what its containers use."""
    from console.containers.models import Container
    from console.stats.latest import ContainerUse, HostUse, Latest, container_ring, host_ring, keep_latest

    containers = {
        host.pk: [
            one.engine_id
            for one in Container.objects.filter(host=host, gone_at=None, state="running").only("engine_id")
        ]
        for host in hosts
    }
    host_use = HostUse(12.5, 8, 8e9, 32e9, 0.7, 40e9, 100e9, 60e9, 1e5, 2e5, 95)
    use = ContainerUse(3.5, 4e7, 256 << 20, 100, 200, 0, 4096, 3)
    for host in hosts:
        ring = host_ring(host.name)
        for at_s in range(now_s - 6 * 3600, now_s + 1, 60):
            ring.add(at_s, host_use.values)
        keep_latest(host.name, Latest(now_s + 3600, host_use, dict.fromkeys(containers[host.pk], use)))
    ring = container_ring(hosts[0].name, containers[hosts[0].pk][0])
    for at_s in range(now_s - 3600, now_s + 1, 10):
        ring.add(at_s, use.values)


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    clients = {"administrator": _client(everything=True), "of one workspace": _client(everything=False)}
    rows = []
    for title, address in PAGES.items():
        if options.only not in title:
            continue
        for who, client in clients.items():
            client.get(address)
            with CaptureQueriesContext(connection) as seen:
                answer = client.get(address)
                queries = len(seen)
            if answer.status_code != 200:
                raise SystemExit(f"{address} as {who}: {answer.status_code}")
            times, busy = zip(*(_timed(client, address) for _ in range(options.rounds)), strict=True)
            rows.append(
                {
                    "page": title,
                    "who": who,
                    "queries": queries,
                    "busy_ms": round(statistics.median(busy), 1),
                    "median_ms": round(statistics.median(times), 1),
                    "p95_ms": round(statistics.quantiles(times, n=20, method="inclusive")[-1], 1),
                    "kB": round(len(answer.content) / 1000),
                }
            )
    assert isinstance(client, Client)
    return rows


def _timed(client: Any, address: str) -> tuple[float, float]:
    """Milliseconds that it took, and those of them in which this process was at work."""
    began, busy = time.perf_counter(), time.thread_time()
    client.get(address)
    return 1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - busy)


def _client(*, everything: bool) -> Any:
    from django.test import Client

    from console.access.models import Grant
    from console.accounts.models import User
    from console.operations.governed import writes_allowed
    from console.workspaces.models import Workspace

    with writes_allowed("benchmark"):
        user = User.objects.create(username=f"person-{'all' if everything else 'main'}")
        if everything:
            Grant.objects.create(user=user, role="admin")
        else:
            Grant.objects.create(
                user=user, role="developer", scope="workspace", workspace=Workspace.objects.get(slug="main")
            )
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def as_text(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'page':22} {'who':18} {'queries':>7} {'busy':>9} {'median':>9} {'p95':>9} {'size':>8}"]
    for row in rows:
        times = f"{row['busy_ms']:>6} ms {row['median_ms']:>6} ms {row['p95_ms']:>6} ms"
        lines.append(f"{row['page']:22} {row['who']:18} {row['queries']:>7} {times} {row['kB']:>5} kB")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
