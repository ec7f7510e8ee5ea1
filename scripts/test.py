"""``make test``: every test, three files at a time; the files of a few that failed once more, each alone.

Machines that run tests for others are slow for minutes on end, and what drives a browser beside two other lanes feels
it first. Who passes alone is named and does not fail the run; it is a fault all the same, the test's or the product's.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
LANES = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
# so many files: more is no accident
A_FEW = 3
_TESTS_FAILED = 1


def run(*arguments: str) -> int:
    return subprocess.run([*PYTEST, *arguments], cwd=ROOT).returncode


def failed_in(report: Path) -> dict[str, list[str]]:
    """The names of the tests that failed or could not be set up, by file, from a report of JUnit's form."""
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            found.setdefault(case.get("file", ""), []).append(case.get("name", ""))
    return found


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run(*LANES, f"--junitxml={report}", "-o", "junit_family=xunit1", *arguments)
        failed = failed_in(report) if code == _TESTS_FAILED else {}
    if not failed or "" in failed or len(failed) > A_FEW:
        return code
    print("\nOnce more, each of these files alone:", *failed, sep="\n  ", flush=True)
    codes = [run(file) for file in failed]
    if any(codes):
        return max(codes)
    print("\nFailed beside others and passed alone, which is a fault to be found:", flush=True)
    for file, names in failed.items():
        print(*(f"  {file}::{name}" for name in names), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
