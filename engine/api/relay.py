"""A client's hijacked connection and a program's streams, passed to one another: for ``attach`` and ``exec``."""

import asyncio
from typing import Final, Protocol

from engine.api.detach_keys import DetachScanner
from engine.api.errors import report_unexpected
from engine.api.frames import framed
from engine.model.errors import EngineError

_STDERR: Final = 2


class Client(Protocol):
    """``Channel`` and a websocket. ``read`` is empty at the end; ``write`` waits for a client that reads slowly."""

    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...


class Session(Protocol):
    """``AttachSession`` and ``ExecSession``."""

    async def read(self) -> tuple[int, bytes] | None: ...
    async def write(self, data: bytes) -> None: ...
    def close_stdin(self) -> None: ...


async def relay(
    session: Session, channel: Client, *, raw: bool, output: bool, input: bool, keys: DetachScanner | None
) -> bool:
    """Until the program ends or the client leaves by the detach keys; True for the latter.

    Without ``output`` the client came only to write: also until it has written. Not ``raw``: in frames.
    """
    sending = asyncio.create_task(_send_output(session, channel, raw=raw))
    tasks: set[asyncio.Task[bool]] = {sending}
    if input:
        tasks.add(asyncio.create_task(_send_input(session, channel, keys)))
    try:
        while sending in tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            has_detached = [task.result() for task in done]
            if any(has_detached):
                return True
            if sending not in done and not output:
                return False
        return False
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_output(session: Session, channel: Client, *, raw: bool) -> bool:
    try:
        while (piece := await session.read()) is not None:
            stream, data = piece
            await channel.write(data if raw else framed(stream, data))
    except ConnectionError:
        return False
    # the answer has been given: an error can only be told in the stream
    except EngineError as error:
        await _tell_error(channel, str(error), raw=raw)
    except Exception:  # noqa: BLE001  # as above; it is logged
        await _tell_error(channel, report_unexpected("a stream"), raw=raw)
    return False


async def _tell_error(channel: Client, text: str, *, raw: bool) -> None:
    message = f"Error: {text}\n".encode()
    try:
        await channel.write(message if raw else framed(_STDERR, message))
    except ConnectionError:
        return


async def _send_input(session: Session, channel: Client, keys: DetachScanner | None) -> bool:
    """True when the client pressed the detach keys."""
    try:
        while data := await channel.read():
            has_detached = False
            if keys is not None:
                data, has_detached = keys.feed(data)
            if data:
                await session.write(data)
            if has_detached:
                return True
        session.close_stdin()
    except OSError:
        return False  # the program has ended or closed its input; its output decides when this is over
    return False
