"""Template tags of the kit: icons, states, times, ids, and buttons that know who may press them."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.context import Context
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from console.operations.permissions import Permission
from console.web import kit
from console.web.kit import Action, Confirm
from console.web.permits import Permits
from console.web.states import kind_name, look_of, role_word
from console.web.tables import Table

register = template.Library()
SHORT = 12
STEPS = (
    (timedelta(minutes=1), timedelta(seconds=1)),
    (timedelta(hours=1), timedelta(minutes=1)),
    (timedelta(days=7), timedelta(hours=1)),
)


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    return kit.icon(name, css)


@register.simple_tag
def state(value: str, of: str = "") -> SafeString:
    return _state(value, of, get_language())


@lru_cache(maxsize=1024)
def _state(value: str, of: str, _language: str | None) -> SafeString:
    look = look_of(value, of=of)
    return format_html(
        '<span class="state state-{}" data-state="{}"><span class="state-dot"></span>{}<span>{}</span></span>',
        look.tone,
        value,
        icon(look.icon, "state-icon"),
        look.word,
    )


@register.filter
def kind(value: str) -> str | Promise:
    return kind_name(value)


@register.filter
def role_name(value: str) -> str | Promise:
    return role_word(value)


@register.simple_tag
def when(at: datetime | None) -> SafeString:
    """How long ago, with the exact time in the title."""
    if at is None:
        return format_html('<span class="text-secondary">{}</span>', "—")
    exact = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}"
    ago = _ago(_rounded(timezone.now() - at), get_language())
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', at.isoformat(), exact, ago)


def _rounded(ago: timedelta) -> timedelta:
    """To what can be told of it in words, so that few differ."""
    step = next((step for longest, step in STEPS if abs(ago) < longest), timedelta(days=1))
    return ago // step * step


@lru_cache(maxsize=4096)
def _ago(ago: timedelta, _language: str | None) -> str:
    """In the language that is active. Finding the words takes longer than all else in a list's row."""
    return naturaltime(timezone.now() - ago)


@register.simple_tag
def took(started: datetime | None, finished: datetime | None) -> str:
    if started is None:
        return "—"
    seconds = ((finished or timezone.now()) - started).total_seconds()
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": f"{max(seconds, 0):.1f}"}
    minutes, rest = divmod(int(seconds), 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}


@register.simple_tag
def about(text: str, name: object) -> str:
    """``text`` with ``name`` for its {name}: what ``blocktrans`` does in twice the time, for a list's rows.

    Not %(name)s: templates double a percent sign before they look for the translation.
    """
    return text.replace("{name}", str(name))


@register.simple_tag
def short_id(value: str) -> SafeString:
    """Twelve characters of an id, with a button that copies all of it."""
    plain = value.removeprefix("sha256:")
    return format_html(
        '<span class="id"><code title="{}">{}</code><button type="button" class="btn-copy" data-click="copy" '
        'data-copy="{}" aria-label="{}" title="{}">{}{}</button></span>',
        value,
        plain[:SHORT],
        value,
        _("Copy %(id)s") % {"id": plain[:SHORT]},
        _("Copy"),
        icon(name="copy"),
        icon(name="check"),
    )


@register.filter
def short(value: str) -> str:
    return value.removeprefix("sha256:")[:SHORT]


@register.filter
def size(size_bytes: int | None) -> str:
    """Decimal units, as `docker images` prints them."""
    amount = float(size_bytes or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


@register.simple_tag(takes_context=True)
def col(context: Context, name: str) -> SafeString:
    """In a cell of a table's column that a person may hide: marks it, and hides it from who has."""
    request = context.get("request")
    hidden = getattr(getattr(request, "user", None), "hidden_columns", {})
    table = getattr(getattr(request, "resolver_match", None), "view_name", "")
    return kit.column(name, is_hidden=name in hidden.get(table, ()))


@register.inclusion_tag("web/_sort_header.html", takes_context=True)
def sort_header(context: Context, table: Table[Any], name: str, label: str) -> dict[str, Any]:
    ascending, descending = table.sort == name, table.sort == f"-{name}"
    return {
        "label": label,
        "column": col(context, name),
        "link": table.link(sort=f"-{name}" if ascending else name, after=""),
        "ascending": ascending,
        "descending": descending,
    }


@register.simple_tag(takes_context=True)
def action(context: Context, url: str, permission: str, label: str, icon: str, **options: Any) -> SafeString:
    """A form with one button that changes something.

    options: ``on`` (what it acts on, where owning it matters), ``id`` (kept over swaps, so that focus returns),
    ``css`` of the button, ``only_icon``, ``disabled`` (a reason other than the permission), and ``confirm`` (with
    ``confirm_name`` for its {name}), ``confirm_text``, ``confirm_css`` for what asks first.
    """
    permits: Permits = context["may"]
    sure = options.get("confirm")
    if sure and "confirm_name" in options:
        sure = about(sure, options["confirm_name"])
    first = Confirm(sure, options.get("confirm_text", ""), options.get("confirm_css", "")) if sure else None
    made = Action(
        url,
        label,
        icon,
        refusal=permits.refusal(permission, on=options.get("on")) or options.get("disabled", ""),
        id=options.get("id", ""),
        css=options.get("css", ""),
        only_icon=bool(options.get("only_icon")),
        confirm=first,
    )
    return made.html(str(context.get("csrf_token", "")))


@register.simple_tag(takes_context=True)
def refusal(context: Context, permission: str, on: Any = None) -> str:
    """Why this person may not (about ``on``, if given), or an empty string."""
    permits: Permits = context["may"]
    return permits.refusal(permission, on=on or None)


@register.simple_tag(takes_context=True)
def permitted(context: Context, permission: str, on: Any) -> bool:
    permits: Permits = context["may"]
    return permits.over(Permission(permission), on)


@register.inclusion_tag("web/_field.html")
def field(bound: Any, css: str = "", kind: str = "") -> dict[str, Any]:
    """A form field with label, hint and error, wired for screen readers."""
    parts = {"hint": bound.help_text, "error": bound.errors}
    described = [f"{bound.auto_id}_{part}" for part, there in parts.items() if there]
    widget = bound.field.widget
    base = "form-select" if hasattr(widget, "choices") else "form-control"
    attrs = {
        "class": f"{base} {kind}{' is-invalid' if bound.errors else ''}".strip(),
        "aria-describedby": " ".join(described) or None,
        "aria-invalid": "true" if bound.errors else None,
    }
    kept = {name: value for name, value in attrs.items() if value}
    return {"field": bound, "css": css, "widget": bound.as_widget(attrs={**widget.attrs, **kept})}


@register.filter
def fill(pattern: str, value: object) -> str:
    """``"job.{}.output"|fill:job.number``"""
    return pattern.replace("{}", str(value))
