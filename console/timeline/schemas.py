"""What changed, and what was left of crashes, as the API shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from console.rest.schemas import Paging, Shown, words
from console.timeline.entries import Entry, Origin
from console.timeline.markers import Marker
from console.timeline.models import Capsule
from console.timeline.queries import ChangeFilter, Group
from console.web.keyset import LARGEST


class LineShown(Shown):
    name: str
    text: str


class EntryOfTimeShown(Shown):
    origin: Annotated[Origin, words(Origin)] = Field(description="Who says so; observed: it was found by looking.")
    at: datetime
    kind: str = Field(description="What happened: a change's kind, a job's, or the audited action.")
    name: str = Field(description="Of the thing, as it was called then.")
    host: str
    who: str = Field(description="Who asked, where somebody did.")
    text: str = Field(description="A sentence.")
    state: str
    is_trouble: bool
    link: str = Field(description="A path of the console.")
    lines: list[LineShown] = Field(description="What it consists of: differences, a grant's holder and scope.")

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(
            origin=entry.origin,
            at=entry.at,
            kind=entry.kind,
            name=entry.name,
            host=entry.host,
            who=entry.who,
            text=entry.words,
            state=entry.state,
            is_trouble=entry.is_trouble,
            link=entry.link,
            lines=[LineShown(name=name, text=text) for name, text in entry.lines],
        )


class ChangesOfOneQuery(Paging):
    group: Group | None = None

    def about(self, **more: Any) -> ChangeFilter:
        return ChangeFilter(group=self.group, **more)


class ChangesQuery(ChangesOfOneQuery):
    host: str = Field("", max_length=63)
    workspace: str = Field("", max_length=40)
    text: str = Field("", max_length=255, description="Part of a name, or the beginning of an id.")

    @property
    def wanted(self) -> ChangeFilter:
        return self.about(host=self.host, workspace=self.workspace, text=self.text)


class CrashShown(Shown):
    id: int
    at: datetime
    what: Annotated[Capsule.What, words(Capsule.What)]
    exit_code: int | None
    image_id: str
    fingerprint: str = Field(description="The same for containers that were made to be the same.")
    line_count: int
    more: int = Field(description="How many incidents after it were only counted.")

    @classmethod
    def facts_of(cls, capsule: Capsule) -> dict[str, Any]:
        return {
            "id": capsule.number,
            "at": capsule.at,
            "what": Capsule.What(capsule.what),
            "exit_code": capsule.exit_code,
            "image_id": capsule.image_engine_id,
            "fingerprint": capsule.fingerprint,
            "line_count": capsule.line_count,
            "more": capsule.more,
        }

    @classmethod
    def of(cls, capsule: Capsule) -> Self:
        return cls(**cls.facts_of(capsule))


class CrashLineShown(Shown):
    at_ms: int = Field(le=LARGEST, description="Since 1970.")
    stream: str
    text: str


class CrashProbeShown(Shown):
    at: str
    exit_code: int | None
    output: str


class CrashContentsShown(CrashShown):
    reason: str
    lines: list[CrashLineShown]
    health: list[CrashProbeShown]
    stats: dict[str, Any] = Field(description="The last that were taken; empty where none were.")

    @classmethod
    def with_contents(cls, capsule: Capsule, contents: Mapping[str, Any], *, reason: str) -> Self:
        return cls(
            **cls.facts_of(capsule),
            reason=reason,
            lines=[CrashLineShown(at_ms=at, stream=stream, text=text) for at, stream, text in contents["lines"]],
            health=[CrashProbeShown(**probe) for probe in contents["health"]],
            stats=contents["stats"],
        )


class MarkerShown(Shown):
    key: str
    at_ms: int = Field(le=LARGEST, description="Since 1970.")
    text: str
    tone: str

    @classmethod
    def of(cls, marker: Marker) -> Self:
        return cls(key=marker.key, at_ms=marker.at_ms, text=marker.text, tone=marker.tone)


class MarkersShown(Shown):
    markers: list[MarkerShown]
