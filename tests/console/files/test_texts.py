"""What a page shows of a file, whatever is in it."""

import pytest

from console.files.texts import guessed_encoding, harmless, read_text

KOREAN = "안녕하세요. 한국어로 쓰인 설정입니다.\n이름=나루\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", "utf-8"),
        (b"plain\n", "utf-8"),
        (KOREAN.encode(), "utf-8"),
        (KOREAN.encode("utf-8-sig"), "utf-8-sig"),
        (KOREAN.encode("utf-16"), "utf-16"),
        (KOREAN.encode("cp949"), "cp949"),
        ("안녕하세요.".encode("euc-kr"), "cp949"),
        ("日本語のテキストです。設定".encode("shift_jis"), "cp932"),
        ("Größe: äöü straße über\n".encode("latin-1"), "cp1252"),
        (b"\x7fELF\x02\x01\x01\0\0", ""),
        (bytes(range(1, 256)) * 8, ""),
    ],
)
def test_an_encoding_is_guessed(content: bytes, encoding: str) -> None:
    assert guessed_encoding(content) == encoding


def test_text_in_a_guessed_encoding_is_read() -> None:
    assert read_text(KOREAN.encode("cp949")).text == KOREAN


def test_a_character_that_is_cut_in_half_makes_no_other_encoding() -> None:
    assert guessed_encoding(KOREAN.encode()[:-5], is_whole=False) == "utf-8"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\tand\nlines", "plain\tand\nlines"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("a\x08\x7f\x9b", "a⟨U+0008⟩⟨U+007F⟩⟨U+009B⟩"),
        ("safe\u202eelif", "safe⟨U+202E⟩elif"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("한글 👩‍💻 é", "한글 👩‍💻 é"),
    ],
)
def test_nothing_in_a_text_does_more_than_be_seen(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_what_is_no_text_is_dumped() -> None:
    text = read_text(b"\x7fELF\0" + b"x" * 20)
    assert not text.is_text
    assert text.text.splitlines()[0] == "00000000  7f 45 4c 46 00 78 78 78 78 78 78 78 78 78 78 78  |.ELF.xxxxxxxxxxx|"
    assert text.text.splitlines()[1].startswith("00000010  78 78")
