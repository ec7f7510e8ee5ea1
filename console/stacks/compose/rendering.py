"""A project as a Compose file again: everything written out, what is as it would be anyway left out.

It reads as the same project, so it is what people are shown, and what can be taken elsewhere.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

import yaml

from console.stacks.compose.model import Project
from console.stacks.compose.parts import Dependency, Port
from console.stacks.compose.units import duration_text

# what is looked for in a file even where it is as it would be anyway
ALWAYS = {Dependency: {"condition"}, Port: {"target", "protocol", "mode"}}


def rendered(project: Project) -> str:
    """YAML; a dollar in a value is doubled, since values are read with variables in mind."""
    return written(as_compose(project))


def written(document: Mapping[str, Any]) -> str:
    """A document of the Compose language as a file."""
    return yaml.dump(_dollars_doubled(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Without anchors: nobody wrote any."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def as_compose(project: Project) -> dict[str, Any]:
    """The document, before dollars are doubled."""
    document = _written(project)
    document.pop("directory", None)
    return {"name": document.pop("name"), **document}


def _written(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {name: _written(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_written(value) for value in part]
    if not hasattr(part, "__dataclass_fields__"):
        return part
    always = ALWAYS.get(type(part), set())
    found: dict[str, Any] = {}
    for one in fields(part):
        value = getattr(part, one.name)
        if one.name in always or value != _default(one):
            name, written = _named(one.name, value)
            found[name] = written
    return found


def _named(name: str, value: Any) -> tuple[str, Any]:
    """Times and sizes with the names that files have for them."""
    if name.endswith("_ns"):
        return name.removesuffix("_ns"), duration_text(value)
    if name.endswith("_bytes"):
        return name.removesuffix("_bytes"), str(value)
    if name.endswith("_us"):
        return name.removesuffix("_us"), value
    if name == "generic_resources":
        return name, [{"discrete_resource_spec": _written(one)} for one in value]
    return name, _written(value)


def _default(one: "Field[Any]") -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _dollars_doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dollars_doubled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_dollars_doubled(one) for one in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
