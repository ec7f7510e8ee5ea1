"""Secrets in a job's output: hidden however they are cut into pieces, and nothing else is."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.jobs.agent.masking import LEAST, MASK, Masker

VALUE = 'p@ss "word"/7%'
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"


def through(masker: Masker, *pieces: str) -> str:
    return "".join(masker.feed(piece) for piece in pieces) + masker.finish()


@pytest.mark.parametrize(
    "said",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        quote(VALUE, safe=""),
        quote(VALUE),
        base64.b64encode(VALUE.encode()).decode().rstrip("="),
    ],
)
def test_a_value_is_hidden_as_programs_write_it(said: str) -> None:
    assert through(Masker([VALUE]), f"before {said} after\n") == f"before {MASK} after\n"


def test_each_line_of_a_key_is_hidden() -> None:
    masker = Masker([KEY])
    assert through(masker, KEY) == MASK
    assert "MIIEvQIBADANBg" not in through(masker, "> MIIEvQIBADANBg\n> kqhkiG9w0BAQEF\n")
    assert through(masker, KEY.replace("\n", "\r\n")) == MASK


@pytest.mark.parametrize("size", range(1, len(VALUE) + 2))
def test_a_value_in_pieces_is_hidden(size: int) -> None:
    text = f"{VALUE}{VALUE} and {VALUE}."
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert through(Masker([VALUE]), *pieces) == f"{MASK}{MASK} and {MASK}."


def test_only_what_may_become_a_value_is_held_back() -> None:
    masker = Masker(["abcdef"])
    assert masker.feed("line\nab") == "line\n"
    assert masker.feed("x") == "abx"
    assert masker.feed("abcde") == ""
    assert masker.finish() == "abcde"


def test_of_two_values_that_begin_alike_the_longer_is_hidden_whole() -> None:
    masker = Masker(["token", "token-of-the-shop"])
    assert through(masker, "token", "-of-the-", "shop token") == f"{MASK} {MASK}"


def test_without_secrets_nothing_changes() -> None:
    assert through(Masker([]), "anything", " at all") == "anything at all"


def test_a_document_is_masked_all_through() -> None:
    document = {"error": f"no {VALUE}", "list": [VALUE, 7, None], VALUE: {"deep": (VALUE, True)}}
    assert VALUE not in json.dumps(Masker([VALUE]).masked_json(document), ensure_ascii=False).replace("\\", "")


TEXT = st.text("abAB\n", min_size=LEAST, max_size=9)


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(st.text("abAB\n", max_size=7), max_size=12))
def test_no_value_gets_through_and_pieces_do_not_matter(values: list[str], pieces: list[str]) -> None:
    shown = through(Masker(values), *pieces)
    assert shown == through(Masker(values), "".join(pieces))
    assert not [value for value in values for part in shown.split(MASK) if value in part]
