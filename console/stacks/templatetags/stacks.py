from django import template

from console.web.states import Look, look_of

register = template.Library()


@register.simple_tag
def replica_look(state: str, health: str) -> Look:
    """Of its square: an unhealthy one is no good one, though it runs."""
    return look_of(health, of="health") if state == "running" and health else look_of(state)
