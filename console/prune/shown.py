"""A plan as a page shows it: by kind, in words, the largest first."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.prune.planning import IMAGES, Item, Kind, Plan, Why

MOST_SHOWN = 200
TITLES: dict[Kind, str | Promise] = {
    Kind.DANGLING: _("Images without a tag"),
    Kind.UNUSED: _("Images that no container uses"),
    Kind.CONTAINER: _("Containers that do not run"),
    Kind.VOLUME: _("Volumes that no container has"),
    Kind.CACHE: _("Build cache"),
}
REASONS: dict[Why, str | Promise] = {
    Why.USED: _("in use"),
    Why.KEPT: _("marked to be kept"),
    Why.RECENT: _("too recent"),
    Why.RUNNING: _("runs"),
    Why.RELEASED: _("a release may need it again"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """``is_chosen`` at first; what cannot be brought back is not."""

    kind: Kind
    title: str | Promise
    items: list[Item]
    more: int
    size_bytes: int
    count: int
    is_held: bool
    is_chosen: bool


def groups_of(plan: Plan) -> list[Group]:
    return [_group(plan, kind) for kind in Kind if plan.of(kind)]


def _group(plan: Plan, kind: Kind) -> Group:
    items = sorted(plan.of(kind), key=lambda item: -item.size_bytes)
    return Group(
        kind,
        TITLES[kind],
        items[:MOST_SHOWN],
        max(0, len(items) - MOST_SHOWN),
        plan.size_bytes(kind),
        len(items),
        is_held=kind in IMAGES,
        is_chosen=kind in IMAGES or kind is Kind.CACHE,
    )


def reason(why: Why) -> str:
    return str(REASONS[why])
