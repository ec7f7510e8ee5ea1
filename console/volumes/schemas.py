"""Volumes and their backups as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.rest.schemas import Flag, Given, Paging, Shown, Slug, Whole, words
from console.volumes.models import Backup, Volume, VolumeListing
from console.volumes.queries import Users, VolumeFilter

Texts = dict[str, str]


class VolumeUserShown(Shown):
    id: str = Field(description="The container's 64 hex digits.")
    name: str
    state: str
    destination: str
    is_writable: bool


class VolumeUsersShown(Shown):
    items: list[VolumeUserShown]
    others: int = Field(description="Containers with it that you may not see.")

    @classmethod
    def of(cls, users: Users) -> Self:
        items = [
            VolumeUserShown(
                id=one.shown.engine_id,
                name=one.shown.name,
                state=one.shown.state,
                destination=one.destination,
                is_writable=one.is_writable,
            )
            for one in users.seen
        ]
        return cls(items=items, others=users.others)


class VolumeShown(Shown):
    name: str
    host: str
    workspace: str
    driver: str
    labels: Texts
    container_count: int = Field(description="How many containers have it.")
    size_bytes: int | None = Field(description="As last measured; null: nobody has asked.")
    measured_at: datetime | None
    created_at: datetime
    seen_at: datetime = Field(description="When its host last reported it.")
    gone_at: datetime | None = Field(description="When it was found to be removed.")

    @classmethod
    def of(cls, volume: Volume) -> Self:
        return cls(
            name=volume.name,
            host=volume.host.name,
            workspace=volume.workspace.slug,
            driver=volume.driver,
            labels=volume.labels,
            container_count=len(volume.users),
            size_bytes=volume.size_bytes,
            measured_at=volume.measured_at,
            created_at=volume.created_at,
            seen_at=volume.seen_at,
            gone_at=volume.gone_at,
        )


class VolumeFileShown(Shown):
    path: str
    kind: str = Field(description="file, directory, link or other")
    size_bytes: int
    modified_s: int = Field(description="Since 1970.")
    mode: str
    owner: str
    target: str


class FilesShown(Shown):
    listed_at: datetime | None = Field(description="Null: nobody has looked yet.")
    is_complete: bool = Field(description="False: there was more than fits.")
    items: list[VolumeFileShown]

    @classmethod
    def of(cls, listing: VolumeListing | None) -> Self:
        if listing is None:
            return cls(listed_at=None, is_complete=False, items=[])
        items = [VolumeFileShown(**entry) for entry in listing.entries]
        return cls(listed_at=listing.listed_at, is_complete=listing.is_complete, items=items)


class BackupShown(Shown):
    number: int
    state: Annotated[Backup.State, words(Backup.State)]
    volume: str
    host: str
    workspace: str
    job: int | None
    size_bytes: int
    sha256: str = Field(description="Of the tar; empty while it is not whole.")
    note: str
    made_by: str
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: until somebody removes it.")

    @classmethod
    def of(cls, backup: Backup) -> Self:
        return cls(
            number=backup.number,
            state=Backup.State(backup.state),
            volume=backup.volume_name,
            host=backup.host_name,
            workspace=backup.workspace.slug,
            job=backup.job_id,
            size_bytes=backup.size_bytes,
            sha256=backup.sha256,
            note=backup.note,
            made_by=backup.made_by_name,
            created_at=backup.created_at,
            expires_at=backup.expires_at,
        )


class VolumeQuery(Paging):
    host: str = Field("", max_length=63)
    text: str = Field("", max_length=300, description="Part of its name or of a label.")
    gone: bool = Field(False, description="Removed ones too.")
    workspace: str = Field("", max_length=40)

    @property
    def wanted(self) -> VolumeFilter:
        return VolumeFilter(self.host, self.text, self.gone, self.workspace)


class VolumeGiven(Given):
    host: Slug
    name: str = Field(min_length=1, max_length=128)
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")
    driver: str = Field("local", max_length=64)
    options: Texts = Field(default_factory=dict, max_length=100)
    labels: Texts = Field(default_factory=dict, max_length=100)


class RemoveVolumeQuery(Given):
    typed: str = Field(min_length=1, max_length=255, description="Its name once more: all that is in it is lost.")


class UnusedQuery(Given):
    host: str = Field(min_length=1, max_length=63)
    workspace: str = Field(min_length=1, max_length=40)


class PruneVolumesGiven(Given):
    host: Slug
    workspace: str = Field(min_length=1, max_length=40)
    names: list[str] = Field(min_length=1, max_length=1000, description="Of those that were shown to be unused.")


class MeasureGiven(Given):
    host: Slug
    workspace: str = Field("", max_length=40)


class BackupGiven(Given):
    note: str = Field("", max_length=200)
    keep_days: Whole | None = Field(None, ge=0, le=3650, description="0: until somebody removes it.")
    stops: Flag = Field(False, description="Stop the containers that have it, and start them again after.")


class VolumeCloneGiven(Given):
    to: str = Field(min_length=1, max_length=128, description="The new volume's name.")


class VolumeWorkspaceGiven(Given):
    workspace: str = Field(min_length=1, max_length=40)


class BackupQuery(Paging):
    workspace: str = Field("", max_length=40)
    volume: str = Field("", max_length=255)


class RestoreGiven(Given):
    host: Slug
    name: str = Field(min_length=1, max_length=128, description="Of the volume that is to be made.")


class RestoreOverGiven(Given):
    host: Slug
    name: str = Field(min_length=1, max_length=255, description="Of the volume that is to be written over.")
    typed: str = Field(min_length=1, max_length=255, description="Its name once more.")
    stops: Flag = Field(False, description="Stop the containers that have it, and start them again after.")
