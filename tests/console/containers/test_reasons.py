"""An exit code is told in words that help."""

import pytest

from console.containers.reasons import reason_of


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "success"),
        (1, "error"),
        (126, "cannot be run"),
        (127, "not found"),
        (137, "SIGKILL (9): out of memory, killed by somebody"),
        (139, "SIGSEGV (11): it touched memory"),
        (143, "SIGTERM (15): it was asked to stop"),
        (152, "ended by SIGXCPU (24)"),
        (77, "a code of the program"),
        (255, "a code of the program"),
        (None, ""),
    ],
)
def test_codes(code: int | None, words: str) -> None:
    assert words in reason_of(code)
    assert bool(reason_of(code)) == (code is not None)


def test_want_of_memory_goes_before_the_signal() -> None:
    assert "wanted more memory" in reason_of(137, is_oom=True)
