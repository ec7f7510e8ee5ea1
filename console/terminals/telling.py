"""Sessions in words, for pages and the API."""

import shlex

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.terminals.models import Terminal


def command_of(terminal: Terminal) -> str:
    """What runs in it."""
    if terminal.is_attached:
        return _("main process")
    return shlex.join(terminal.command) if terminal.command else _("shell")


def cli_of(container: Container) -> str:
    """The docker commands that do what the page does."""
    name = shlex.quote(container.name)
    return f"docker exec -it {name} sh\ndocker attach {name}"
