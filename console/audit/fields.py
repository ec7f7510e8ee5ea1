"""A JSON column that is text in every database, byte for byte as it was sealed."""

import json
from typing import Any

from django.db import models

from console.audit.chain import details_text


class SealedJson(models.TextField):  # type: ignore[type-arg]
    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """Text that is no JSON is shown as it is: somebody wrote it, and the log must still be readable."""
        try:
            return json.loads(value or "{}")
        except ValueError:
            return {"?": value}

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str:
        return value if isinstance(value, str) else details_text(value or {})
