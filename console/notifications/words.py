"""Events in words, in the language of whoever reads."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.operations.happenings import EventKind
from console.web.states import kind_name

TEST = "test"
NAMES: Mapping[str, str | Promise] = {
    EventKind.JOB_FAILED: _("A job failed"),
    EventKind.CONTAINER_CRASHED: _("A container crashed"),
    EventKind.CONTAINER_OOM: _("A container ran out of memory"),
    EventKind.CONTAINER_UNHEALTHY: _("A container is unhealthy"),
    EventKind.HOST_LOST: _("A host is lost"),
    EventKind.HOST_BACK: _("A host is back"),
    EventKind.AUDIT_BROKEN: _("The audit log is broken"),
    EventKind.GRANT_ENDING: _("A grant is about to end"),
    EventKind.STACKS_HELD: _("Too much fails at once"),
    TEST: _("A test"),
}
SENTENCES: Mapping[str, str | Promise] = {
    EventKind.JOB_FAILED: _("Job #%(number)s on %(host)s failed: %(what)s. %(reason)s"),
    EventKind.CONTAINER_CRASHED: _("%(name)s on %(host)s ended with exit code %(code)s."),
    EventKind.CONTAINER_OOM: _("%(name)s on %(host)s was killed: it wanted more memory than it may have."),
    EventKind.CONTAINER_UNHEALTHY: _("%(name)s on %(host)s fails its health check."),
    EventKind.HOST_LOST: _("%(name)s does not answer. %(reason)s"),
    EventKind.HOST_BACK: _("%(name)s answers again."),
    EventKind.AUDIT_BROKEN: _("The audit log is not what was written. %(reason)s"),
    EventKind.GRANT_ENDING: _("The role “%(role)s” of %(holder)s (%(scope)s) ends at %(until)s."),
    EventKind.STACKS_HELD: _(
        "So many containers fail on %(name)s that no more are replaced by themselves for now: %(count)s of %(stacks)s."
    ),
    TEST: _("This is a test of the channel “%(name)s”."),
}
RESTARTED = _("%(name)s on %(host)s keeps ending and was restarted; %(restarts)s restarts so far.")


def name_of(kind: str) -> str | Promise:
    return NAMES.get(kind, kind)


def sentence_of(kind: str, name: str, details: Mapping[str, Any]) -> str:
    facts: dict[str, Any] = {"name": name, **details}
    if "kind" in facts:
        facts["what"] = f"{kind_name(str(facts['kind']))} {facts.get('on', '')}".strip()
    sentence = str(RESTARTED if "restarts" in facts else SENTENCES.get(kind, kind))
    try:
        return (sentence % facts).strip()
    except (KeyError, ValueError):
        # of another version, which said other things
        return gettext("%(kind)s: %(name)s") % {"kind": name_of(kind), "name": name}
