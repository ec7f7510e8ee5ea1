"""``manage.py invite --role operator``: a one-time link for one new person, when the web page is not at hand."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console.accounts.operations import create_invitation
from console.operations.actor import Actor
from console.operations.permissions import Role


class Command(BaseCommand):
    help = "Print a link, good once and for three days, that makes one person with a role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", choices=[role.value for role in Role], default=Role.VIEWER.value)

    def handle(self, *_args: Any, **options: Any) -> None:
        issued = create_invitation(Actor.system("manage.py invite"), Role(options["role"]))
        self.stdout.write(f"{settings.ENVIRONMENT.url}{issued.path}")
