"""What an engine tells of a stack, as it tells it: the documents of Docker's API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hints:
    """What cannot be seen from outside of a service's containers.

    ``env``: variable → the secret whose value it has. ``configs``: paths of files that were put into it.
    ``secrets``: path → the secret whose value is in that file.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    configs: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.configs, *self.secrets)


@dataclass(frozen=True, slots=True)
class Seen:
    """``containers`` as inspected, those of the project alone. ``platforms`` by image id, "linux/amd64".

    ``files``: what is in the files that hints name, by engine id and path; None for one that is not there.
    """

    project: str
    containers: tuple[Document, ...]
    networks: tuple[Document, ...]
    volumes: tuple[Document, ...]
    platforms: Mapping[str, str]
    files: Mapping[tuple[str, str], bytes | None] = field(default_factory=dict)
