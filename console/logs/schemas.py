"""Searching logs, as the API is told of it and shows it."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.containers.kept_logs import GoneLog
from console.containers.models import Container
from console.logs.queries import MOST_SOURCES, Choice
from console.logs.searching import LONGEST_QUERY, Found, Hit, Wanted
from console.rest.schemas import Given, Moment, Shown
from console.web.keyset import LARGEST


class LogSearchQuery(Given):
    containers: str = Field(
        max_length=4000, description=f"`host/name`, with commas between them; at most {MOST_SOURCES}."
    )
    query: str = Field(min_length=1, max_length=LONGEST_QUERY)
    pattern: bool = Field(False, description="The query is a pattern as RE2 has them, not plain text.")
    case: bool = Field(False, description="Mind the case.")
    since: Moment | None = None
    until: Moment | None = None

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.query, self.pattern, self.case, self.since, self.until)


class KeptLogQuery(Given):
    text: str = Field(
        "", max_length=300, description="Part of the container's name or image, or the beginning of its id."
    )
    workspace: str = Field("", max_length=40)
    label: str = Field("", max_length=300, description="`key` or `key=value`.")

    @property
    def choice(self) -> Choice:
        return Choice(text=self.text, workspace=self.workspace, label=self.label, gone=True)


class KeptLogShown(Shown):
    host: str
    container: str
    id: str
    image: str
    workspace: str
    exit_code: int | None = Field(description="Of its last run; null where it never ended.")
    finished_at: datetime | None
    removed_at: datetime
    size_bytes: int = Field(le=LARGEST)

    @classmethod
    def of(cls, one: GoneLog) -> Self:
        container, kept = one.container, one.kept
        return cls(
            host=container.host.name,
            container=container.name,
            id=container.engine_id,
            image=container.image,
            workspace=container.workspace.slug,
            exit_code=None if kept.finished_at is None else kept.exit_code,
            finished_at=kept.finished_at,
            removed_at=kept.removed_at,
            size_bytes=kept.size_bytes,
        )


class LogHitShown(Shown):
    at_ms: int = Field(le=LARGEST, description="Since 1970.")
    stream: str
    text: str = Field(description="At most 2000 characters around the first place.")

    @classmethod
    def of(cls, hit: Hit) -> Self:
        stream = "stderr" if hit.stream == 2 else "stdout"
        return cls(at_ms=hit.at_ms, stream=stream, text="".join(part.text for part in hit.parts))


class FoundShown(Shown):
    host: str
    container: str
    id: str
    hits: list[LogHitShown]
    scanned_bytes: int = Field(le=LARGEST)
    bound: str = Field(description="hits, bytes or time where the search ended there; else empty.")
    error: str = Field(description="Why its log could not be read; else empty.")

    @classmethod
    def of(cls, container: Container, found: Found) -> Self:
        return cls(
            host=container.host.name,
            container=container.name,
            id=container.engine_id,
            hits=[LogHitShown.of(hit) for hit in found.hits],
            scanned_bytes=found.scanned_bytes,
            bound=found.bound,
            error=found.error,
        )


class LogSearchShown(Shown):
    results: list[FoundShown]
    searched_at: datetime
