"""The API's document in the checkout, for readers and for programs that make clients of it."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.project.api import api

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.json"


def text() -> str:
    return json.dumps(api.document(), ensure_ascii=False, indent=1) + "\n"


class Command(BaseCommand):
    help = "Write docs/openapi.json anew. A test fails while it is not what the API says of itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail if it is not what the API says")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        if check and SNAPSHOT.read_text() != text():
            raise CommandError(f"{SNAPSHOT} is not what the API says of itself: run `make openapi`.")
        if check:
            return
        SNAPSHOT.write_text(text())
        self.stdout.write(f"{SNAPSHOT}: {len(api.document()['paths'])} addresses")
