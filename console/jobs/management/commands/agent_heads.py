"""``manage.py agent_heads``: the signed heads of the audit log that this machine's agent was given, one per line."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.jobs.agent.journal import Journal


class Command(BaseCommand):
    help = "Print the signed heads of the audit log that this machine's agent keeps, for audit_verify --witness."
    requires_system_checks = ()  # an agent's machine has neither the key nor the database

    def add_arguments(self, parser: ArgumentParser) -> None:
        path = Path(settings.NARU_DATA) / f"agent-{settings.NARU_HOST_NAME}.sqlite3"
        parser.add_argument("--journal", type=Path, default=path, metavar="FILE", help=f"default {path}")

    def handle(self, *_args: Any, journal: Path, **_options: Any) -> None:
        if not journal.is_file():
            raise CommandError(f"{journal} is not there: no agent has run here")
        kept = Journal(journal)
        try:
            for line in kept.heads():
                self.stdout.write(line)
        finally:
            kept.close()
