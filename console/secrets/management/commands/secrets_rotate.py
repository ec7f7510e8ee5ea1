"""``manage.py secrets_rotate``: encrypt all secrets with a new key."""

from typing import Any

from django.core.management.base import BaseCommand

from console.secrets.keys import key_numbers
from console.secrets.operations import rotate_keys


class Command(BaseCommand):
    help = "Make a new key, encrypt all secrets with it, and remove keys that nothing is encrypted with any more."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = rotate_keys()
        kept = ", ".join(f"{number:04d}" for number in key_numbers())
        self.stdout.write(f"{done} values are encrypted with key {key_numbers()[-1]:04d} now. Keys kept: {kept}.")
