"""Containers for the command palette: by name, image or id; and what is done to them: "stop web"."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from console.containers.models import Container
from console.containers.queries import ContainerFilter, visible_containers
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may_somewhere, policy
from console.web.hits import MOST_OF_A_KIND, Hit, finds, matches


@dataclass(frozen=True, slots=True)
class Verb:
    """``words``: by which it is asked for, in English; in the person's language it is the word itself."""

    word: str
    words: tuple[str, ...]
    url_name: str
    icon: str
    permission: Permission
    of_alive: bool | None = None
    is_act: bool = True
    asks: bool = False


VERBS = (
    Verb(gettext_noop("Start"), ("start", "run"), "containers:start", "player-play", Permission.CONTAINER_START, False),
    Verb(gettext_noop("Stop"), ("stop",), "containers:stop", "player-stop", Permission.CONTAINER_STOP, True, asks=True),
    Verb(
        gettext_noop("Remove"),
        ("remove", "rm"),
        "containers:remove",
        "trash",
        Permission.CONTAINER_REMOVE,
        False,
        asks=True,
    ),
    Verb(
        gettext_noop("Logs"), ("logs", "log"), "containers:logs", "file-text", Permission.CONTAINER_LOGS, is_act=False
    ),
)


@finds
def containers(actor: Actor, words: str) -> Iterator[Hit]:
    if not words:
        return
    for container in visible_containers(actor, ContainerFilter(text=words))[:MOST_OF_A_KIND]:
        under = _("Container on %(host)s, %(state)s") % {
            "host": container.host.name,
            "state": container.get_state_display(),
        }
        yield Hit(container.name, under, _url("containers:container", container), "box")


@finds
def acts(actor: Actor, words: str) -> Iterator[Hit]:
    """The verb first or last: "stop web", and as it is said in Korean, "web 중지"."""
    verb, name = _asked(words)
    if verb is None:
        return
    found = visible_containers(actor, ContainerFilter(text=name))
    if verb.of_alive is not None:
        alive = Container.ALIVE
        found = found.filter(state__in=alive) if verb.of_alive else found.exclude(state__in=alive)
    access = policy().access_of(actor)
    for container in found[: MOST_OF_A_KIND * 2]:
        if access.allows(verb.permission, on=container):
            yield _act(verb, container)


def _asked(words: str) -> tuple[Verb | None, str]:
    first, _space, rest = words.partition(" ")
    begin, _space, last = words.rpartition(" ")
    for verb in VERBS:
        own = {*verb.words, _(verb.word).lower()}
        if first.lower() in own:
            return verb, rest
        if begin and last.lower() in own:
            return verb, begin
    return None, ""


def _act(verb: Verb, container: Container) -> Hit:
    title = _("%(verb)s: %(name)s") % {"verb": _(verb.word), "name": container.name}
    return Hit(
        title=title,
        under=_("Container on %(host)s, %(state)s")
        % {"host": container.host.name, "state": container.get_state_display()},
        url=_url(verb.url_name, container),
        icon=verb.icon,
        is_act=verb.is_act,
        confirm=f"{title}?" if verb.asks else "",
        name=container.name,
    )


def _url(name: str, container: Container) -> str:
    return reverse(name, args=[container.host.name, container.key])


@finds
def pages(actor: Actor, words: str) -> Iterator[Hit]:
    title = _("Run a container")
    if words and matches(words, title, "run container new") and may_somewhere(actor, Permission.CONTAINER_RUN):
        yield Hit(title, _("Page"), reverse("containers:run"), "player-play")
