"""Image references: ``[host[:port]/]path[:tag][@digest]`` (grammar: the distribution project's reference package)."""

import re
from dataclasses import dataclass, replace

from engine.model.digest import Digest
from engine.model.errors import Invalid

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LONGEST_NAME = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A normalised reference: ``domain`` and ``path`` are always concrete (``docker.io``, ``library/busybox``)."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        return self._suffixed(f"{self.domain}/{self.path}")

    @property
    def name(self) -> str:
        """Domain and path, without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The short name people type: ``busybox`` for ``docker.io/library/busybox``."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        return self.path.removeprefix("library/") if self.path.count("/") == 1 else self.path

    @property
    def familiar(self) -> str:
        return self._suffixed(self.familiar_name)

    def with_default_tag(self) -> "Reference":
        """The same with ``:latest`` when neither tag nor digest is given."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)

    def as_tag(self) -> "Reference":
        """The same with a tag, fit to be given to an image. Raises Invalid, in Docker's words."""
        if self.digest:
            raise Invalid("refusing to create a tag with a digest reference")
        if self.familiar_name == "sha256":  # nobody could tell sha256:abc from an image's id
            raise Invalid("refusing to create an ambiguous tag using digest algorithm as name")
        return self.with_default_tag()

    def _suffixed(self, name: str) -> str:
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Raises Invalid with the words clients know from Docker."""
        rest, _, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if "@" in text else None
        head, slash, last = rest.rpartition("/")
        last, colon, tag = last.partition(":")
        name = head + slash + last
        domain, path = _split_domain(name)
        if path != path.lower():
            raise _malformed(text, "repository name must be lowercase")
        if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
            raise _malformed(text, "expected [host[:port]/]path[:tag][@sha256:…]")
        if len(name) > _LONGEST_NAME:
            raise _malformed(text, f"repository name must not be more than {_LONGEST_NAME} characters")
        return cls(domain, path, tag or None, digest)


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_domain = slash and (any(mark in first for mark in ".:") or first == "localhost" or first != first.lower())
    if not is_domain:
        return DEFAULT_DOMAIN, name if slash else f"library/{name}"
    if first == "index.docker.io":
        first = DEFAULT_DOMAIN
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def _malformed(text: str, why: str) -> Invalid:
    return Invalid(f"invalid reference format: {why}: {text[:80]!r}")
