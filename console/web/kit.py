"""The kit's smallest parts as HTML.

A list has hundreds of them, and made here they cost a fraction of what a template takes.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString

Words = str | Promise
NOTHING = SafeString("")


@lru_cache(maxsize=512)
def icon(name: str, css: str = "") -> SafeString:
    """An icon of the sprite, silent to screen readers: words stand beside it or in the button's label."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', css, _sprite(), name
    )


@cache
def _sprite() -> str:
    return static("vendor/icons.svg")


@lru_cache(maxsize=512)
def column(name: str, *, is_hidden: bool) -> SafeString:
    """The attributes of a cell whose column a person may hide."""
    return format_html(' data-col="{}"{}', name, SafeString(" hidden") if is_hidden else "")


@dataclass(frozen=True, slots=True)
class Confirm:
    """What is asked before it is done: ``sure`` is the question, ``text`` what follows from it."""

    sure: Words
    text: Words = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A form with one button that changes something.

    ``refusal``: why it cannot be pressed, or empty. ``id`` is kept over swaps, so that focus returns.
    """

    url: str
    label: Words
    icon: str
    refusal: Words = ""
    id: str = ""
    css: str = ""
    only_icon: bool = False
    confirm: Confirm | None = None

    def html(self, csrf_token: Words) -> SafeString:
        css = SafeString(f"{self.css} btn-icon") if self.only_icon else self.css
        hidden = SafeString("visually-hidden") if self.only_icon else NOTHING
        if self.refusal:
            return format_html(
                '<span class="action" title="{0}" tabindex="0"><button class="btn {1}" type="button" disabled>'
                '{2}<span class="{3}">{4}</span> <span class="visually-hidden">{0}</span></button></span>',
                self.refusal,
                css,
                icon(self.icon),
                hidden,
                self.label,
            )
        return format_html(
            '<form class="action" method="post" action="{0}" hx-post="{0}" hx-swap="none" '
            'hx-disabled-elt="find button"{1}><input type="hidden" name="csrfmiddlewaretoken" value="{2}">'
            '<button{3} class="btn {4}" type="submit" title="{5}">{6}<span class="{7}">{5}</span></button></form>',
            self.url,
            self._asked_first(),
            csrf_token,
            format_html(' id="{}"', self.id) if self.id else NOTHING,
            css,
            self.label,
            icon(self.icon),
            hidden,
        )

    def _asked_first(self) -> SafeString:
        if self.confirm is None:
            return NOTHING
        return format_html(
            ' data-confirm="{}" data-confirm-text="{}" data-confirm-yes="{}" data-confirm-class="{}"',
            self.confirm.sure,
            self.confirm.text,
            self.label,
            self.confirm.css or "btn-danger",
        )
