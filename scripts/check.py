"""``make check``: every static check, two at a time; prints a line each, and the output of those that failed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SOURCES = ["engine", "console", "tests", "benchmarks", "scripts", "manage.py"]

# the slowest first, so that the two lanes end together
CHECKS = {
    "types": ["mypy", *SOURCES],
    "imports": ["lint-imports", "--no-cache"],
    "templates": ["djlint", "--check", "--lint", "--quiet", "templates"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "deploy settings": ["python", "manage.py", "check", "--fail-level", "WARNING"],
    "openapi": ["python", "manage.py", "openapi", "--check"],
    "lint": ["ruff", "check", "--quiet", "."],
    "format": ["ruff", "format", "--check", "--quiet", "."],
}


def run(name: str, argv: list[str]) -> tuple[str, int, float, str]:
    started = time.monotonic()
    program = [str(BIN / argv[0]), *argv[1:]]
    environ = {**os.environ, "NARU_SETUP": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return name, done.returncode, time.monotonic() - started, done.stdout


def main() -> int:
    failed = False
    with ThreadPoolExecutor(max_workers=2) as lanes:
        for name, code, took_s, output in lanes.map(lambda item: run(*item), CHECKS.items()):
            failed |= code != 0
            print(f"{'ok  ' if code == 0 else 'FAIL'} {name:<16} {took_s:5.1f} s", flush=True)
            if code != 0:
                print(output, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
