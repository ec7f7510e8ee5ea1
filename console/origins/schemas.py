"""Where stacks come from as the API is told of it and shows it. No password is among it, only the secret's name."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.origins.facts import Given as OriginFacts
from console.origins.models import Origin
from console.rest.schemas import Flag, Given, Shown, Slug, Whole, words

OnChange = Annotated[Origin.OnChange, words(Origin.OnChange)]
State = Annotated[Origin.State, words(Origin.State)]


class OriginGiven(Given):
    """All of it. It is looked at in your name from now on."""

    url: str = Field(max_length=2000, description="By https, without a user.")
    ref: str = Field("", max_length=255, description="A branch, a tag or a commit; empty: what it is at.")
    paths: list[str] = Field(
        default_factory=lambda: ["compose.yaml"],
        max_length=10,
        description="Compose files below its root, merged in order; the stack's directory is that of the first.",
    )
    username: str = Field("", max_length=255)
    password: str = Field("", max_length=80, description="`secret:NAME`, a secret of the workspace.")
    every_s: Whole = Field(0, ge=0, le=86400, description="How often it is looked at, 30 at least; 0: never.")
    on_change: OnChange = Field(Origin.OnChange.TELL, description="What becomes of a new commit.")
    variables: dict[str, str] = Field(default_factory=dict, description="They go before those of `.env`.")

    @property
    def facts(self) -> OriginFacts:
        given = {name: getattr(self, name) for name in OriginGiven.model_fields}
        return OriginFacts(**{**given, "on_change": self.on_change.value})


class NewGitStack(OriginGiven):
    host: Slug
    name: str = Field(max_length=63)
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")


class CommitShown(Shown):
    """What it says of itself is written by whoever could push there."""

    id: str
    subject: str
    author: str
    at: str


class OriginShown(Shown):
    url: str
    ref: str
    paths: list[str]
    username: str
    password: str = Field(description="`secret:NAME`, or empty.")
    every_s: int
    on_change: OnChange
    owner: str = Field(description="In whose name it is looked at.")
    state: State
    trouble: str = Field(description="What was wrong when it was last looked at or fetched, or why it is paused.")
    held: str = Field(description="Why what came last was not deployed by itself.")
    commit: CommitShown | None = Field(description="What the stack's files are of.")
    deployed: str = Field(description="Id of the commit that the newest release was made of, or empty.")
    is_newer: Flag = Field(description="Something was released, and the files are of a commit since, which changes it.")
    job: int | None = Field(description="The newest that fetches.")
    looked_at: datetime | None
    next_at: datetime | None
    has_hook: Flag

    @classmethod
    def of(cls, origin: Origin) -> Self:
        commit = origin.stack.commit
        return cls(
            **origin.facts,
            owner=origin.owner_name,
            state=Origin.State(origin.state),
            trouble=origin.trouble,
            held=origin.held,
            commit=CommitShown(**{name: commit[name] for name in CommitShown.model_fields}) if commit else None,
            deployed=origin.deployed,
            is_newer=origin.is_newer,
            job=origin.job_id,
            looked_at=origin.looked_at,
            next_at=origin.next_at,
            has_hook=bool(origin.hook_nonce),
        )


class HookShown(Shown):
    path: str = Field(description="Where a forge posts to, below the console's own address.")
    hook_secret: str = Field(description="Shown this once: it signs what is posted, or is sent along by GitLab.")
