"""What an image that is made of a container may be given. Pure."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

# what commit takes, of Docker's instructions
INSTRUCTIONS = ("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "ONBUILD", "USER", "VOLUME", "WORKDIR")
MOST_CHANGES = 50
LONGEST_CHANGE = 4000
LONGEST_MESSAGE = 500
LONGEST_AUTHOR = 200


def checked_changes(lines: Sequence[str]) -> list[str]:
    """One instruction a line, as a Dockerfile has them. Raises Invalid (changes)."""
    changes = [line.strip() for line in lines if line.strip()]
    if len(changes) > MOST_CHANGES:
        raise Invalid(_("At most %(most)d changes.") % {"most": MOST_CHANGES}, field="changes")
    for change in changes:
        word, _space, rest = change.partition(" ")
        if word.upper() not in INSTRUCTIONS or not rest.strip():
            words = {"line": change[:60], "known": ", ".join(INSTRUCTIONS)}
            raise Invalid(_("“%(line)s”: write one of %(known)s, and what it is to be.") % words, field="changes")
        if len(change) > LONGEST_CHANGE or not change.isprintable():
            raise Invalid(_("“%(line)s” is too long, or no plain text.") % {"line": change[:60]}, field="changes")
    return changes


def checked_message(text: str) -> str:
    return _line(text, most=LONGEST_MESSAGE, field="message")


def checked_author(text: str) -> str:
    return _line(text, most=LONGEST_AUTHOR, field="author")


def _line(text: str, *, most: int, field: str) -> str:
    text = text.strip()
    if len(text) > most or not text.isprintable():
        raise Invalid(_("This is one line of at most %(most)d characters.") % {"most": most}, field=field)
    return text
