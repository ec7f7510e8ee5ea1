"""Words of plans, for templates."""

from django import template

from console.prune.planning import Why
from console.prune.shown import reason

register = template.Library()


@register.filter
def stays(why: Why) -> str:
    """Why something stays, in words."""
    return reason(why)
