"""What removing an image does: which names go, whether the image itself goes, and what forbids it.

Docker's rules and words (moby daemon/images/image_delete.go), which scripts depend on. Nothing is changed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.model.digest import Digest
from engine.model.errors import Conflict
from engine.model.reference import Reference


@dataclass(frozen=True, slots=True)
class Untagged:
    """``reference`` in its familiar form."""

    reference: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """``digest`` of an image or of a layer's chain, as text."""

    digest: str


Removed = Untagged | Deleted


@dataclass(frozen=True, slots=True)
class Use:
    """Who holds an image: container ids, and the images built upon it."""

    running: Sequence[str] = ()
    stopped: Sequence[str] = ()
    children: Sequence[Digest] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """``untag`` these, then ``delete`` the image or leave it."""

    untag: tuple[Reference, ...]
    delete: bool


def removal_by_reference(
    image_id: Digest, reference: Reference, references: Sequence[Reference], use: Use, *, name: str, force: bool
) -> Removal:
    """A tag, or a name@digest, was given: it goes, and the image with it when that was the last."""
    holders = [*use.running, *use.stopped]
    if holders and not force and _is_one_name(references):
        raise Conflict(
            f'conflict: unable to remove repository reference "{name}" (must force) - '
            f"container {holders[0][:12]} is using its referenced image {image_id.short}"
        )
    gone = [reference]
    siblings = [other for other in references if other.name == reference.name and other != reference]
    if reference.digest is None and not any(other.tag for other in siblings):
        gone += siblings  # only digests are left of that repository: they mean nothing without a tag
    left = len(references) > len(gone)
    # with the last name gone, an image that something still needs stays, nameless
    return Removal(tuple(gone), delete=not left and not _forbidden(use, force=force))


def removal_by_id(image_id: Digest, references: Sequence[Reference], use: Use, *, force: bool) -> Removal:
    """An id was given: the image goes with all its names, when those are of one repository or ``force`` is given."""
    why = _forbidden(use, force=force)
    if why is None and not force and not _is_one_name(references):
        why = ("must be forced", "image is referenced in multiple repositories")
    if why is not None:
        raise Conflict(f"conflict: unable to delete {image_id.short} ({why[0]}) - {why[1]}")
    return Removal(tuple(references), delete=True)


def is_prunable(references: Sequence[Reference], use: Use) -> bool:
    """Whether a parent may go together with its last child."""
    return not references and _forbidden(use, force=False) is None


def _forbidden(use: Use, *, force: bool) -> tuple[str, str] | None:
    if use.children:
        return "cannot be forced", "image has dependent child images"
    if use.running:
        return "cannot be forced", f"image is being used by running container {use.running[0][:12]}"
    if use.stopped and not force:
        return "must be forced", f"image is being used by stopped container {use.stopped[0][:12]}"
    return None


def _is_one_name(references: Sequence[Reference]) -> bool:
    """At most one tag, and everything in one repository."""
    return len({reference.name for reference in references}) <= 1 and sum(bool(item.tag) for item in references) <= 1


def by_running(containers: Sequence[str], running: Mapping[str, bool], children: Sequence[Digest]) -> Use:
    return Use(
        running=[container_id for container_id in containers if running.get(container_id)],
        stopped=[container_id for container_id in containers if not running.get(container_id)],
        children=children,
    )
