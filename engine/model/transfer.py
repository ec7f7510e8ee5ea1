"""What is told while images come and go."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Remark:
    """A line of text, about ``subject`` where there is one: a tag, for example."""

    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class LayerStep:
    """Where the transfer of one layer is; ``layer`` has the 12 digits that people see. Sizes only while it moves."""

    layer: str
    status: str
    current_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PushedTag:
    tag: str
    digest: Digest
    size_bytes: int


Telling = Remark | LayerStep | PushedTag
Tell = Callable[[Telling], None]
