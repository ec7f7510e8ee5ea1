"""Content digests: ``sha256:`` and 64 lower-case hex digits (OCI image-spec, descriptor.md, "Digests")."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.model.errors import Invalid

_HEX = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A verified-shape sha256 digest. ``str()`` gives the full form; ``hex`` the 64 digits."""

    hex: str

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """The 12 digits people read."""
        return self.hex[:12]

    @classmethod
    def parse(cls, text: str) -> "Digest":
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256" or not _HEX.fullmatch(value):
            raise Invalid(f"invalid digest {text[:80]!r}: expected sha256: and 64 lower-case hex digits")
        return cls(value)

    @classmethod
    def of(cls, data: bytes) -> "Digest":
        return cls(hashlib.sha256(data).hexdigest())


def is_hex(text: str) -> bool:
    """Whether it is a digest's 64 digits."""
    return _HEX.fullmatch(text) is not None


def chain_ids(diff_ids: Sequence[Digest]) -> tuple[Digest, ...]:
    """Identity of each stack of layers that begins a stack, lowest first; the last is that of the whole.

    OCI image-spec, config.md, "Layer ChainID".
    """
    chains: list[Digest] = []
    for diff_id in diff_ids:
        chains.append(Digest.of(f"{chains[-1]} {diff_id}".encode()) if chains else diff_id)
    return tuple(chains)


def chain_id(diff_ids: Sequence[Digest]) -> Digest:
    """Identity of a whole stack. Raises ValueError for an empty one, which has none."""
    if not diff_ids:
        raise ValueError("an empty stack of layers has no chain id")
    return chain_ids(diff_ids)[-1]
