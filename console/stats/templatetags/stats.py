"""Amounts of use in words, and meters and curves as SVG."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.stats.capacity import Meter
from console.stats.sparks import HEIGHT, WIDTH, Spark
from console.web.templatetags.naru import size

register = template.Library()
UNKNOWN = "–"


@register.filter
def percent(value: object) -> str:
    # what a template cannot find is empty text
    if not isinstance(value, int | float):
        return UNKNOWN
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


@register.filter
def amount(size_bytes: object) -> str:
    return size(int(size_bytes)) if isinstance(size_bytes, int | float) else UNKNOWN


@register.filter
def rate(bytes_per_s: object) -> str:
    return f"{size(int(bytes_per_s))}/s" if isinstance(bytes_per_s, int | float) else UNKNOWN


@register.filter
def unlocalized(value: float) -> str:
    """As scripts read numbers, whatever the language."""
    return f"{value:.15g}"


@register.simple_tag
def meter(found: Meter | None, label: str) -> SafeString:
    """A bar: what is used, over what is promised by limits."""
    if found is None:
        return SafeString("")
    return format_html(
        '<svg class="meter {}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}: {}">'
        '<rect class="meter-promised" width="{}" height="6"></rect>'
        '<rect class="meter-used" width="{}" height="6"></rect></svg>',
        f"is-{found.tone}" if found.tone else "",
        label,
        percent(found.used),
        f"{found.promised_width:g}",
        f"{found.used_width:g}",
    )


@register.simple_tag
def curve(found: Spark | None, label: str) -> SafeString:
    """The last six hours, from 0 to 100 percent."""
    if found is None or not found.line:
        return format_html('<span class="curve curve-none"></span>')
    return format_html(
        '<svg class="curve" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}: {}">'
        '<path class="curve-area" d="{}"></path><path class="curve-line" d="{}"></path></svg>',
        f"{WIDTH:g}",
        f"{HEIGHT:g}",
        label,
        f"{percent(found.last)} ≤ {percent(found.most)}",
        found.area,
        found.line,
    )
