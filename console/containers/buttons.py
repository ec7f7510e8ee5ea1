"""The buttons that act on a container, in a list's row and in the head of its page."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.operations.permissions import Permission
from console.web.kit import Action, Confirm, Words
from console.web.permits import Permits


@dataclass(frozen=True)
class Buttons:
    """``only_icon``: as a row has them, the few that one reaches for."""

    container: Container
    permits: Permits
    css: str = ""
    only_icon: bool = False

    @cached_property
    def _page(self) -> str:
        return reverse("containers:container", args=[self.container.host.name, self.container.key])

    def all(self) -> Iterator[Action]:
        """None for one that is gone."""
        if self.container.gone_at:
            return
        if self.container.is_alive:
            yield from self._of_one_at_work()
        else:
            yield self._made("start", Permission.CONTAINER_START, _("Start"), icon="player-play")
        yield self._remove()

    def _of_one_at_work(self) -> Iterator[Action]:
        name = {"name": self.container.name}
        stop = Confirm(
            _("Stop %(name)s?") % name,
            _("It is asked to end and killed after 10 seconds. Whoever uses it is cut off."),
            css="btn-primary",
        )
        yield self._made("stop", Permission.CONTAINER_STOP, _("Stop"), icon="player-stop", confirm=stop)
        restart = Confirm(
            _("Restart %(name)s?") % name,
            _("It is stopped and started again. Whoever uses it is cut off for a moment."),
            css="btn-primary",
        )
        yield self._made("restart", Permission.CONTAINER_RESTART, _("Restart"), icon="refresh", confirm=restart)
        if self.only_icon:
            return
        if self.container.state == "running":
            yield self._made("pause", Permission.CONTAINER_STOP, _("Pause"), icon="player-pause")
        elif self.container.state == "paused":
            yield self._made("unpause", Permission.CONTAINER_START, _("Unpause"), icon="player-play")

    def _remove(self) -> Action:
        label = _("Remove")
        if self.container.is_alive:
            disabled = _("Stop it first.")
            return self._made("remove", Permission.CONTAINER_REMOVE, label, icon="trash", disabled=disabled)
        confirm = Confirm(
            _("Remove %(name)s?") % {"name": self.container.name},
            _("Everything it wrote inside itself is lost, and so is its log."),
        )
        return self._made(
            "remove", Permission.CONTAINER_REMOVE, label, icon="trash", css=f"{self.css} is-danger", confirm=confirm
        )

    def _made(
        self,
        verb: str,
        permission: Permission,
        label: str | Promise,
        *,
        icon: str,
        css: str = "",
        disabled: Words = "",
        confirm: Confirm | None = None,
    ) -> Action:
        container = self.container
        return Action(
            # each has its address below the page's; to look up all of a list's takes longer than to make them
            f"{self._page}{verb}/",
            label,
            icon,
            refusal=self.permits.refusal(permission, on=container) or disabled,
            id=f"{verb}-{container.short_id}",
            css=css or self.css,
            only_icon=self.only_icon,
            confirm=confirm,
        )
