"""What services get from files of variables and of labels, and from what is around them."""

from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.stacks.compose.dotenv import parse_variables
from console.stacks.compose.nodes import Mapping, Mark, Node, Scalar, Sequence, plain
from console.stacks.compose.problems import Problems

Read = Callable[[str], str | None]


@dataclass(slots=True)
class Environments:
    """Variables of the project are ``around``: a name without a value is looked up there."""

    read: Read
    around: AnyMapping[str, str]
    problems: Problems

    def applied(self, services: Mapping) -> Mapping:
        return services.with_entries({name: self._service(name, service) for name, service in services})

    def _service(self, name: str, service: Node) -> Node:
        assert isinstance(service, Mapping)
        entries = dict(service.entries)
        variables = self._from_files(f"services.{name}.env_file", entries.pop("env_file", None))
        own = entries.get("environment")
        if variables or own is not None:
            entries["environment"] = self._looked_up(variables, own, service.mark)
        labels = self._labels(f"services.{name}.label_file", entries.pop("label_file", None))
        if labels:
            said = entries.get("labels")
            written = said.entries if isinstance(said, Mapping) else {}
            entries["labels"] = Mapping({**_texts(labels, service.mark), **written}, service.mark)
        if isinstance(build := entries.get("build"), Mapping) and isinstance(args := build.get("args"), Mapping):
            found = {key: self._value(key, value) or value for key, value in args}
            entries["build"] = build.with_entries({**build.entries, "args": args.with_entries(found)})
        return service.with_entries(entries)

    def _looked_up(self, variables: dict[str, str], own: Node | None, mark: Mark) -> Mapping:
        """The service's own over those of files; a name that is set nowhere stays out, and takes the file's away."""
        found: dict[str, Node] = _texts(variables, mark)
        for key, value in own if isinstance(own, Mapping) else ():
            resolved = self._value(key, value)
            if resolved is None:
                found.pop(key, None)
            else:
                found[key] = resolved
        return Mapping(found, mark)

    def _value(self, key: str, value: Node) -> Node | None:
        if not isinstance(value, Scalar) or value.value is not None:
            return value
        return Scalar(self.around[key], value.mark) if key in self.around else None

    def _from_files(self, path: str, files: Node | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in files.items if isinstance(files, Sequence) else ():
            wanted = plain(item)
            text = self._text(wanted["path"], item.mark, path, is_required=wanted.get("required", True))
            around = {**found, **self.around}
            is_raw = wanted.get("format") == "raw"
            found |= parse_variables(text, wanted["path"], around=around, is_raw=is_raw)
        return found

    def _labels(self, path: str, files: Node | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in files.items if isinstance(files, Sequence) else ():
            file: Any = plain(item)
            found |= parse_variables(self._text(file, item.mark, path, is_required=True), file, around=self.around)
        return found

    def _text(self, file: str, mark: Mark, path: str, *, is_required: bool) -> str:
        text = self.read(file)
        if text is None and is_required:
            self.problems.add(mark, path, _("There is no file “%(file)s” among those given.") % {"file": file})
        return text or ""


def _texts(values: dict[str, str], mark: Mark) -> dict[str, Node]:
    return {name: Scalar(value, mark) for name, value in values.items()}
