"""``capsule.json``, the last file of a capsule: what is in it. Pure; docs/capsule.md has the format."""

import json
import re
from typing import Any, Final, Literal, Self

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console.operations.errors import Invalid

FORMAT: Final = "naru.capsule/1"
FIELD: Final = "capsule"
NAME: Final = "capsule.json"
COMPOSE: Final = "compose.yaml"
LOCK: Final = "env.lock"
FILES: Final = "files/"
MOST_BYTES: Final = 4 << 20
MOST_IMAGES: Final = 500
MOST_LAYERS: Final = 500
MOST_VOLUMES: Final = 500
MOST_FILES: Final = 64
DIGEST: Final = r"^sha256:[0-9a-f]{64}$"
WORD: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
# an original file's path below the stack's directory
PATH: Final = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\0\n\r][^\0\n\r]{0,499}")
SIZE: Final = 1 << 50


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Content(_Part):
    """A file beside the blobs."""

    path: str = Field(max_length=512)
    digest: str = Field(pattern=DIGEST)
    size_bytes: int = Field(ge=0, le=MOST_BYTES)


class Layer(_Part):
    """``digest`` of the gzipped blob, ``diff_id`` of the tar in it."""

    digest: str = Field(pattern=DIGEST)
    size_bytes: int = Field(ge=1, le=SIZE)
    diff_id: str = Field(pattern=DIGEST)
    plain_bytes: int = Field(ge=0, le=SIZE)


class Image(_Part):
    """``id`` is the digest of its configuration. ``services`` are those that run it."""

    id: str = Field(pattern=DIGEST)
    manifest: str = Field(pattern=DIGEST)
    services: list[str] = Field(max_length=1000)
    layers: list[Layer] = Field(max_length=MOST_LAYERS)


class Volume(_Part):
    """``key`` is its name in the Compose file. ``digest`` of the gzipped tar."""

    key: str = Field(pattern=WORD)
    digest: str = Field(pattern=DIGEST)
    size_bytes: int = Field(ge=1, le=SIZE)
    plain_digest: str = Field(pattern=DIGEST)
    plain_bytes: int = Field(ge=0, le=SIZE)


class StackPart(_Part):
    """``left``: what runs here and could not be taken along, in words."""

    name: str = Field(min_length=1, max_length=63)
    release: int = Field(ge=1)
    secrets: list[str] = Field(max_length=1000)
    left: list[str] = Field(max_length=5000)


class Manifest(_Part):
    format: Literal["naru.capsule/1"]
    made_at: str = Field(max_length=40)
    stack: StackPart
    fingerprint: str = Field(pattern=DIGEST)
    images: list[Image] = Field(min_length=1, max_length=MOST_IMAGES)
    volumes: list[Volume] = Field(max_length=MOST_VOLUMES)
    files: list[Content] = Field(max_length=MOST_FILES + 2)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Invalid (``capsule``) says what is wrong, and where."""
        try:
            document = json.loads(content.decode())
        except (ValueError, RecursionError) as error:
            raise Invalid(_("“%(name)s” is no JSON document.") % {"name": NAME}, field=FIELD) from error
        found = document.get("format") if isinstance(document, dict) else None
        if found != FORMAT:
            words = {"found": str(found)[:40], "wanted": FORMAT}
            raise Invalid(_("The capsule is of the format “%(found)s”; this reads “%(wanted)s”.") % words, field=FIELD)
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            words = {"where": ".".join(map(str, first["loc"]))[:80], "why": first["msg"][:120]}
            raise Invalid(_("%(where)s in capsule.json: %(why)s") % words, field=FIELD) from error

    def text(self) -> bytes:
        return (json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n").encode()

    @property
    def originals(self) -> dict[str, str]:
        """Paths in the capsule by paths below the stack's directory."""
        return {one.path.removeprefix(FILES): one.path for one in self.files if one.path.startswith(FILES)}


def oci_name(name: str) -> str:
    """An image's name in full, as containerd keeps it: with its registry and its tag."""
    first, slash, _rest = name.partition("/")
    has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    full = name if has_registry else f"docker.io/{name}" if slash else f"docker.io/library/{name}"
    return full if ":" in full.rsplit("/", 1)[-1] else f"{full}:latest"


def layout_index(images: list[tuple[dict[str, Any], list[str]]]) -> dict[str, Any]:
    """``index.json`` of the OCI image layout: descriptors of manifests, each with the names it has."""
    entries: list[dict[str, Any]] = []
    for descriptor, names in images:
        entries += [
            descriptor
            | {
                "annotations": {
                    "io.containerd.image.name": oci_name(name),
                    "org.opencontainers.image.ref.name": oci_name(name).rpartition(":")[2],
                }
            }
            for name in names
        ] or [descriptor]
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
