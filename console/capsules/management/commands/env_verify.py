"""``manage.py env_verify FILE STACK``: does the stack run what the env.lock says? Ends with 1 when it does not."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.capsules.commands import named_stack
from console.capsules.locks.document import MOST_BYTES, parse_lock
from console.capsules.operations import verify
from console.operations.actor import Actor
from console.operations.errors import ConsoleError


class Command(BaseCommand):
    help = "Hold what runs against an env.lock, and list what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the env.lock; - reads it from stdin")
        parser.add_argument("stack", help="its number, HOST/NAME, or its name")

    def handle(self, *_args: Any, **options: Any) -> None:
        stack = named_stack(options["stack"])
        try:
            verdict = verify(Actor.system("manage.py env_verify"), stack.pk, lock=parse_lock(_content(options["file"])))
        except (ConsoleError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(verdict.text(), ending="")
        if not verdict.is_identical:
            raise SystemExit(1)


def _content(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
