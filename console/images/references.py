"""Image references as a person types them: ``[host[:port]/]path[:tag]``. Pure.

Grammar: github.com/distribution/reference. Only what is pulled is named by digest.
"""

import re
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

DOMAIN = re.compile(r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.[a-zA-Z0-9-]+)*(?::[0-9]+)?")
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
REPOSITORY_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Reference:
    repository: str
    tag: str = "latest"

    @classmethod
    def parse(cls, text: str, *, field: str) -> Self:
        """Invalid (naming ``field``) says what is wrong with it."""
        text = text.strip()
        if not text:
            raise Invalid(_("An image needs a name, such as “shop/web:1.0”."), field=field)
        if "@" in text:
            raise Invalid(_("“%(text)s”: name a tag, not a digest.") % {"text": text}, field=field)
        repository, tag = _split(text)
        _check_repository(repository, text=text, field=field)
        if not TAG.fullmatch(tag):
            raise Invalid(
                _("“%(tag)s” is no tag: letters, digits, “_”, “.” and “-”, at most 128.") % {"tag": tag}, field=field
            )
        return cls(repository, tag)

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


def is_image_id(text: str) -> bool:
    return IMAGE_ID.fullmatch(text) is not None


def _split(text: str) -> tuple[str, str]:
    last = text.rsplit("/", 1)[-1]
    if ":" not in last:
        return text, "latest"
    repository, _colon, tag = text.rpartition(":")
    return repository, tag


def _check_repository(repository: str, *, text: str, field: str) -> None:
    head, slash, rest = repository.partition("/")
    has_domain = bool(slash) and ("." in head or ":" in head or head == "localhost")
    path = rest if has_domain else repository
    if path != path.lower():
        raise Invalid(
            _("“%(text)s”: image names are lower case. Try “%(lower)s”.") % {"text": text, "lower": text.lower()},
            field=field,
        )
    well_formed = all(COMPONENT.fullmatch(part) for part in path.split("/"))
    if not well_formed or (has_domain and not DOMAIN.fullmatch(head)) or len(repository) > REPOSITORY_LIMIT:
        raise Invalid(
            _("“%(text)s” is no image name: lower-case letters and digits, parted by “.”, “_”, “-” or “/”.")
            % {"text": text},
            field=field,
        )


def plain_name(name: str) -> str:
    """One spelling for one name, as engines list it: without Docker's default registry, with a tag."""
    short = plain_repository(name)
    return short if ":" in short.rsplit("/", 1)[-1] else f"{short}:latest"


def plain_repository(name: str) -> str:
    return name.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")


@dataclass(frozen=True, slots=True)
class PullName:
    """What a registry is asked for: a tag, a digest, or with neither every tag of the repository."""

    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str, *, all_tags: bool = False) -> Self:
        """Invalid names ``reference``."""
        name, at, digest = text.strip().partition("@")
        if at and not DIGEST.fullmatch(digest):
            raise Invalid(_("“%(digest)s” is no digest.") % {"digest": digest[:80]}, field="reference")
        reference = Reference.parse(name, field="reference")
        if at or all_tags:
            if all_tags and (at or ":" in name.rsplit("/", 1)[-1]):
                raise Invalid(_("For every tag give the repository alone."), field="reference")
            return cls(reference.repository, digest=digest)
        return cls(reference.repository, reference.tag)

    @property
    def listed_as(self) -> str:
        """The name that its image will have on a host; empty where that is not known before."""
        return plain_name(f"{self.repository}:{self.tag}") if self.tag else ""

    def __str__(self) -> str:
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag}" if self.tag else self.repository
