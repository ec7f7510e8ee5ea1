"""What clients ask of an exec, and how it is shown."""

import json

import pytest

from engine.model.errors import Invalid
from engine.model.exec import Exec, ExecSpec
from engine.wire.exec import decode_exec_create, decode_exec_start, encode_exec_inspect


def test_a_command_may_be_one_string() -> None:
    assert decode_exec_create(b'{"Cmd": "date"}').argv == ("date",)


def test_members_that_have_no_effect_are_left_out() -> None:
    body = {"Cmd": ["sh"], "Container": "x", "Detach": True, "detachKeys": "ctrl-a", "Env": None, "Tty": True}
    assert decode_exec_create(json.dumps(body).encode()) == ExecSpec(argv=("sh",), tty=True, detach_keys="ctrl-a")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Cmd": []}, "No exec command specified"),
        ({"Cmd": None}, "No exec command specified"),
        ({"Env": ["=1"]}, "Env"),
        ({"Env": ["A=\0"]}, "Env"),
        ({"WorkingDir": "here"}, "absolute path"),
        ({"User": 0}, "User"),
        ({"ConsoleSize": [1]}, "ConsoleSize"),
        ({"ConsoleSize": [1, 70000]}, "ConsoleSize"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        decode_exec_create(json.dumps({"Cmd": ["true"], **members}).encode())


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (b"", None),
        (b'{"ConsoleSize": null, "Tty": true}', None),
        (b'{"ConsoleSize": [0, 0], "Tty": true}', None),
        (b'{"ConsoleSize": [24, 80], "Tty": true}', (24, 80)),
        (b'{"ConsoleSize": [24, 80]}', None),
    ],
)
def test_the_size_counts_with_a_terminal_and_when_it_is_known(body: bytes, size: tuple[int, int] | None) -> None:
    assert decode_exec_start(body).console_size == size


def test_an_exec_that_was_not_started_has_no_exit_code() -> None:
    shown = encode_exec_inspect(Exec("e" * 64, "c" * 64, ExecSpec(argv=("sh", "-c", "exit"))), detach_keys=b"")
    assert (shown["Running"], shown["ExitCode"], shown["Pid"]) == (False, None, 0)
    assert shown["ProcessConfig"] == {
        "tty": False,
        "entrypoint": "sh",
        "arguments": ["-c", "exit"],
        "privileged": False,
    }
