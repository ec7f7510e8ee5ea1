"""Whatever a Dockerfile holds, parsing it ends soon, with a result or with one of our errors."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.build.arguments import BuildArguments
from engine.build.configuration import Setting, configure
from engine.build.expansion import expand, expand_words
from engine.build.instructions import Arg, Copy, Run, Workdir
from engine.build.lexer import decode_dockerfile
from engine.build.parser import parse_dockerfile
from engine.build.plan import make_plan
from engine.build.request import BuildRequest
from engine.model.errors import EngineError
from engine.model.image import ImageConfig

NAMES = [
    "FROM",
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "ARG",
    "LABEL",
    "WORKDIR",
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "USER",
    "VOLUME",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "SHELL",
    "ONBUILD",
    "MAINTAINER",
    "FOO",
]
PIECES = st.sampled_from([
    "a", "a=b", "$x", "${x:-", "}", '"', "'", "\\", "\\\n", "`", " ", "\t", "[", "]", '["a"]', ",", "--from=0", "--",
    "<<EOF", "EOF", "\nEOF\n", "# ", "# escape=`\n", "80/tcp", "AS", "x", "=", "1m", "NONE", "CMD", "/", "..", "*",
    "[[[[", "\u2028", "é",
])  # fmt: skip
LINES = st.builds(lambda name, rest: f"{name} {''.join(rest)}\n", st.sampled_from(NAMES), st.lists(PIECES, max_size=8))
DOCKERFILES = st.builds(lambda lines: "FROM a AS b\n" + "".join(lines), st.lists(LINES, max_size=6))


def carry_through(text: str) -> None:
    dockerfile = parse_dockerfile(text)
    plan = make_plan(dockerfile, BuildRequest(), BuildArguments({}))
    for stage in plan.stages:
        setting = Setting(ImageConfig(), variables={"x": "y"}, escape=dockerfile.escape)
        for instruction in stage.stage.instructions:
            if not isinstance(instruction, Run | Copy | Arg | Workdir):
                setting = configure(instruction, setting).setting


@settings(max_examples=400, deadline=timedelta(seconds=1))
@given(DOCKERFILES)
def test_made_up_dockerfiles(text: str) -> None:
    try:
        carry_through(text)
    except EngineError:
        pass


@settings(max_examples=200, deadline=timedelta(seconds=1))
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    try:
        carry_through(decode_dockerfile(data, name="Dockerfile"))
    except EngineError:
        pass


@settings(max_examples=300, deadline=timedelta(seconds=1))
@given(st.text(alphabet="ax$${}:-+?'\"\\ \n", max_size=40), st.sampled_from("\\`"))
def test_any_word(word: str, escape: str) -> None:
    for function in (expand, expand_words):
        try:
            function(word, {"a": "b"}, escape=escape)
        except EngineError:
            pass
