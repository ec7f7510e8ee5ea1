"""Images as ``inspect``, ``images`` and ``history`` show them, and which of them a list has."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import Image
from engine.model.reference import Reference
from engine.wire.container_config import ContainerConfigJson, encode_image_config
from engine.wire.query import Filters
from engine.wire.text import shown
from engine.wire.times import moment_or_age_ns, timestamp, unix_nanoseconds, unix_seconds
from engine.wire.version import VIRTUAL_SIZE_UNTIL, ApiVersion

FILTERS: Final = ("before", "dangling", "label", "reference", "since", "until")
_UNTAGGED_UNTIL: Final = ApiVersion(1, 42)  # before that, a list says "<none>:<none>" for "no name"
_MOST_STARS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image's record does not hold. ``layer_dirs`` are highest first."""

    references: Sequence[Reference] = ()
    layer_dirs: Sequence[str] = ()
    containers: int = -1
    shared_bytes: int = -1

    @property
    def tags(self) -> list[str]:
        return [reference.familiar for reference in self.references if reference.tag]

    @property
    def digests(self) -> list[str]:
        return [reference.familiar for reference in self.references if reference.digest]


def encode_image(image: Image, facts: ImageFacts, *, version: ApiVersion) -> dict[str, Any]:
    upper, *lower = [*facts.layer_dirs, ""][: max(1, len(facts.layer_dirs))]
    return {
        "Id": str(image.id),
        "RepoTags": facts.tags,
        "RepoDigests": facts.digests,
        "Parent": str(image.parent) if image.parent else "",
        "Comment": image.comment,
        "Created": timestamp(image.created_at),
        **_encode_origin(image),
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": encode_image_config(image.config),
        "Architecture": image.platform.architecture,
        **({"Variant": image.platform.variant} if image.platform.variant else {}),
        "Os": image.platform.os,
        "Size": image.size_bytes,
        **({"VirtualSize": image.size_bytes} if version <= VIRTUAL_SIZE_UNTIL else {}),
        "GraphDriver": {
            "Data": {**({"LowerDir": ":".join(lower)} if lower else {}), "UpperDir": upper},
            "Name": "overlay2",
        },
        "RootFS": {"Type": "layers", "Layers": [str(diff_id) for diff_id in image.diff_ids]},
        "Metadata": {"LastTagTime": timestamp(None)},
    }


def _encode_origin(image: Image) -> dict[str, Any]:
    """Of the container's configuration what clients look at: the rest is the image's own.

    Docker has neither since 1.45. docker-compose 1.29 fails without them, and finds there which volumes to keep.
    """
    origin = image.origin
    volumes = {path: dict[str, Any]() for path in sorted(image.config.volumes)}
    config = ContainerConfigJson(image=origin.image_name if origin else "", volumes=volumes or None)
    return {"Container": origin.container_id if origin else "", "ContainerConfig": config}


def encode_image_summary(image: Image, facts: ImageFacts, *, version: ApiVersion) -> dict[str, Any]:
    tags, digests = facts.tags, facts.digests
    if version <= _UNTAGGED_UNTIL and not tags and not digests:
        tags, digests = ["<none>:<none>"], ["<none>@<none>"]
    return {
        "Containers": facts.containers,
        "Created": unix_seconds(image.created_at),
        "Id": str(image.id),
        "Labels": dict(image.config.labels) or None,
        "ParentId": str(image.parent) if image.parent else "",
        "RepoDigests": digests,
        "RepoTags": tags,
        "SharedSize": facts.shared_bytes,
        "Size": image.size_bytes,
        **({"VirtualSize": image.size_bytes} if version <= VIRTUAL_SIZE_UNTIL else {}),
    }


def encode_history_entry(
    *,
    image_id: Digest | None,
    created_at: datetime | None,
    created_by: str,
    tags: Sequence[str],
    size: int,
    comment: str,
) -> dict[str, Any]:
    return {
        "Comment": comment,
        "Created": unix_seconds(created_at),
        "CreatedBy": created_by,
        "Id": str(image_id) if image_id else "<missing>",
        "Size": size,
        "Tags": list(tags) or None,
    }


def encode_removed(*, untagged: str = "", deleted: str = "") -> dict[str, str]:
    return {"Untagged": untagged} if untagged else {"Deleted": deleted}


Condition = Callable[[Image], bool]


def image_condition(filters: Filters, *, find: Callable[[str], Image], now_ns: int) -> Condition:
    """All filters but ``reference`` and ``dangling``, which are about names. ``find`` raises Missing."""
    conditions = list(_conditions(filters, find, now_ns))
    return lambda image: all(condition(image) for condition in conditions)


def _conditions(filters: Filters, find: Callable[[str], Image], now_ns: int) -> Iterator[Condition]:
    if "label" in filters:
        yield lambda image: filters.match_labels(image.config.labels)
    if "before" in filters:
        before = min(_age(find(name)) for name in filters.get("before"))
        yield lambda image: _age(image) < before
    if "since" in filters:
        since = max(_age(find(name)) for name in filters.get("since"))
        yield lambda image: _age(image) > since
    if "until" in filters:
        until = min(moment_or_age_ns("filters: until", text, now_ns=now_ns) for text in filters.get("until"))
        yield lambda image: _age(image) < until


def _age(image: Image) -> int:
    return unix_nanoseconds(image.created_at) if image.created_at else 0


def reference_patterns(filters: Filters) -> list[re.Pattern[str]]:
    return [_shell_pattern(text) for text in filters.get("reference")]


def matches_reference(reference: Reference, patterns: Sequence[re.Pattern[str]]) -> bool:
    """As moby's reference.FamiliarMatch: against the whole familiar form, or the name alone."""
    return any(
        pattern.fullmatch(reference.familiar) or pattern.fullmatch(reference.familiar_name) for pattern in patterns
    )


def _shell_pattern(text: str) -> re.Pattern[str]:
    """Go's path.Match: ``*`` and ``?`` stop at a slash."""
    if text.count("*") > _MOST_STARS or len(text) > 512:
        raise Invalid(f"invalid filter 'reference': {shown(text)} is too complex a pattern")
    parts = []
    for token in re.findall(r"\[\^?[^\]]+\]|\\.|.", text):
        if token == "*":  # noqa: S105
            parts.append("[^/]*")
        elif token == "?":  # noqa: S105
            parts.append("[^/]")
        elif len(token) > 2 and token[0] == "[":
            parts.append("[" + token[1:-1].replace("\\", "\\\\").replace("[", "\\[") + "]")
        else:
            parts.append(re.escape(token[-1]))
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise Invalid(f"invalid filter 'reference': {shown(text)}: syntax error in pattern") from error
