"""The product's own source files: parsed by whoever needs it, for all their trees together are half a gigabyte."""

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

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def may_say(self, *words: str) -> bool:
        """False where no name can be one of them; what is not ASCII may be read as another name than it looks."""
        return not self.text.isascii() or any(word in self.text for word in words)

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
    return tuple(Source(path, path.read_text()) for path in paths)


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
