"""Resolve ``requirements/{run,dev}.lock`` from pyproject.toml. The locks name versions and hashes, never a place."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"run": ["assets"], "dev": ["assets", "dev"]}
FLAGS = ["--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe"]
NO_PLACES = ["--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links"]


def main() -> None:
    for name, extras in EXTRAS.items():
        chosen = [word for extra in extras for word in ("--extra", extra)]
        subprocess.run(
            [sys.executable, "-m", "piptools", "compile", *FLAGS, *NO_PLACES, *chosen]
            + ["--output-file", f"requirements/{name}.lock", "pyproject.toml"],
            cwd=ROOT,
            env={**os.environ, "CUSTOM_COMPILE_COMMAND": "make lock"},
            check=True,
        )


if __name__ == "__main__":
    main()
