"""What no file of ours contains."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, called_name, sources

MOST_LINES = 450
# Compose files, by the events of a parser that makes no objects of them
READS_YAML = {"console/stacks/compose/parsing.py", "console/stacks/compose/rendering.py"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "marshal", "shelve", "dill", "yaml"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
    "mark_safe",
    "tempfile.mktemp",
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
INLINE = {
    "script without src": r"<script(?![^>]*\bsrc=)",
    "style element": r"<style\b",
    "style attribute": r"<[^>]*\sstyle\s*=",
    "event attribute": r"<[^>]*\son[a-z]+\s*=",
    "hx-on attribute": r"\bhx-on[:=-]",
    "javascript address": r"javascript:",
    "unescaped text": r"\|\s*(safe|safeseq)\b|{%\s*autoescape\s+off",
}


def test_no_file_is_too_long_to_read() -> None:
    lengths = {source.name: source.text.count("\n") for source in sources() if not source.is_migration}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def dangers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.partition(".")[0] in FORBIDDEN_IMPORTS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN_IMPORTS:
            yield f"from {node.module} import"
        elif isinstance(node, ast.Call):
            if called_name(node) in FORBIDDEN_CALLS:
                yield f"{called_name(node)}()"
            # a Dockerfile's SHELL is a field of that name; a literal True is not
            yield from ("shell=True" for k in node.keywords if k.arg == "shell" and ast.unparse(k.value) == "True")


def test_nothing_is_given_to_a_shell_or_unpickled() -> None:
    words = {*FORBIDDEN_IMPORTS, *(name.rpartition(".")[2] for name in FORBIDDEN_CALLS), "shell"}
    looked_at = [source for source in sources() if source.name not in READS_YAML and source.may_say(*words)]
    found = {source.name: list(dangers(source.tree)) for source in looked_at}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize("name", sorted(READS_YAML))
def test_of_yaml_no_objects_are_made(name: str) -> None:
    [source] = [source for source in sources() if source.name == name]
    makers = ("load", "load_all", "safe_load", "unsafe_load", "full_load", "construct")
    called = {called_name(node) for node in ast.walk(source.tree) if isinstance(node, ast.Call)}
    assert not called & {f"yaml.{name}" for name in makers}


@pytest.mark.parametrize("text", ["import pickle", "from yaml import load", "eval('1')", "run('ls', shell=True)"])
def test_the_search_for_dangers_finds_them(text: str) -> None:
    assert list(dangers(ast.parse(text)))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_runs_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert [what for what, pattern in INLINE.items() if re.search(pattern, text, re.IGNORECASE)] == []


@pytest.mark.parametrize(
    "text",
    ["<script>", '<p style="x">', '<a class="b" onclick="x">', "{{ name|safe }}", '<a href="javascript:x">', "<style>"],
)
def test_the_search_of_templates_finds_what_is_inline(text: str) -> None:
    assert any(re.search(pattern, text, re.IGNORECASE) for pattern in INLINE.values())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_code_from_text(script: Path) -> None:
    found = re.findall(
        r"\beval\(|new Function\(|document\.write|\.(?:inner|outer)HTML\s*=|insertAdjacentHTML", script.read_text()
    )
    assert found == []


def test_there_are_templates_and_scripts() -> None:
    assert len(TEMPLATES) > 30
    assert SCRIPTS
