"""Names and signals, as a person types them. Pure."""

import re

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

# in names that are given while a container is replaced
ASIDE = ".naru-"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
SIGNAL = re.compile(r"(SIG)?[A-Z][A-Z0-9+-]{1,14}|[1-9][0-9]?")


def checked_name(name: str, *, field: str = "name") -> str:
    """Without spaces around it. Empty may be: one is made up."""
    name = name.strip()
    if ASIDE in name:
        raise Invalid(_("Names with %(part)s in them are the console’s own.") % {"part": ASIDE}, field=field)
    if name and not NAME.fullmatch(name):
        raise Invalid(
            _("“%(name)s” is no container name: letters, digits, “_”, “.” and “-”, at least two.") % {"name": name},
            field=field,
        )
    return name
