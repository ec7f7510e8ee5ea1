"""Sending what is due. Rows are claimed first and told afterwards how it went; nothing is sent inside a transaction."""

import smtplib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from console.notifications.models import Channel, Delivery, Event
from console.notifications.observations import claim_due, handle_events, note_outcome
from console.notifications.payloads import Told, signed_headers
from console.operations.errors import ConsoleError
from console.outbound.client import Call, request
from console.secrets.models import Secret
from console.secrets.references import name_in
from console.secrets.values import decrypt, resolve

log = structlog.get_logger(__name__)

AT_ONCE: Final = 8
BATCH: Final = 16
LIMIT_S: Final = 10.0
LIMIT_BYTES: Final = 64 * 1024
# the receiver says that it will never take it
_GONE: Final = 410

_busy = threading.Lock()


@dataclass(frozen=True, slots=True)
class Outcome:
    """``error`` empty: it was taken."""

    code: int | None = None
    error: str = ""
    is_final: bool = False


Send = Callable[[], Outcome]


def deliver() -> int:
    """Make deliveries of what happened and send what is due. Returns how many were tried.

    One at a time in each worker: others that are rung meanwhile have nothing to do, and receivers that are slow must
    not take all of the worker's threads.
    """
    if not _busy.acquire(blocking=False):
        return 0
    try:
        handle_events()
        tried = 0
        while claimed := claim_due(BATCH):
            _send_all(claimed)
            tried += len(claimed)
            handle_events()
        return tried
    finally:
        _busy.release()


def _send_all(pks: list[int]) -> None:
    """Prepared and noted here, where the database is; sent by threads, which have none."""
    rows = Delivery.objects.select_related("event__workspace", "event__host", "channel__secret")
    prepared = {delivery.pk: _prepared(delivery) for delivery in rows.filter(pk__in=pks)}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as threads:
        running = {pk: threads.submit(_timed, send) for pk, send in prepared.items()}
        for pk, future in running.items():
            outcome, took_ms = future.result()
            if outcome.error:
                log.info("not delivered", delivery=pk, code=outcome.code, why=outcome.error)
            note_outcome(pk, code=outcome.code, error=outcome.error, took_ms=took_ms, is_final=outcome.is_final)


def _timed(send: Send) -> tuple[Outcome, int]:
    began = time.monotonic()
    try:
        outcome = send()
    except ConsoleError as error:
        outcome = Outcome(error=str(error))
    return outcome, round((time.monotonic() - began) * 1000)


def _prepared(delivery: Delivery) -> Send:
    try:
        told = told_of(delivery)
        if delivery.channel.kind == Channel.Kind.EMAIL:
            return _email(told, delivery.channel)
        return _webhook(told, delivery.channel)
    except ConsoleError as error:
        # a secret that cannot be read: somebody may put its key back
        outcome = Outcome(error=str(error))
        return lambda: outcome


def told_of(delivery: Delivery) -> Told:
    event: Event = delivery.event
    with translation.override("en"):
        text = event.text
    return Told(
        uid=str(delivery.uid),
        kind=event.kind,
        at=event.first_at.isoformat(),
        count=event.count,
        text=text,
        link=f"{settings.NARU_URL}{event.link}" if event.link else "",
        about=event.about,
        name=event.name,
        workspace=event.workspace.slug if event.workspace else None,
        host=event.host.name if event.host else None,
        details=event.details,
    )


def _webhook(told: Told, channel: Channel) -> Send:
    if channel.secret is None:
        return lambda: Outcome(error="the channel has no secret to sign with")
    secret, url, body = decrypt(channel.secret.newest), _url_of(channel, channel.secret), told.body()

    def send() -> Outcome:
        headers = signed_headers(told.uid, body, secret=secret, timestamp=int(time.time()))
        answer = request(
            Call("POST", url, credentials=headers, body=body, limit_s=LIMIT_S, limit_bytes=LIMIT_BYTES, redirects=0)
        )
        if 200 <= answer.status < 300:
            return Outcome(answer.status)
        return Outcome(answer.status, f"{answer.status} {answer.reason}".strip(), is_final=answer.status == _GONE)

    return send


def _url_of(channel: Channel, beside: Secret) -> str:
    name = name_in(channel.url)
    return channel.url if name is None else resolve(beside.workspace_id, [name])[name].strip()


def _email(told: Told, channel: Channel) -> Send:
    if not settings.NARU_MAIL:
        return lambda: Outcome(error=_("No mail server is set up (NARU_SMTP)."))
    message = EmailMessage(
        subject=f"[Naru] {told.text}"[:200],
        body=f"{told.text}\n\n{told.link}\n\n{told.kind}, {told.at}\n",
        to=channel.addresses.split(),
        # the same each time it is tried
        headers={"Message-ID": f"<{told.uid}@naru>"},
    )

    def send() -> Outcome:
        try:
            message.send()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Outcome(error=f"{type(error).__name__}: {error}"[:500])
        return Outcome(250)

    return send
