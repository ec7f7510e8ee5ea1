"""The product's own source files, parsed once."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("engine", "console")


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def is_migration(self) -> bool:
        return self.path.parent.name == "migrations"


@cache
def sources() -> tuple[Source, ...]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert len(paths) > 100, "the packages moved"
    texts = [path.read_text() for path in paths]
    return tuple(Source(path, text, ast.parse(text, path)) for path, text in zip(paths, texts, strict=True))


def called_name(node: ast.AST) -> str:
    """``a.b.c`` of ``a.b.c(…)``, or empty."""
    if not isinstance(node, ast.Call):
        return ""
    parts: list[str] = []
    part: ast.expr = node.func
    while isinstance(part, ast.Attribute):
        parts.append(part.attr)
        part = part.value
    if isinstance(part, ast.Name):
        parts.append(part.id)
    return ".".join(reversed(parts))
