"""A path that a client names inside a container: absolute, clean, and with the ending that says what is meant.

    /a/link     the link itself
    /a/link/    what it leads to, which goes by the link's name
    /a/link/.   what it leads to, which goes by the name "."

(moby: archive.PreserveTrailingDotOrSeparator, container.ResolvePath.)
"""

import posixpath
from dataclasses import dataclass

from engine.model.errors import Invalid

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class ContainerPath:
    """``directory`` is absolute. ``base`` is "" or "." where ``directory`` itself is meant."""

    directory: str
    base: str

    @classmethod
    def parse(cls, text: str) -> "ContainerPath":
        """Raises Invalid. Bytes that are no UTF-8 come as surrogates."""
        if not text:
            raise Invalid("path: cannot be empty")
        if "\0" in text or len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
            raise Invalid(f"path: NUL and more than {_LONGEST} bytes are not allowed")
        clean = posixpath.normpath("/" + text.lstrip("/"))
        if clean == "/":
            return cls("/", "." if posixpath.basename(text.rstrip("/")) == "." else "")
        if posixpath.basename(text.rstrip("/")) == ".":
            return cls(clean, ".")
        if text.endswith("/"):
            return cls(clean, "")
        return cls(posixpath.dirname(clean), posixpath.basename(clean))

    @property
    def is_directory(self) -> bool:
        """Asked for as one: what is not a directory does not fit."""
        return self.base in ("", ".")

    @property
    def whole(self) -> str:
        return self.directory if self.is_directory else posixpath.join(self.directory, self.base)

    @property
    def name(self) -> str:
        """What the thing is called in an archive: Go's filepath.Base of the path as given."""
        if self.base:
            return self.base
        return posixpath.basename(self.directory) or "/"
