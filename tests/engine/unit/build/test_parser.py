import pytest

from engine.build import instructions as i
from engine.build.parser import parse_dockerfile, parse_triggers
from engine.build.words import Pair
from engine.model.errors import EngineError, Invalid, Unsupported


def parsed(line: str) -> i.Instruction:
    return parse_dockerfile(f"FROM a\n{line}\n").stages[0].instructions[0]


@pytest.mark.parametrize(
    ("text", "base", "name", "platform"),
    [
        ("FROM busybox", "busybox", "", ""),
        ("from busybox as Build", "busybox", "build", ""),
        ("FROM --platform=linux/arm64 busybox AS b", "busybox", "b", "linux/arm64"),
        ("FROM ${X:-y}", "${X:-y}", "", ""),
    ],
)
def test_from(text: str, base: str, name: str, platform: str) -> None:
    stage = parse_dockerfile(text).stages[0]
    assert (stage.base.base, stage.base.stage_name, stage.base.platform) == (base, name, platform)


@pytest.mark.parametrize("name", ["RUN", "CMD", "ENTRYPOINT"])
@pytest.mark.parametrize(
    ("rest", "words", "is_shell"),
    [
        ("echo hi", ("echo hi",), True),
        ('["echo", "hi"]', ("echo", "hi"), False),
        ('[ "echo" , "h i" ]', ("echo", "h i"), False),
        ("[ -e /x ] && y", ("[ -e /x ] && y",), True),
        ('["a", b]', ('["a", b]',), True),
        ('["a",]', ('["a",]',), True),
        ("[]", (), False),
        ("", (), True),
    ],
)
def test_shell_and_exec_form(name: str, rest: str, words: tuple[str, ...], is_shell: bool) -> None:
    instruction = parsed(f"{name} {rest}")
    assert isinstance(instruction, i.Run | i.Cmd | i.Entrypoint)
    assert instruction.command == i.Command(words, is_shell)


def test_copy_with_flags() -> None:
    copy = parsed("COPY --from=0 --chown=a:b --chmod=0755 x y /z/")
    assert isinstance(copy, i.Copy)
    assert (copy.sources, copy.destination, copy.is_add) == (("x", "y"), "/z/", False)
    assert (copy.source_stage, copy.chown, copy.chmod) == ("0", "a:b", "0755")


def test_copy_in_json_form_keeps_blanks() -> None:
    copy = parsed('ADD ["a b", "/c d/"]')
    assert isinstance(copy, i.Copy)
    assert (copy.sources, copy.destination, copy.is_add) == (("a b",), "/c d/", True)


def test_copy_from_heredoc() -> None:
    copy = parsed("COPY <<EOF x /d/\nhi\nEOF")
    assert isinstance(copy, i.Copy)
    assert (copy.sources, copy.heredocs[0].content) == (("x",), "hi\n")


def test_run_of_a_heredoc_runs_its_content() -> None:
    run = parsed("RUN <<EOF\necho a\necho b\nEOF")
    assert isinstance(run, i.Run)
    assert run.command == i.Command(("echo a\necho b\n",), is_shell=True)


def test_run_with_a_heredoc_leaves_it_to_the_shell() -> None:
    run = parsed("RUN cat <<EOF > /x\nhi\nEOF")
    assert isinstance(run, i.Run)
    assert run.command == i.Command(("cat <<EOF > /x\nhi\nEOF\n",), is_shell=True)


@pytest.mark.parametrize(
    ("rest", "pairs"),
    [
        ("a=b", [("a", "b")]),
        ("a b", [("a", "b")]),
        ("a  b c ", [("a", "b c")]),
        ('a="b c" d=e\\ f', [("a", '"b c"'), ("d", "e\\ f")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=", [("a", "")]),
        ("a='x y'z", [("a", "'x y'z")]),
    ],
)
@pytest.mark.parametrize("name", ["ENV", "LABEL"])
def test_pairs(name: str, rest: str, pairs: list[tuple[str, str]]) -> None:
    instruction = parsed(f"{name} {rest}")
    assert isinstance(instruction, i.Env | i.Label)
    assert instruction.pairs == tuple(Pair(*pair) for pair in pairs)


def test_the_remaining_instructions() -> None:
    place = {"number": 2}
    assert parsed("ARG a b=c") == i.Arg(**place, text="ARG a b=c", defaults=(("a", None), ("b", "c")))
    assert parsed("WORKDIR /a b") == i.Workdir(**place, text="WORKDIR /a b", path="/a b")
    assert parsed("USER a:b") == i.User(**place, text="USER a:b", user="a:b")
    assert parsed("EXPOSE 80 53/udp") == i.Expose(**place, text="EXPOSE 80 53/udp", ports=("80", "53/udp"))
    assert parsed('VOLUME ["/a"]') == i.Volume(**place, text='VOLUME ["/a"]', paths=("/a",))
    assert parsed("VOLUME /a /b") == i.Volume(**place, text="VOLUME /a /b", paths=("/a", "/b"))
    assert parsed("STOPSIGNAL 9") == i.StopSignal(**place, text="STOPSIGNAL 9", signal="9")
    assert parsed('SHELL ["a"]') == i.Shell(**place, text='SHELL ["a"]', words=("a",))
    assert parsed("MAINTAINER a  b") == i.Maintainer(**place, text="MAINTAINER a  b", author="a  b")
    assert parsed("ONBUILD RUN x") == i.OnBuild(**place, text="ONBUILD RUN x", trigger="RUN x")


def test_healthcheck() -> None:
    check = parsed("HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=3 CMD a b")
    assert isinstance(check, i.HealthcheckInstruction)
    assert check.command == i.Command(("a b",), is_shell=True)
    assert dict(check.times_ns) == {"interval": 90 * 10**9, "timeout": 1_500_000_000}
    assert check.retries == 3
    none = parsed("HEALTHCHECK none")
    assert isinstance(none, i.HealthcheckInstruction)
    assert none.command is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FOO bar", "unknown instruction: FOO"),
        (
            "COPY f1",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            "COPY",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("COPY --foo=1 a b", "Unknown flag: foo"),
        ("COPY --chown a b", "Missing a value on flag: chown"),
        ("COPY --chown=a --chown=b a b", "Duplicate flag specified: chown"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a IS b", "FROM requires either one or three arguments"),
        ("FROM a AS 1x", 'invalid name for build stage: "1x", name can\'t start with a number or contain symbols'),
        ("RUN --bogus=1 x", "Unknown flag: bogus"),
        ("CMD --x", "Unknown flag: x"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        ("ENV =b", "ENV names can not be blank"),
        ("LABEL", "LABEL requires at least one argument"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =a", "ARG names can not be blank"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER ", "USER requires exactly one argument"),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("SHELL sh -c", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("CMD [1]", "when using JSON array syntax, arrays must be comprised of strings only"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK FOO", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=1 CMD x", 'time: missing unit in duration "1"'),
        ("HEALTHCHECK --interval=x CMD x", 'time: invalid duration "x"'),
        ("HEALTHCHECK --interval=0.0001ms CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --retries=0 CMD x", "--retries must be at least 1 (not 0)"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD MAINTAINER x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FOO", "unknown instruction: FOO"),
    ],
)
def test_a_malformed_line_is_refused_in_dockers_words(line: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_dockerfile(f"FROM a\n# comment\n{line}\n")
    assert str(refused.value) == f"dockerfile parse error line 3: {message}"


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=ssh y",
        "RUN --security=insecure x",
    ],
)
def test_what_is_not_supported_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(Unsupported, match=r"^dockerfile parse error line 2: .*not supported"):
        parse_dockerfile(f"FROM a\n{line}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN x\nFROM a", "dockerfile parse error line 1: no build stage in current context"),
        ("ARG a", "no build stage in current context"),
        ("FROM a AS b\nFROM c AS B", "line 2: duplicate name b: a stage name already used"),
    ],
)
def test_stages_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_dockerfile(text)
    assert message in str(refused.value)


def test_triggers_are_parsed_when_they_fire() -> None:
    assert [type(one) for one in parse_triggers(["RUN a", "COPY a b"])] == [i.Run, i.Copy]


@pytest.mark.parametrize("trigger", ["FROM x", "RUN a\nRUN b", "ONBUILD RUN x", "MAINTAINER x"])
def test_a_trigger_that_cannot_fire_is_refused(trigger: str) -> None:
    with pytest.raises(EngineError):
        parse_triggers([trigger])
