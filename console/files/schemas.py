"""Files of containers as the API is told of them and shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.files.differences import as_patch
from console.files.drift import KINDS, LONGEST_PATTERN, MOST_PATTERNS, Drift, DriftFilter, Totals
from console.files.freezing import LONGEST_AUTHOR, LONGEST_CHANGE, LONGEST_MESSAGE, MOST_CHANGES
from console.files.paths import is_text
from console.files.reading import Compared
from console.hosts.files import Change, Directory, File, shown
from console.rest.schemas import Flag, Given, Shown
from console.web.keyset import LARGEST


class FileShown(Shown):
    name: str
    is_nameable: bool = Field(description="False for a name that is no UTF-8, which no request can give.")
    kind: str = Field(description="file, directory, link, device, fifo or socket")
    mode: str = Field(description="Octal, without the kind.")
    size_bytes: int = Field(le=LARGEST)
    uid: int
    gid: int
    user: str
    group: str
    modified_at: datetime | None
    target: str = Field(description="Where a link leads, as it says.")

    @classmethod
    def of(cls, file: File) -> Self:
        return cls(
            name=shown(file.name),
            is_nameable=is_text(file.name),
            kind=file.kind,
            mode=file.octal,
            size_bytes=min(file.size_bytes, LARGEST),
            uid=file.uid,
            gid=file.gid,
            user=file.user,
            group=file.group,
            modified_at=file.modified_at,
            target=shown(file.target),
        )


class DirectoryShown(Shown):
    path: str
    files: list[FileShown]
    total: int | None = Field(description="How many there are; null where reading on would have been too much.")

    @classmethod
    def of(cls, listed: Directory) -> Self:
        return cls(path=shown(listed.path), files=[FileShown.of(file) for file in listed.files], total=listed.total)


class PathQuery(Given):
    path: str = Field(min_length=1, max_length=4096)


class DirectoryQuery(Given):
    path: str = Field("/", min_length=1, max_length=4096)


class UploadPlace(Given):
    path: str = Field(min_length=1, max_length=4096, description="The directory to put them into.")


class DirectoryGiven(Given):
    path: str = Field(min_length=1, max_length=4096, description="The directory that gets a new one.")
    directory: str = Field(min_length=1, max_length=255, description="What the new one is called.")


class MoveGiven(Given):
    path: str = Field(min_length=1, max_length=4096)
    to: str = Field(min_length=1, max_length=4096, description="Its new path, in full.")


class DriftQuery(Given):
    kind: str = Field("", max_length=10, description=f"{', '.join(KINDS)}; empty: all of them.")
    text: str = Field("", max_length=300, description="Part of the path.")
    noise: bool = Field(False, description="Also what the workspace's patterns leave out.")

    def wanted(self, noise: list[str]) -> DriftFilter:
        kind = self.kind if self.kind in KINDS else ""
        return DriftFilter(noise=() if self.noise else noise, kind=kind, text=self.text)


class TotalsShown(Shown):
    added: int
    modified: int
    removed: int
    size_bytes: int = Field(le=LARGEST, description="Of what was added and modified, as it is now.")
    is_sized: bool = Field(description="False where the host's engine did not tell every size.")

    @classmethod
    def of(cls, totals: Totals) -> Self:
        return cls(
            added=totals.added,
            modified=totals.modified,
            removed=totals.removed,
            size_bytes=min(totals.size_bytes, LARGEST),
            is_sized=totals.is_sized,
        )


class ChangeShown(Shown):
    path: str
    kind: str = Field(description=", ".join(KINDS))
    size_bytes: int | None = Field(le=LARGEST)
    was_bytes: int | None = Field(le=LARGEST, description="Its size in the image, for a modified file.")

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(path=change.path, kind=change.kind, size_bytes=change.size_bytes, was_bytes=change.was_bytes)


class ChangesShown(Shown):
    totals: TotalsShown
    changes: list[ChangeShown] = Field(description="By path, the first 2000.")
    hidden: int = Field(description="How many the workspace's patterns left out.")
    more: int = Field(description="How many more there are than are listed.")

    @classmethod
    def of(cls, drift: Drift) -> Self:
        changes = [ChangeShown.of(change) for change in drift.changes]
        return cls(
            totals=TotalsShown.of(drift.totals),
            changes=changes,
            hidden=drift.hidden,
            more=drift.unshown + drift.unread,
        )


class ComparedShown(Shown):
    path: str
    in_image: bool
    in_container: bool
    is_text: bool
    is_cut: bool = Field(description="The files are longer than what was compared.")
    added: int = Field(description="Lines.")
    removed: int = Field(description="Lines.")
    patch: str = Field(description="In the unified format; empty for what is no text.")

    @classmethod
    def of(cls, compared: Compared, *, path: str) -> Self:
        found = compared.difference
        patch = "" if found is None else as_patch(found, old_name=f"image{path}", new_name=f"container{path}")
        return cls(
            path=path,
            in_image=compared.old is not None,
            in_container=compared.new is not None,
            is_text=found is not None,
            is_cut=compared.is_too_large or (found is not None and found.is_cut),
            added=0 if found is None else found.added,
            removed=0 if found is None else found.removed,
            patch=patch,
        )


class NoiseGiven(Given):
    patterns: list[str] = Field(
        max_length=MOST_PATTERNS, description=f"Paths or patterns of at most {LONGEST_PATTERN} characters."
    )


class NoiseShown(Shown):
    patterns: list[str]


class FreezeGiven(Given):
    tag: str = Field(min_length=1, max_length=300)
    message: str = Field("", max_length=LONGEST_MESSAGE)
    author: str = Field("", max_length=LONGEST_AUTHOR)
    changes: list[str] = Field(
        default_factory=list,
        max_length=MOST_CHANGES,
        description=f"Instructions of a Dockerfile, of at most {LONGEST_CHANGE} characters.",
    )
    pause: Flag = Field(True, description="Hold it still meanwhile.")
