"""The key sequence that leaves a terminal without ending what runs in it (``ctrl-p,ctrl-q``)."""

import re
from typing import Final

from engine.model.errors import Invalid
from engine.wire.text import shown

_DEFAULT: Final = "ctrl-p,ctrl-q"
_CONTROL: Final = re.compile(r"ctrl-([a-z@\[\\\]^_])", re.IGNORECASE)
_LONGEST: Final = 16


def parse_detach_keys(text: str) -> bytes:
    """Comma separated: single characters and ``ctrl-X``. Raises Invalid."""
    keys = bytearray()
    for key in (text or _DEFAULT).split(","):
        if control := _CONTROL.fullmatch(key):
            keys.append(ord(control.group(1).upper()) & 0x1F)
        elif len(key) == 1 and key.isascii():
            keys.append(ord(key))
        else:
            raise Invalid(f"Invalid detach keys ({shown(text)}) provided: unknown character {shown(key)}")
    if len(keys) > _LONGEST:
        raise Invalid(f"Invalid detach keys ({shown(text)}) provided: more than {_LONGEST} keys")
    return bytes(keys)


class DetachScanner:
    """Watches input for the sequence. What may be its beginning is held back until that is decided."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to pass on, and whether the sequence was found; what follows it is dropped."""
        data = self._held + data
        self._held = b""
        found = data.find(self._keys)
        if found >= 0:
            return data[:found], True
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if self._keys.startswith(data[-length:]):
                self._held = data[-length:]
                return data[:-length], False
        return data, False
