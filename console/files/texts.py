"""The content of a file for a page: as text when it is some, else as bytes. Pure.

Nothing in it may do more than be seen: control characters, marks that turn the direction of writing, and what no
encoding knows are shown as signs of their own.
"""

import unicodedata
from dataclasses import dataclass

from charset_normalizer import from_bytes

# the library reads all it is given several times over
GUESSED_FROM_BYTES = 32 * 1024
# of what is no Unicode: in a short text, every further candidate is a further way to be wrong
GUESSED = ("cp949", "cp932", "euc_jp", "gb18030", "big5", "cp1252", "cp1251")
DUMPED_BYTES = 1024
ROW_BYTES = 16
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# categories of characters that have no look of their own, or change that of others
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
PLAIN = frozenset("\n\t")
# joins letters of many scripts and emoji, harmlessly
JOINERS = frozenset("\u200c\u200d\ufe0f")


@dataclass(frozen=True, slots=True)
class Text:
    """``encoding`` is empty for what is no text: then ``text`` is a dump of its first bytes."""

    text: str
    encoding: str

    @property
    def is_text(self) -> bool:
        return bool(self.encoding)


def read_text(content: bytes, *, is_whole: bool = True) -> Text:
    """``is_whole``: the content does not end in the middle of a file, where a character may be cut."""
    encoding = guessed_encoding(content, is_whole=is_whole)
    if not encoding:
        return Text(dump(content[:DUMPED_BYTES]), "")
    return Text(harmless(content.decode(encoding, errors="replace").replace("\r\n", "\n")), encoding)


def guessed_encoding(content: bytes, *, is_whole: bool = True) -> str:
    """A name that Python knows; empty for what is no text."""
    if not content:
        return "utf-8"
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    if b"\0" in content:
        return ""
    if _is_utf8(content, is_whole=is_whole):
        return "utf-8"
    best = from_bytes(content[:GUESSED_FROM_BYTES], cp_isolation=list(GUESSED)).best()
    return "" if best is None else str(best.encoding)


def _is_utf8(content: bytes, *, is_whole: bool) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return not is_whole and error.reason == "unexpected end of data"
    return True


def harmless(text: str) -> str:
    """The same with signs in place of what could not be seen, or would move what can."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(map(_sign, text))


def _sign(letter: str) -> str:
    if letter in PLAIN or letter in JOINERS or unicodedata.category(letter) not in UNSEEN:
        return letter
    return f"\u27e8U+{ord(letter):04X}\u27e9"


def dump(content: bytes) -> str:
    """Offsets, bytes in hexadecimal, and those that are letters, as ``hexdump -C`` has them."""
    rows = []
    for start in range(0, len(content), ROW_BYTES):
        row = content[start : start + ROW_BYTES]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        rows.append(f"{start:08x}  {row.hex(' '):<{ROW_BYTES * 3}} |{letters}|")
    return "\n".join(rows)
