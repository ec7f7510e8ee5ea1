"""Which rules an event is told by, and what is silent. Pure but for the rows it is given."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from console.notifications.models import Event, Rule, Silence


def rules_for(event: Event, rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if _matches(event, rule)]


def silence_of(event: Event, rule: Rule, silences: Iterable[Silence]) -> Silence | None:
    """The first that covers it. One without a rule covers all rules."""
    for silence in silences:
        of_rule = silence.rule_id is None or silence.rule_id == rule.pk
        of_event = _is_in(event, silence.workspace_id) and silence.kind in ("", event.kind)
        if of_rule and of_event and _is_named(event, silence.name_pattern):
            return silence
    return None


def _matches(event: Event, rule: Rule) -> bool:
    return (
        rule.is_active
        and event.kind in rule.events
        and _is_in(event, rule.workspace_id)
        and _is_named(event, rule.name_pattern)
        and _carries(event.labels, rule.label)
    )


def _is_in(event: Event, workspace_pk: int | None) -> bool:
    return workspace_pk is None or event.workspace_id == workspace_pk


def _is_named(event: Event, pattern: str) -> bool:
    return not pattern or fnmatchcase(event.name, pattern)


def _carries(labels: Mapping[str, str], label: str) -> bool:
    key, equals, value = label.partition("=")
    return not key or (key in labels and (not equals or labels[key] == value))
