"""The API's document in the checkout, for readers and for programs that make clients of it."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console.project.api import api

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.json"


def text() -> str:
    return json.dumps(api.document(), ensure_ascii=False, indent=1) + "\n"


class Command(BaseCommand):
    help = "Write docs/openapi.json anew. A test fails while it is not what the API says of itself."

    def handle(self, *_args: Any, **_options: Any) -> None:
        SNAPSHOT.write_text(text())
        self.stdout.write(f"{SNAPSHOT}: {len(api.document()['paths'])} addresses")
