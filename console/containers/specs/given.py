"""From what people and programs give to run_container."""

import shlex
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from console.containers.ports import PublishedPort
from console.containers.specs.checks import checked
from console.containers.specs.spec import NAMES, ContainerSpec
from console.operations.errors import Invalid


def spec_of_inputs(given: Mapping[str, Any]) -> ContainerSpec:
    """As run_container takes it. Invalid names the field."""
    unknown = given.keys() - NAMES
    if unknown:
        raise Invalid(_("“%(name)s” is not known.") % {"name": min(unknown)}, field=min(unknown))
    found: dict[str, Any] = {**given}
    found["image"] = str(given.get("image") or "").strip()
    found["command"] = _split_command(given.get("command") or "")
    found["ports"] = tuple(PublishedPort.parse_all(given.get("ports") or ()))
    # 0 is no limit, and no limit that could be asked for
    for name, least in (
        ("memory_bytes", _("A container needs at least 6 MiB of memory.")),
        ("cpus", _("CPUs: a number from 0.01 on, such as 0.5 or 2.")),
    ):
        if given.get(name) is not None and not given[name] > 0:
            raise Invalid(least, field=name)
    known = {name: value for name, value in found.items() if value is not None}
    return checked(ContainerSpec.from_json(known))


def _split_command(command: str) -> tuple[str, ...]:
    if "\0" in command:
        raise Invalid(_("The value of %(name)s holds a zero byte.") % {"name": "command"}, field="command")
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise Invalid(_("The command has an open quote: %(why)s.") % {"why": error}, field="command") from error
