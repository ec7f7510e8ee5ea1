"""The one way to change anything.

``operation``: permission → step-up, where the act is dangerous → transaction with writes allowed → the block → audit
row in that same transaction → commit → browsers and Celery told. A refusal or a crash rolls back and is recorded in a
transaction of its own.
``observation``: the same without permission and audit, for facts that hosts report and the system's own housekeeping.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, cast

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import ConsoleError, Denied
from console.operations.governed import writes_allowed
from console.operations.permissions import NEVER_BY_TOKEN, OpenAction, Permission
from console.operations.policy import NOWHERE, Place, Target, may, may_somewhere

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(slots=True)
class Operation:
    """What one operation leaves in the audit log. The block may name its target once it exists, and add details."""

    actor: Actor
    action: Permission | OpenAction
    on: Target | None
    details: dict[str, Any] = field(default_factory=dict)
    target_kind: str = ""
    target_id: str = ""
    target_name: str = ""
    place: Place = NOWHERE

    def target(self, on: Target) -> None:
        self.on = on
        self.place = on.place
        self.target_kind, self.target_id, self.target_name = on.target_kind, on.target_id, on.target_name


class Recorder(Protocol):
    def __call__(self, op: Operation, *, outcome: Outcome, reason: str) -> None: ...


@contextmanager
def operation(
    actor: Actor,
    permission: Permission | OpenAction,
    on: Target | None = None,
    *,
    at: Place = NOWHERE,
    anywhere: bool = False,
    **inputs: Any,
) -> Iterator[Operation]:
    """Everything in the block happens, with its audit row, or nothing does.

    The permission must be held over ``on``, or for what is to be made at ``at``; with neither, over everything, or
    ``anywhere`` for what is bounded by it itself.
    ``inputs`` go into the audit row's details, so no secret may be among them. Raises Denied before the block runs;
    Unconfirmed, a kind of it, when the act is dangerous and the person has to prove first who they are.
    """
    op = Operation(actor, permission, on, details={key: value for key, value in inputs.items() if value is not None})
    op.place = at
    if on is not None:
        op.target(on)
    plain = _plain(permission)
    if not (may_somewhere(actor, plain) if anywhere and plain else may(actor, permission, on=on, at=at)):
        refusal = Denied(_refusal(actor, permission), permission=plain)
        _record_apart(op, outcome=Outcome.REFUSED, reason=str(refusal))
        refusal.on_record = True
        raise refusal
    try:
        require_confirmed(actor, permission)
        # durable: an enclosing transaction could undo the change after its effects were announced
        with transaction.atomic(durable=True), writes_allowed(str(permission)):
            yield op
            _recorder()(op, outcome=Outcome.ALLOWED, reason="")
    except ConsoleError as error:
        _record_apart(op, outcome=Outcome.REFUSED, reason=str(error))
        error.on_record = True
        raise
    except Exception as error:
        _record_apart(op, outcome=Outcome.FAILED, reason=f"{type(error).__name__}: {error}")
        raise


@contextmanager
def observation(actor: Actor) -> Iterator[None]:
    """Write down what ``actor`` (a host, or the system) found to be so. All of the block or nothing."""
    with transaction.atomic(durable=True), writes_allowed(f"observation by {actor.id}"):
        yield


def publish_on_commit(topic: str, payload: Mapping[str, Any] | None = None) -> None:
    """Ring ``topic``'s doorbell once what this transaction writes is there to be read. Losing a ring is harmless."""
    transaction.on_commit(lambda: _publish(topic, dict(payload or {})))


def _publish(topic: str, payload: dict[str, Any]) -> None:
    try:
        publisher = cast("Callable[[str, dict[str, Any]], None]", import_string(settings.NARU_PUBLISHER))
        publisher(topic, payload)
    except Exception as error:  # noqa: BLE001 - whatever it was, the change is committed
        # no traceback: while Redis is away there is one of these for every change
        log.warning("doorbell not rung", topic=topic, why=f"{type(error).__name__}: {error}")


def _recorder() -> Recorder:
    return cast("Recorder", import_string(settings.NARU_RECORDER))


def _record_apart(op: Operation, *, outcome: Outcome, reason: str) -> None:
    """The change is already refused or undone, so a log that cannot be written must not hide why."""
    try:
        with transaction.atomic():
            _recorder()(op, outcome=outcome, reason=reason)
    except Exception:
        log.error("audit row not written", action=str(op.action), actor=op.actor.id, reason=reason, exc_info=True)


def _refusal(actor: Actor, action: Permission | OpenAction) -> str:
    if actor.limits is not None and (isinstance(action, OpenAction) or action in NEVER_BY_TOKEN):
        return _("A token cannot do this: sign in for it.")
    return _("You need the permission “%(name)s”.") % {"name": action}


def _plain(permission: Permission | OpenAction) -> Permission | None:
    return permission if isinstance(permission, Permission) else None
