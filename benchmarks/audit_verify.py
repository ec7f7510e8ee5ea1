"""How long the check of an audit log takes, and a new entry in it.

    python -m benchmarks.audit_verify [--entries 100000] [--json]

In a database of its own in a temporary directory (SQLite, or PostgreSQL with DATABASE_URL naming an empty database).
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from typing import Any

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the verification of an audit log.")
    parser.add_argument("--entries", type=int, default=100_000, metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="naru-bench-", dir="/var/tmp") as data:
        result = measured(data, options.entries)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print("\n".join(f"{name:32}{value:>12}" for name, value in result.items()))


def rung_nowhere(_topic: str, _payload: dict[str, object]) -> None:
    """There is no Redis here."""


def measured(data: str, entries: int) -> dict[str, float]:
    os.environ |= {"NARU_DATA": data, "NARU_RUN": data, "DJANGO_SETTINGS_MODULE": "console.project.settings"}
    import django
    from django.conf import settings

    settings.SECRET_KEY = "only-for-this-measurement"
    settings.NARU_PUBLISHER = "benchmarks.audit_verify.rung_nowhere"
    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from django.utils import timezone

    from console.audit.chain import GENESIS, Row, details_text, seal
    from console.audit.keys import public_key, seal_key
    from console.audit.models import AuditEntry, AuditHead
    from console.audit.observations import sign_head
    from console.audit.verification import verify
    from console.operations.actor import Actor
    from console.operations.permissions import Permission
    from console.operations.runner import operation

    call_command("migrate", verbosity=0, interactive=False)
    said: dict[str, Any] = {"image": "registry.example/team/shop:1.4", "ports": ["8080:80"], "job": 1204}
    row = Row(
        0, timezone.now(), "user", "ada", "192.0.2.7", "image.build", "image", "sha256:ab", "shop-web-1", "allowed", "",
        details_text(said),
    )  # fmt: skip
    key, sealed, rows = seal_key(), GENESIS, []
    for seq in range(1, entries + 1):
        row = row._replace(seq=seq)
        sealed = seal(key, sealed, row)
        rows.append(AuditEntry(**row._asdict(), seal=sealed))
    with transaction.atomic():
        AuditEntry.objects.bulk_create(rows, batch_size=500)
        AuditHead.objects.create(pk=AuditHead.ONLY, seq=entries, seal=sealed)
    del rows
    sign_head()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        report = verify(seal_key(), public_key())
        times.append(time.perf_counter() - began)
        if report.findings or report.entries != entries:
            raise SystemExit(f"the log is not whole: {report.findings}")
    operations = []
    for _ in range(200):
        began = time.perf_counter()
        with operation(Actor.system("benchmark"), Permission.IMAGE_BUILD, **said):
            pass
        operations.append(time.perf_counter() - began)
    return {
        "entries": entries,
        "verified in, s": round(statistics.median(times), 3),
        "an operation, committed, ms": round(1e3 * statistics.median(operations), 2),
        "memory, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
