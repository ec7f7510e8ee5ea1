"""What a template is, and the few that there are for everybody. Their files lie beside this one, as ``<slug>.yaml``.

Apps that have more register them (``offers_templates``).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.stacks.catalogue.patterns import parse

FOLDER = Path(__file__).parent
# what stands in .env between single quotes as it is
LITERAL = re.compile(r"[^'\x00-\x1f\x7f]{0,500}")
IMAGE = r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,299}"
PORT = r"[1-9][0-9]{0,4}"
COUNT = r"[1-9][0-9]{0,2}"
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
REFERENCE = r"secret:[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
COMMAND = r".{1,500}"


@dataclass(frozen=True, slots=True)
class Variable:
    """``pattern``: all of what may be given (console.stacks.catalogue.patterns)."""

    name: str
    label: str | Promise
    default: str
    pattern: str
    help: str | Promise = ""

    def require(self, value: str) -> None:
        """Invalid names the variable."""
        if not parse(self.pattern).matches(value) or not LITERAL.fullmatch(value):
            raise Invalid(_("“%(value)s” is not what goes here.") % {"value": value[:80]}, field=self.name)


@dataclass(frozen=True, slots=True)
class Template:
    slug: str
    title: str | Promise
    about: str | Promise
    icon: str
    variables: tuple[Variable, ...]
    # of one that is not among these: its Compose file, whose it is, and the page that asks for its variables
    compose: str = ""
    workspace: str = ""
    link: str = ""

    @property
    def text(self) -> str:
        """The Compose file."""
        return self.compose or text_of(self.slug)

    def files(self, values: dict[str, str]) -> dict[str, str]:
        """A stack's files: the Compose file as it is, and what was given in ``.env``. Invalid names a variable."""
        lines = []
        for variable in self.variables:
            value = values.get(variable.name, variable.default)
            variable.require(value)
            lines.append(f"{variable.name}='{value}'\n")
        return {"compose.yaml": self.text, ".env": "".join(lines)}


@cache
def text_of(slug: str) -> str:
    return (FOLDER / f"{slug}.yaml").read_text()


def find_template(slug: str) -> Template:
    for template in TEMPLATES:
        if template.slug == slug:
            return template
    raise Missing(_("There is no such template."))


Offer = Callable[[Actor], Sequence[Template]]
_offers: list[Offer] = []


def offers_templates(offer: Offer) -> Offer:
    """Register ``def offer(actor)``: those that the actor may use, by title."""
    if offer not in _offers:
        _offers.append(offer)
    return offer


def offered_templates(actor: Actor) -> list[Template]:
    """Beside those that are for everybody."""
    return [template for offer in _offers for template in offer(actor)]


def _password(name: str, label: str | Promise, secret: str) -> Variable:
    told = gettext_lazy("A secret of the workspace, as secret:NAME.")
    return Variable(name, label, f"secret:{secret}", REFERENCE, told)


_PORT = Variable("PORT", gettext_lazy("Port on the host"), "8080", PORT)

TEMPLATES = (
    Template(
        "web-and-database",
        gettext_lazy("Web and database"),
        gettext_lazy("A web application with a PostgreSQL database that is there before it starts."),
        icon="database",
        variables=(
            Variable("WEB_IMAGE", gettext_lazy("Image of the application"), "nginx:1.27", IMAGE),
            Variable("WEB_PORT", gettext_lazy("Port that it listens on"), "80", PORT),
            _PORT,
            Variable("DB_IMAGE", gettext_lazy("Image of the database"), "postgres:17", IMAGE),
            Variable("DB_NAME", gettext_lazy("Database"), "app", NAME),
            Variable("DB_USER", gettext_lazy("User of the database"), "app", NAME),
            _password("DB_PASSWORD", gettext_lazy("Password of the database"), "db-password"),
        ),
    ),
    Template(
        "cache",
        gettext_lazy("Cache"),
        gettext_lazy("Redis in memory, within a limit; it forgets what was used least."),
        icon="bolt",
        variables=(
            Variable("IMAGE", gettext_lazy("Image"), "redis:7", IMAGE),
            Variable("MEMORY_MB", gettext_lazy("Memory, MB"), "256", r"[1-9][0-9]{1,5}"),
            Variable("PORT", gettext_lazy("Port on the host"), "6379", PORT, gettext_lazy("Only on 127.0.0.1.")),
        ),
    ),
    Template(
        "static-site",
        gettext_lazy("Static site"),
        gettext_lazy("Pages out of a volume, by several servers that are updated one after the other."),
        icon="file-text",
        variables=(
            Variable("IMAGE", gettext_lazy("Image"), "nginx:1.27", IMAGE),
            _PORT,
            Variable("REPLICAS", gettext_lazy("Servers"), "2", COUNT),
        ),
    ),
    Template(
        "proxy-and-app",
        gettext_lazy("Proxy and application"),
        gettext_lazy("A reverse proxy before the replicas of an application, which nobody else can reach."),
        icon="network",
        variables=(
            Variable("PROXY_IMAGE", gettext_lazy("Image of the proxy"), "nginx:1.27", IMAGE),
            Variable("APP_IMAGE", gettext_lazy("Image of the application"), "nginx:1.27", IMAGE),
            Variable("APP_PORT", gettext_lazy("Port that it listens on"), "80", PORT),
            _PORT,
            Variable("REPLICAS", gettext_lazy("Replicas of the application"), "2", COUNT),
        ),
    ),
    Template(
        "scheduled-job",
        gettext_lazy("Job that comes again"),
        gettext_lazy("A command that is run, and again some time after it has ended."),
        icon="calendar-time",
        variables=(
            Variable("IMAGE", gettext_lazy("Image"), "alpine:3.20", IMAGE, gettext_lazy("It needs /bin/sh.")),
            Variable("COMMAND", gettext_lazy("Command"), "date", COMMAND),
            Variable("EVERY_S", gettext_lazy("Seconds in between"), "3600", r"[1-9][0-9]{0,6}"),
        ),
    ),
    Template(
        "message-queue",
        gettext_lazy("Message queue"),
        gettext_lazy("RabbitMQ that keeps its messages, and workers that begin when it answers."),
        icon="send",
        variables=(
            Variable("QUEUE_IMAGE", gettext_lazy("Image of the queue"), "rabbitmq:4", IMAGE),
            Variable("WORKER_IMAGE", gettext_lazy("Image of the workers"), "alpine:3.20", IMAGE),
            Variable("WORKER_COMMAND", gettext_lazy("Command of the workers"), "sleep 1000000", COMMAND),
            Variable("WORKERS", gettext_lazy("Workers"), "2", COUNT),
            Variable("USER", gettext_lazy("User of the queue"), "app", NAME),
            _password("PASSWORD", gettext_lazy("Password of the queue"), "queue-password"),
        ),
    ),
)
