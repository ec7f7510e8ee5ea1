"""What the web server's processes say of the sessions that live in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from console.operations.actor import Actor
from console.operations.runner import observation
from console.terminals.models import Terminal

SERVER = Actor.system("terminals")


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes that have gone through a session, in and out."""

    in_bytes: int
    out_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How an open session is, for the process it lives in. ``ended_by`` is who wants it to end; empty: nobody."""

    number: int
    ended_by: str
    is_own: bool


def claim(number: int, server: str) -> bool:
    """The session lives in ``server`` from now on; False when it lives elsewhere, or has ended."""
    with observation(SERVER):
        free = Terminal.objects.filter(pk=number, server="", ended_at=None, end_asked_at=None)
        return bool(free.update(server=server, seen_at=timezone.now()))


def note_program(number: int, *, exec_id: str, pid: int | None) -> None:
    with observation(SERVER):
        Terminal.objects.filter(pk=number, ended_at=None).update(exec_id=exec_id, pid=pid)


def note_alive(server: str, passed: Mapping[int, Passed]) -> dict[int, Standing]:
    """These are there. What is missing in the answer has been given up on, and must end."""
    with observation(SERVER):
        now = timezone.now()
        for number, bytes_passed in passed.items():
            Terminal.objects.filter(pk=number, server=server, ended_at=None).update(
                seen_at=now, in_bytes=bytes_passed.in_bytes, out_bytes=bytes_passed.out_bytes
            )
    return standings(list(passed))


def standings(numbers: list[int]) -> dict[int, Standing]:
    rows = Terminal.objects.filter(pk__in=numbers, ended_at=None)
    return {
        row.pk: Standing(row.pk, row.ended_by_name if row.end_asked_at else "", row.ended_by_name == row.user_name)
        for row in rows
    }
