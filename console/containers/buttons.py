"""The buttons that act on a container, in a list's row and in the head of its page."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.operations.permissions import Permission
from console.web.kit import Action, Confirm
from console.web.permits import Permits


@dataclass(frozen=True, slots=True)
class Texts:
    """All that the buttons say, in one language. ``…_sure`` has a place for a name."""

    start: str
    stop: str
    stop_sure: str
    stop_text: str
    restart: str
    restart_sure: str
    restart_text: str
    pause: str
    unpause: str
    remove: str
    remove_sure: str
    remove_text: str
    stop_first: str


@lru_cache(maxsize=16)
def texts_in(_language: str | None) -> Texts:
    """Of the language that is active. To find each word anew takes a list longer than to use it."""
    return Texts(
        start=_("Start"),
        stop=_("Stop"),
        stop_sure=_("Stop %(name)s?"),
        stop_text=_("It is asked to end and killed after 10 seconds. Whoever uses it is cut off."),
        restart=_("Restart"),
        restart_sure=_("Restart %(name)s?"),
        restart_text=_("It is stopped and started again. Whoever uses it is cut off for a moment."),
        pause=_("Pause"),
        unpause=_("Unpause"),
        remove=_("Remove"),
        remove_sure=_("Remove %(name)s?"),
        remove_text=_("Everything it wrote inside itself is lost, and so is its log."),
        stop_first=_("Stop it first."),
    )


@dataclass(frozen=True)
class Buttons:
    """``only_icon``: as a row has them, the few that one reaches for. ``page`` is its address, where that is known."""

    container: Container
    permits: Permits
    css: str = ""
    only_icon: bool = False
    page: str = ""

    def all(self) -> Iterator[Action]:
        """None for one that is gone."""
        if self.container.gone_at:
            return
        if self.container.is_alive:
            yield from self._of_one_at_work()
        else:
            yield self._made("start", Permission.CONTAINER_START, self._texts.start, icon="player-play")
        yield self._remove()

    @cached_property
    def _texts(self) -> Texts:
        return texts_in(get_language())

    @cached_property
    def _page(self) -> str:
        return self.page or reverse("containers:container", args=[self.container.host.name, self.container.key])

    def _of_one_at_work(self) -> Iterator[Action]:
        name, say = {"name": self.container.name}, self._texts
        stop = Confirm(say.stop_sure % name, say.stop_text, css="btn-primary")
        yield self._made("stop", Permission.CONTAINER_STOP, say.stop, icon="player-stop", confirm=stop)
        restart = Confirm(say.restart_sure % name, say.restart_text, css="btn-primary")
        yield self._made("restart", Permission.CONTAINER_RESTART, say.restart, icon="refresh", confirm=restart)
        if self.only_icon:
            return
        if self.container.state == "running":
            yield self._made("pause", Permission.CONTAINER_STOP, say.pause, icon="player-pause")
        elif self.container.state == "paused":
            yield self._made("unpause", Permission.CONTAINER_START, say.unpause, icon="player-play")

    def _remove(self) -> Action:
        say, permission = self._texts, Permission.CONTAINER_REMOVE
        if self.container.is_alive:
            return self._made("remove", permission, say.remove, icon="trash", disabled=say.stop_first)
        confirm = Confirm(say.remove_sure % {"name": self.container.name}, say.remove_text)
        return self._made("remove", permission, say.remove, icon="trash", css=f"{self.css} is-danger", confirm=confirm)

    def _made(
        self,
        verb: str,
        permission: Permission,
        label: str,
        *,
        icon: str,
        css: str = "",
        disabled: str = "",
        confirm: Confirm | None = None,
    ) -> Action:
        return Action(
            # each has its address below the page's; to look up all of a list's takes longer than to make them
            f"{self._page}{verb}/",
            label,
            icon,
            refusal=self.permits.refusal(permission, on=self.container) or disabled,
            id=f"{verb}-{self.container.short_id}",
            css=css or self.css,
            only_icon=self.only_icon,
            confirm=confirm,
        )
