"""``extends``: a service laid over another one, of its own file or of a different one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.stacks.compose.grammar_service import SERVICE
from console.stacks.compose.nodes import Mapping, Node, plain
from console.stacks.compose.problems import refusal
from console.stacks.compose.shapes import merged, unknown

MOST_CHAINED = 50
# what a service was told to extend, as "file#service"
Chain = tuple[str, ...]


@dataclass(slots=True)
class Extending:
    """``services_of`` gives the services of the file at an absolute path; it raises ComposeInvalid."""

    services_of: Callable[[str, Node], Mapping]
    _done: dict[str, Mapping] = field(default_factory=dict)

    def applied(self, services: Mapping, file: str) -> Mapping:
        """Every service with all that it extends, and without the word."""
        return services.with_entries({name: self._resolved(name, services, file, ()) for name in services.entries})

    def _resolved(self, name: str, services: Mapping, file: str, chain: Chain) -> Node:
        service = services.entries[name]
        if not isinstance(service, Mapping) or (word := service.get("extends")) is None:
            return service
        key = f"{file}#{name}"
        if key in self._done:
            return self._done[key]
        if key in chain or len(chain) >= MOST_CHAINED:
            message = _("“%(name)s” extends itself, or services extend one another too often.")
            raise refusal(word.mark, f"services.{name}.extends", message % {"name": name})
        base = self._base(name, word, services, file, (*chain, key))
        own = service.with_entries({key: value for key, value in service if key != "extends"})
        found = merged(SERVICE, base, own)
        assert isinstance(found, Mapping)
        self._done[key] = found
        return found

    def _base(self, name: str, word: Node, services: Mapping, file: str, chain: Chain) -> Node:
        wanted = plain(word)
        other = wanted.get("file", "")
        if other and other != file:
            services, file = self.services_of(other, word), other
        if wanted["service"] not in services.entries:
            message = _("There is no service “%(name)s” in %(file)s.") % {"name": wanted["service"], "file": file}
            near = unknown(wanted["service"], services.entries)
            raise refusal(word.mark, f"services.{name}.extends", f"{message} {near}" if "?" in near else message)
        return self._resolved(wanted["service"], services, file, chain)
