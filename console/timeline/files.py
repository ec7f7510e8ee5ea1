"""What a capsule holds, in a file of its own: ``NARU_DATA/capsules/<number>.capsule``, readable by its owner alone.

Programs print what they like, so the contents are encrypted (AES-256-GCM) by a key that lies beside the folder, in
``NARU_DATA/capsules.key``, and each is bound to its number: a copy of the folder tells nothing, and a file put in the
place of another does not open.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from console.operations.errors import Missing
from console.operations.key_files import made_once
from console.secrets.sealing import NotOurs, seal, unseal

# a file may be there before its row is
GRACE_S = 3600.0
_KEY_BYTES = 32


def write(number: int, contents: dict[str, Any]) -> int:
    """Returns its size. Whole or not at all."""
    path = path_of(number)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sealed = seal(json.dumps(contents, separators=(",", ":")).encode(), key=_key(), about=_about(number))
    new = path.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(sealed)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    return len(sealed)


def read(number: int) -> dict[str, Any]:
    """Missing when the file is gone, or not what was written."""
    try:
        sealed = path_of(number).read_bytes()
        found: dict[str, Any] = json.loads(unseal(sealed, key=_key(), about=_about(number)))
    except FileNotFoundError as error:
        raise Missing(_("What was kept of this is gone.")) from error
    except NotOurs as error:
        raise Missing(_("What was kept of this is not what was written.")) from error
    return found


def remove(numbers: Iterable[int]) -> None:
    for number in numbers:
        path_of(number).unlink(missing_ok=True)


def old_numbers() -> Iterator[int]:
    """Of files that have lain there for long enough to have a row."""
    with contextlib.suppress(FileNotFoundError):
        for path in path_of(0).parent.iterdir():
            if path.suffix == ".capsule" and path.stem.isdecimal() and time.time() - path.stat().st_mtime > GRACE_S:
                yield int(path.stem)


def path_of(number: int) -> Path:
    return Path(settings.NARU_DATA) / "capsules" / f"{number}.capsule"


def _key() -> bytes:
    return made_once(Path(settings.NARU_DATA) / "capsules.key", lambda: secrets.token_bytes(_KEY_BYTES))


def _about(number: int) -> str:
    return f"naru capsule {number}"
