"""Every word a person reads is translated: in the catalogue, and marked in the templates in the first place."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# names and signs that are the same in every language
SAME_EVERYWHERE = {
    "Naru",
    "Hello, Naru",
    "EN",
    "English",
    "한",
    "한국어",
    "naru",
    "Dockerfile",
    "SHA-256",
    "API",
    "IPv6",
    # keys
    "Ctrl",
    "Ctrl K",
    "Enter",
    "Esc",
}
SHOWN = ("title", "placeholder", "aria-label", "alt", "data-text-gone", "data-text-forbidden")
STRING = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'


class Entry:
    def __init__(self, block: str) -> None:
        self.source = text_of(re.search(rf"^msgid {STRING}", block, re.MULTILINE))
        self.words = [text_of(match) for match in re.finditer(rf"^msgstr(?:\[\d\])? {STRING}", block, re.MULTILINE)]
        self.is_fuzzy = bool(re.search(r"^#,.*fuzzy", block, re.MULTILINE))


def text_of(match: re.Match[str] | None) -> str:
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match[1])) if match else ""


def entries(catalogue: Path) -> list[Entry]:
    blocks = re.split(r"\n\s*\n", catalogue.read_text())
    return [entry for entry in map(Entry, blocks) if entry.source]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """The committed catalogue, brought up to date with the sources as `make messages` would."""
    copy = tmp_path_factory.mktemp("words")
    for folder in ("console", "templates", "locale"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    argv = [sys.executable, "-m", "django", "makemessages", "--locale", "ko", "--no-wrap"]
    subprocess.run(argv, cwd=copy, check=True, capture_output=True, timeout=60)
    return entries(copy / "locale/ko/LC_MESSAGES/django.po")


def test_every_text_has_korean_words(catalogue: list[Entry]) -> None:
    assert len(catalogue) > 100
    assert [entry.source for entry in catalogue if entry.is_fuzzy or not all(entry.words)] == []


def test_translations_keep_what_is_filled_in(catalogue: list[Entry]) -> None:
    def slots(text: str) -> set[str]:
        return set(re.findall(r"%\(\w+\)[sd]", text))

    assert [entry.source for entry in catalogue for words in entry.words if slots(words) != slots(entry.source)] == []


class Literals(HTMLParser):
    """Text that a person would read and that no translation tag made."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("pre", "code", "script"):
            self.silent.append(tag)
        self.found += [value for name, value in attrs if name in SHOWN and value and is_words(value)]

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent and is_words(data):
            self.found.append(data.strip())


def is_words(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]{2,}", text)) and text.strip(" ·()\n") not in SAME_EVERYWHERE


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_untranslated(template: Path) -> None:
    text = template.read_text()
    text = re.sub(r"\{%\s*(blocktrans\w*|comment)\b.*?%\}.*?\{%\s*end\1\s*%\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{% block body_class %\}.*?\{% endblock %\}", "", text)
    # what is between tags may be inside an attribute, where a quote would end it
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", text, flags=re.DOTALL)
    literals = Literals()
    literals.feed(text)
    assert literals.found == []
