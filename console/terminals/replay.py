"""The last of a terminal's output, by cursor. Pure.

A cursor counts bytes from the session's beginning. What no page has said it has shown is never dropped: whoever fills
the buffer stops when ``room`` is 0. What was shown stays as far as there is space, for a page that was loaded anew.
"""

from typing import Final

KEPT_BYTES: Final = 256 * 1024
# of output that no page has shown yet; the rest of the buffer is for pages that begin anew
WINDOW_BYTES: Final = 128 * 1024


class Replay:
    def __init__(self, *, kept_bytes: int = KEPT_BYTES, window_bytes: int = WINDOW_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._window_bytes = window_bytes
        self._data = bytearray()
        self.tail = 0
        self.shown = 0

    @property
    def head(self) -> int:
        """The cursor behind the newest byte."""
        return self.tail + len(self._data)

    @property
    def room(self) -> int:
        """How much more may be read from the program now."""
        return max(0, self._window_bytes - (self.head - self.shown))

    def add(self, data: bytes) -> None:
        """One piece may go beyond the room, by its own length."""
        self._data += data
        surplus = min(len(self._data) - self._kept_bytes, self.shown - self.tail)
        if surplus > 0:
            del self._data[:surplus]
            self.tail += surplus

    def show(self, cursor: int) -> None:
        """A page has shown everything before ``cursor``. What nobody can have shown is not believed."""
        self.shown = max(self.shown, min(cursor, self.head))

    def after(self, cursor: int, *, most_bytes: int) -> bytes:
        start = cursor - self.tail
        return bytes(self._data[start : start + most_bytes])

    def place(self, since: int | None) -> int:
        """Where a page goes on: at its own cursor if that is kept, else with the oldest byte."""
        if since is None or not self.tail <= since <= self.head:
            return self.tail
        return since
