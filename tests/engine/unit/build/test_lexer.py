import pytest

from engine.build.lexer import Line, decode_dockerfile, lex
from engine.model.errors import Invalid, TooLarge


def texts(source: str) -> list[tuple[int, str]]:
    return [(line.number, line.text) for line in lex(source).lines]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("FROM a\nRUN b\n", [(1, "FROM a"), (2, "RUN b")]),
        ("FROM a\r\nRUN b\r\n", [(1, "FROM a"), (2, "RUN b")]),
        ("\n  # comment\nFROM a\n", [(3, "FROM a")]),
        ("RUN a \\\n  b\nRUN c", [(1, "RUN a   b"), (3, "RUN c")]),
        ("RUN a \\  \n  b", [(1, "RUN a   b")]),
        ("RUN a \\\n# comment\n   # indented comment\n  && b", [(1, "RUN a   && b")]),
        ("RUN echo hi \\", [(1, "RUN echo hi")]),
        ("RUN echo c\\\\\nRUN d", [(1, "RUN echo c\\\\"), (2, "RUN d")]),
        ("\\\nRUN a", [(1, "RUN a")]),
        ("RUN a # no comment", [(1, "RUN a # no comment")]),
        ("\t RUN  spaced   out  ", [(1, "RUN  spaced   out")]),
        ("# escape=`\nRUN a `\n b\nRUN c:\\", [(2, "RUN a  b"), (4, "RUN c:\\")]),
        ("#escape = `\nRUN a `\nb", [(2, "RUN a b")]),
        ("# other\n# escape=`\nRUN a `\nRUN b", [(3, "RUN a `"), (4, "RUN b")]),
        ("# syntax=docker/dockerfile:1\n# escape=`\nRUN a`\nb", [(3, "RUN ab")]),
    ],
)
def test_logical_lines(source: str, lines: list[tuple[int, str]]) -> None:
    assert texts(source) == lines


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\"),
        ("# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used"),
        ("# only\n\n#comments", "file with no instructions"),
        ("FROM a\nRUN <<EOF\nx\n", "dockerfile parse error line 2: unterminated heredoc EOF"),
    ],
)
def test_refused_text_is_named(source: str, message: str) -> None:
    with pytest.raises(Invalid, match=r".") as refused:
        lex(source)
    assert message in str(refused.value)


def test_a_blank_continuation_line_is_noted_and_skipped() -> None:
    lexed = lex("FROM a\nRUN echo a \\\n\n  && echo b\n")
    assert [line.text for line in lexed.lines] == ["FROM a", "RUN echo a   && echo b"]
    assert lexed.empty_continuations == (Line(2, "RUN echo a   && echo b"),)


def test_heredoc_content_belongs_to_its_line() -> None:
    lines = lex("RUN <<EOF cat\n a\n# kept\nEOF\nRUN b").lines
    assert [line.text for line in lines] == ["RUN <<EOF cat", "RUN b"]
    assert lines[0].heredocs[0].content == " a\n# kept\n"
    assert lines[0].heredocs[0].is_expanded
    assert lines[1].number == 5


def test_a_dash_takes_tabs_off_a_heredoc_and_quotes_stop_expansion() -> None:
    heredoc = lex("COPY <<-'E' /x\n\ta\n\t\tb\n\tE\n").lines[0].heredocs[0]
    assert (heredoc.content, heredoc.is_expanded, heredoc.opening) == ("a\nb\n", False, "<<-'E'")


@pytest.mark.parametrize("source", ['RUN echo "<<EOF"', "RUN x=$((1<<2))", "RUN cat <<< word", "ENV a <<EOF"])
def test_what_only_looks_like_a_heredoc_is_text(source: str) -> None:
    assert lex(source).lines[0].heredocs == ()


def test_two_heredocs_of_one_line_follow_each_other() -> None:
    heredocs = lex("COPY <<A <<B /d/\n1\nA\n2\nB\n").lines[0].heredocs
    assert [(heredoc.name, heredoc.content) for heredoc in heredocs] == [("A", "1\n"), ("B", "2\n")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the Dockerfile (D) cannot be empty"),
        (b" \n\t\n", "the Dockerfile (D) cannot be empty"),
        (b"FROM a\n\xff", "is not UTF-8 at byte 7"),
        (b"FROM a\nRUN \0", "line 2: NUL is not allowed"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_dockerfile(data, name="D")
    assert message in str(refused.value)


def test_a_huge_dockerfile_is_refused() -> None:
    with pytest.raises(TooLarge):
        decode_dockerfile(b"#" * (5 << 20), name="D")


def test_a_byte_order_mark_is_dropped() -> None:
    assert decode_dockerfile(b"\xef\xbb\xbfFROM a", name="D") == "FROM a"
