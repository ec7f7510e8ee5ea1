"""What is fetched for browsers, and what it is made into."""

import json
import re
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from console.web.management.commands.assets import icon_names, sprite, stripped, write_changed

ROOT = Path(__file__).resolve().parents[3]


def test_the_lock_pins_versions_and_names_no_address() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    lock = (ROOT / "package-lock.json").read_text()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert "http" not in lock
    packages = json.loads(lock)["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(package["integrity"] for name, package in packages.items() if name)


def test_source_maps_are_not_referred_to() -> None:
    assert stripped("a{}\n/*# sourceMappingURL=a.css.map */") == "a{}\n"
    assert stripped("a()\n//# sourceMappingURL=a.js.map\n") == "a()\n"


def test_the_sprite_holds_the_icons_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "box.svg").write_text(
        '<svg viewBox="0 0 24 24">\n<path stroke="none" d="M0 0h24v24H0z" fill="none" />\n<path d="M1 1" />\n</svg>'
    )
    assert sprite(tmp_path, ["box"]).count("<symbol") == 1
    assert "M0 0h24" not in sprite(tmp_path, ["box"])
    with pytest.raises(CommandError, match="no outline icon called 'bax'"):
        sprite(tmp_path, ["bax"])


def test_icons_are_found_in_templates_and_in_python() -> None:
    assert {"box", "player-stop", "copy", "moon"} <= icon_names(ROOT)


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    assert write_changed(tmp_path, {"a.css": "a{}"}) == 1
    assert write_changed(tmp_path, {"a.css": "a{}"}) == 0
    assert write_changed(tmp_path, {"b.css": "b{}"}) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["b.css"]
