"""``manage.py capsule_make STACK --volumes --output FILE``: a stack in one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.capsules.commands import copied_out, ended, named_stack
from console.capsules.operations import make_capsule
from console.capsules.portable import taken_volumes
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.stacks.models import Stack


class Command(BaseCommand):
    help = "Make a capsule of a stack, wait for it, and copy it to a file. The console has to be running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stack", help="its number, HOST/NAME, or its name")
        parser.add_argument("--volumes", nargs="*", help="with the data of these volumes; none named: of all")
        parser.add_argument("--stop", action="store_true", help="stop the containers that have them meanwhile")
        parser.add_argument("--output", type=Path, help="where to copy it; else it is kept by the console alone")

    def handle(self, *_args: Any, **options: Any) -> None:
        stack = named_stack(options["stack"])
        actor = Actor.system("manage.py capsule_make")
        try:
            made = make_capsule(actor, stack.pk, volumes=_volumes(stack, options["volumes"]), stops=options["stop"])
            assert made.job is not None
            ended(made.job, self.stderr.write)
        except ConsoleError as error:
            raise CommandError(str(error)) from error
        made.refresh_from_db()
        if made.state != made.State.KEPT:
            raise CommandError(made.problem or "the capsule is not whole")
        if options["output"] is not None:
            copied_out(made, options["output"])
        self.stdout.write(f"{made.number} {made.sha256} {made.fingerprint}")


def _volumes(stack: Stack, named: list[str] | None) -> list[str]:
    """All of them where the option is given without a name, none without the option."""
    if named is None:
        return []
    release = stack.current
    return named or (list(taken_volumes(release.project)) if release is not None else [])
