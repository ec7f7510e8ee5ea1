"""``manage.py capsule_restore FILE --host HOST``: look through a capsule, make a stack of it, and say what runs."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.capsules.commands import ended
from console.capsules.models import StackCapsule
from console.capsules.operations import restore_capsule, upload_capsule
from console.capsules.restoring import plan_restore
from console.operations.actor import Actor
from console.operations.errors import ConsoleError

ACTOR = Actor.system("manage.py capsule_restore")


class Command(BaseCommand):
    help = "Restore a stack from a capsule. Ends with 1 when what runs then is not identical. The console has to run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--host", required=True)
        parser.add_argument("--name", default="", help="of the stack; else as it was called")
        parser.add_argument("--workspace", default="", help="else the first one")
        parser.add_argument("--without-volumes", action="store_true")
        parser.add_argument("--over", action="store_true", help="make volumes anew that are there")
        parser.add_argument("--move-names", action="store_true", help="take names from other images there")
        parser.add_argument("--secrets-from", type=Path, help="a file with NAME=value on each line; else one is asked")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            with options["file"].open("rb") as file:
                capsule = upload_capsule(ACTOR, file, workspace=options["workspace"])
            self.stderr.write(f"{capsule.stack_name}, {capsule.size_bytes:,} bytes, {capsule.fingerprint}")
            job = self._restored(capsule, options)
        except (ConsoleError, OSError) as error:
            raise CommandError(str(error)) from error
        if not job.result["is_identical"]:
            self.stdout.write(f"different {job.result['fingerprint']}")
            for one in job.result["differences"]:
                self.stdout.write("  {subject}: {field} {kind} {locked} → {found}".format_map(one))
            raise SystemExit(1)
        self.stdout.write(f"identical {job.result['fingerprint']}")

    def _restored(self, capsule: StackCapsule, options: dict[str, Any]) -> Any:
        name, host = options["name"] or capsule.stack_name, options["host"]
        with_volumes = not options["without_volumes"]
        plan = plan_restore(ACTOR, capsule.number, host, name=name, with_volumes=with_volumes)
        given = _secrets(options["secrets_from"])
        stack = restore_capsule(
            ACTOR,
            capsule.number,
            host,
            name=name,
            with_volumes=with_volumes,
            over=options["over"],
            moves_names=options["move_names"],
            secrets={one: given.get(one) or getpass.getpass(f"secret {one}: ") for one in plan.missing},
        )
        newest = stack.newest
        assert newest is not None
        assert newest.job is not None
        return ended(newest.job, self.stderr.write)


def _secrets(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name.strip(): value for name, _sign, value in pairs}
