"""What a client asks of a build, after the HTTP layer took it out of query and headers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.model.errors import Invalid, Unsupported
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.model.resources import Resources
from engine.registry.credentials import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """``build_args`` maps to None what is declared without a value. ``network_mode`` "" and "default" mean bridge;
    it may be a network's name or id.

    ``remove_intermediate`` and ``force_remove`` change nothing: a step's container is gone when the step is over.
    ``cache_from`` names the only images that take part in the cache; when empty, every image of this engine does.
    ``secrets`` by id are for RUN steps that mount them, and nothing else may hold them.
    ``remote`` is where the context comes from instead of the body: a URL of a tar or a Dockerfile, or a repository.
    ``pull`` fetches base images although they are here; ``credentials`` for that are by registry address.
    """

    dockerfile: str = "Dockerfile"
    tags: tuple[Reference, ...] = ()
    target: str = ""
    platform: Platform | None = None
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cache_from: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False
    quiet: bool = False
    squash: bool = False
    remove_intermediate: bool = True
    force_remove: bool = False
    remote: str = ""
    network_mode: str = ""
    extra_hosts: tuple[str, ...] = ()
    shm_size_bytes: int = 0
    resources: Resources = field(default_factory=Resources)
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def refuse_unsupported(self) -> None:
        """Raise for what this engine would otherwise have to ignore, naming the parameter."""
        if self.squash:
            raise Unsupported("squash is only supported with experimental mode")
        if self.network_mode.startswith("container:"):
            raise Unsupported(f"networkmode {self.network_mode[:80]!r} is not supported; use a network, none or host")


def build_tags(names: Sequence[str]) -> tuple[Reference, ...]:
    """The references of repeated ``-t``: each once, ``:latest`` added. Raises Invalid."""
    tags: dict[Reference, None] = {}
    for name in names:
        if not name:
            continue
        reference = Reference.parse(name)
        if reference.digest is not None:
            raise Invalid(f"build tag cannot contain a digest: {name[:80]!r}")
        tags[reference.with_default_tag()] = None
    return tuple(tags)
