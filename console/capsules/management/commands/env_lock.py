"""``manage.py env_lock STACK > env.lock``: take a stack's fingerprint, as it runs now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.capsules.commands import named_stack
from console.capsules.operations import take_fingerprint
from console.operations.actor import Actor
from console.operations.errors import ConsoleError


class Command(BaseCommand):
    help = "Print the env.lock of a stack: what runs, and its fingerprint."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stack", help="its number, HOST/NAME, or its name")

    def handle(self, *_args: Any, **options: Any) -> None:
        stack = named_stack(options["stack"])
        try:
            found = take_fingerprint(Actor.system("manage.py env_lock"), stack.pk)
        except ConsoleError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(found.lock.text(), ending="")
        self.stderr.write(found.fingerprint)
