"""How large a project may be. What is larger is refused before it costs anything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``nodes`` counts what aliases stand for as often as they stand for it; ``ports`` are those of a file."""

    file_bytes: int = 1 << 20
    files: int = 64
    nodes: int = 60_000
    depth: int = 64
    services: int = 1_000
    containers: int = 5_000
    ports: int = 12_000
    value_chars: int = 1 << 20


LIMITS = Limits()
