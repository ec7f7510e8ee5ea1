"""Names of registries, repositories, tags and digests. Pure.

Grammar: github.com/distribution/reference.
"""

import re
from typing import Final

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

ADDRESS: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
DOCKER_HUB: Final = "docker.io"
# other spellings of it
_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_HUB_API: Final = "registry-1.docker.io"
_LONGEST: Final = 255


def checked_address(text: str) -> str:
    """As image names begin with it, in lower case. Invalid (``address``)."""
    address = text.strip().removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    if not ADDRESS.fullmatch(address):
        raise Invalid(_("“%(name)s” is no registry's address.") % {"name": text[:80]}, field="address")
    host, _colon, port = address.partition(":")
    if host in _HUB:
        return DOCKER_HUB
    # without a dot or a port it would be read as the first part of a name at Docker Hub
    if "." not in host and not port and host != "localhost":
        raise Invalid(_("“%(name)s” is no registry's address.") % {"name": text[:80]}, field="address")
    return address


def api_host(address: str) -> str:
    """Where the registry of that name is asked."""
    return _HUB_API if address == DOCKER_HUB else address


def is_repository(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and all(COMPONENT.fullmatch(part) for part in name.split("/"))


def require_repository(name: str) -> str:
    """Invalid (``repository``) unless it can be one."""
    if not is_repository(name):
        raise Invalid(_("“%(name)s” is no repository's name.") % {"name": name[:80]}, field="repository")
    return name


def require_tag(text: str) -> str:
    """A tag or a digest; Invalid (``reference``)."""
    if not TAG.fullmatch(text) and not DIGEST.fullmatch(text):
        raise Invalid(_("“%(tag)s” is no tag and no digest.") % {"tag": text[:80]}, field="reference")
    return text


def full_name(address: str, repository: str, reference: str = "") -> str:
    """What is pulled: ``registry.example/shop/web:1.0`` or ``…@sha256:…``; of Docker Hub without its address."""
    name = repository.removeprefix("library/") if address == DOCKER_HUB else f"{address}/{repository}"
    if not reference:
        return name
    return f"{name}@{reference}" if DIGEST.fullmatch(reference) else f"{name}:{reference}"


def repository_at(address: str, name: str) -> str:
    """How the registry itself calls it: Docker Hub's own images are in “library”."""
    return f"library/{name}" if address == DOCKER_HUB and "/" not in name else name
