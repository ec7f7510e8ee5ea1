"""``manage.py audit_verify``: is the audit log what was written? Exit code 1 when it is not."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.audit.keys import public_key, seal_key
from console.audit.observations import check
from console.audit.verification import verify


class Command(BaseCommand):
    help = "Compute every seal of the audit log anew, and hold the log against heads that were signed and given away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--witness", action="append", type=Path, default=[], metavar="FILE", help="heads, one per line; repeatable"
        )
        parser.add_argument("--public-key", type=Path, metavar="FILE", help="a copy of signing.pub that you trust")

    def handle(self, *_args: Any, witness: list[Path], public_key: Path | None, **_options: Any) -> None:
        began = time.perf_counter()
        try:
            lines = [line for path in witness for line in path.read_text(errors="replace").splitlines()]
            report = check(witnessed=lines) if public_key is None else _apart(public_key, lines)
        except OSError as error:
            raise CommandError(str(error)) from error
        seconds = time.perf_counter() - began
        for finding in report.findings:
            self.stderr.write(finding)
        facts = (
            f"{report.entries} entries, {report.segments} segments and {report.heads} signed heads in {seconds:.2f} s"
        )
        if not report.is_whole:
            raise CommandError(f"The audit log is NOT what was written ({facts}).", returncode=1)
        self.stdout.write(f"The audit log is whole: {facts}. It ends at entry {report.newest}.")


def _apart(path: Path, lines: list[str]) -> Any:
    """With another public key, and without writing anything down."""
    return verify(seal_key(), public_key(path), witnessed=lines)
