import pytest

from engine.build.file_modes import ModeChange
from engine.model.errors import Invalid


@pytest.mark.parametrize(
    ("text", "before", "file", "directory"),
    [
        ("755", 0o600, 0o755, 0o755),
        ("04755", 0o600, 0o4755, 0o4755),
        ("u+x", 0o644, 0o744, 0o744),
        ("+x", 0o644, 0o755, 0o755),
        ("a-w", 0o666, 0o444, 0o444),
        ("u=rwX,go=rX", 0o600, 0o644, 0o755),
        ("u=rwX,go=rX", 0o700, 0o755, 0o755),
        ("go=", 0o777, 0o700, 0o700),
        ("g=u", 0o750, 0o770, 0o770),
        ("u+s,g+s,+t", 0o755, 0o7755, 0o7755),
        ("u-s", 0o4755, 0o755, 0o755),
        ("u+r-w", 0o200, 0o400, 0o400),
        ("o+w,o-r", 0o644, 0o642, 0o642),
    ],
)
def test_what_becomes_of_a_mode(text: str, before: int, file: int, directory: int) -> None:
    change = ModeChange.parse(text)
    assert change.of(before, is_directory=False) == file
    assert change.of(before, is_directory=True) == directory


@pytest.mark.parametrize("text", ["", "9", "77777", "u", "u+q", "+x,", "x", "u=rw go=r"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="invalid chmod parameter"):
        ModeChange.parse(text)
