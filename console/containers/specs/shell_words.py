"""A pasted line as the words that a shell would make of it, and a refusal of what only a shell could fill in."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

FIELD = "line"
LONGEST = 200_000
OPERATORS = frozenset("|&;<>()")
# in double quotes a backslash keeps these
ESCAPABLE = frozenset('"\\$`\n')


def shell_words(text: str) -> list[str]:
    """Invalid (``line``) for an open quote, ``$VARIABLE``, ``$(command)``, pipes and the like."""
    if len(text) > LONGEST or "\0" in text:
        raise Invalid(_("That is no command line."), field=FIELD)
    return list(_words(_Characters(text.replace("\r\n", "\n").strip())))


class _Characters:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def next(self) -> str:
        """Empty at the end."""
        found = self.text[self.at : self.at + 1]
        self.at += 1
        return found

    def rest(self) -> str:
        return self.text[self.at - 1 : self.at + 40].partition("\n")[0]


def _words(chars: _Characters) -> Iterator[str]:
    word: str | None = None
    while char := chars.next():
        if char == "\n" and word is None and not chars.text[chars.at :].strip():
            return
        if char.isspace():
            if word is not None:
                yield word
            word = None
        elif char == "\\" and chars.text[chars.at : chars.at + 1] == "\n":
            chars.next()
        elif char == "#" and word is None:
            while char and char != "\n":
                char = chars.next()
        elif char in OPERATORS:
            raise Invalid(
                _("“%(text)s”: one docker run line, without what a shell does besides.") % {"text": chars.rest()},
                field=FIELD,
            )
        else:
            word = (word or "") + _piece(chars, char)
    if word is not None:
        yield word


def _piece(chars: _Characters, char: str) -> str:
    if char == "\\":
        return chars.next()
    if char == "'":
        return _until_quote(chars)
    if char == '"':
        return _in_double_quotes(chars)
    return _plain(chars, char)


def _plain(chars: _Characters, char: str) -> str:
    following = chars.text[chars.at : chars.at + 1]
    if char == "$" and following == "'":
        raise _for_a_shell(chars)
    if char == "`" or (
        char == "$" and (following.isalnum() or (following in ("{", "(", "_", "@", "*", "?", "!") and following))
    ):
        raise _for_a_shell(chars)
    return char


def _for_a_shell(chars: _Characters) -> Invalid:
    return Invalid(
        _("“%(text)s” is for a shell to fill in: write what it comes to.") % {"text": chars.rest()}, field=FIELD
    )


def _until_quote(chars: _Characters) -> str:
    end = chars.text.find("'", chars.at)
    if end < 0:
        raise _open_quote()
    found = chars.text[chars.at : end]
    chars.at = end + 1
    return found


def _in_double_quotes(chars: _Characters) -> str:
    found = ""
    while (char := chars.next()) != '"':
        if not char:
            raise _open_quote()
        if char == "\\":
            following = chars.next()
            found += ("" if following == "\n" else following) if following in ESCAPABLE else char + following
        else:
            found += _plain(chars, char) if char in "$`" else char
    return found


def _open_quote() -> Invalid:
    return Invalid(_("A quote is open at the end of the line."), field=FIELD)
