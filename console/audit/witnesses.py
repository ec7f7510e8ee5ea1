"""Where signed heads go, so that somebody other than the database knows them.

``NARU_AUDIT_WITNESS`` names one or more, separated by commas::

    file:/path            a line is added for each head; best on a disk that the console's administrators do not own
    syslog                the machine's log daemon, facility auth, which may send it on
    syslog:HOST[:PORT]    a log daemon elsewhere, over UDP
    webhook:URL           a web server that is sent the line by POST; https unless it is on this machine

Without it heads are kept in ``NARU_DATA/audit/heads.jsonl``. Every host's agent keeps a copy as well.
"""

import logging
import logging.handlers
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from console.audit.keys import folder
from console.operations.errors import ConsoleError, Invalid
from console.outbound.addresses import parse_url
from console.outbound.client import Call, request

log = structlog.get_logger(__name__)
_SYSLOG_PORT = 514
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_LOCAL_SYSLOG = "/dev/log"


class Witness(Protocol):
    name: str

    def tell(self, line: str) -> None:
        """Raises OSError when it cannot be told."""
        ...


class FileWitness:
    def __init__(self, path: Path) -> None:
        self.name = f"file:{path}"
        self.path = path

    def tell(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with os.fdopen(os.open(self.path, flags, 0o640), "w") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


class SyslogWitness:
    def __init__(self, address: str | tuple[str, int]) -> None:
        self.name = "syslog" if isinstance(address, str) else f"syslog:{address[0]}:{address[1]}"
        self._address = address

    def tell(self, line: str) -> None:
        with closing(_Syslog(self._address, facility=_Syslog.LOG_AUTH)) as handler:
            handler.ident = "naru-audit: "
            handler.emit(logging.makeLogRecord({"msg": line, "levelno": logging.INFO, "levelname": "INFO"}))


class WebhookWitness:
    """The line is signed already, so the request needs no proof of its own."""

    def __init__(self, url: str) -> None:
        self._target = parse_url(url)
        # without path and query, which may say who may write there
        self.name = f"webhook:{self._target.shown}"
        self._url = url

    def tell(self, line: str) -> None:
        headers = {"Content-Type": "application/json"}
        trusted = frozenset({self._target.host})
        try:
            answer = request(Call("POST", self._url, headers, body=line.encode() + b"\n", trusted=trusted))
        except ConsoleError as error:
            raise OSError(str(error)) from error
        if not 200 <= answer.status < 300:
            raise OSError(f"{self.name} answered {answer.status} {answer.reason}")


class _Syslog(logging.handlers.SysLogHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (so it is in logging)
        """Called while the error is being handled: who logs a head wants to know."""
        raise


def witnesses() -> list[Witness]:
    names = [name.strip() for name in settings.NARU_AUDIT_WITNESS.split(",") if name.strip()]
    return [_witness(name) for name in names] or [FileWitness(folder() / "heads.jsonl")]


def tell_all(line: str) -> list[str]:
    """The names of those that could not be told; they are told the next head, which covers this one."""
    failed = []
    for witness in witnesses():
        try:
            witness.tell(line)
        except OSError as error:
            log.error("audit witness not told", witness=witness.name, why=str(error))
            failed.append(witness.name)
    return failed


def kept_lines() -> Sequence[str]:
    """Heads that file witnesses of this machine hold."""
    files = [witness.path for witness in witnesses() if isinstance(witness, FileWitness)]
    return [line for path in files if path.exists() for line in path.read_text(errors="replace").splitlines()]


def _witness(name: str) -> Witness:
    kind, _colon, place = name.partition(":")
    if kind == "file" and place.startswith("/"):
        return FileWitness(Path(place))
    if kind == "syslog" and not place:
        return SyslogWitness(_LOCAL_SYSLOG)
    if kind == "syslog":
        host, _colon, port = place.rpartition(":") if ":" in place else (place, "", "")
        if not port or port.isdecimal():
            return SyslogWitness((host, int(port or _SYSLOG_PORT)))
    if kind == "webhook":
        return _webhook(place)
    raise ImproperlyConfigured(
        f"NARU_AUDIT_WITNESS: {kind!r} is no kind of witness: file:/PATH, syslog[:HOST[:PORT]] or webhook:URL"
    )


def _webhook(url: str) -> WebhookWitness:
    try:
        target = parse_url(url)
    except Invalid as error:
        raise ImproperlyConfigured(f"NARU_AUDIT_WITNESS: {error}") from error
    if target.scheme != "https" and target.host not in _THIS_MACHINE:
        raise ImproperlyConfigured("NARU_AUDIT_WITNESS: a webhook elsewhere is reached by https")
    return WebhookWitness(url)
