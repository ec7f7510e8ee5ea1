import base64
import json

import pytest

from engine.model.errors import Invalid
from engine.wire.build_cache import CacheFacts, decode_prune, encode_cache
from engine.wire.build_secrets import decode_secrets
from engine.wire.query import Query

CACHE = CacheFacts(
    id="abc",
    description="mount /c from cache c",
    created_at="2026-01-01T00:00:00Z",
    last_used_at="2026-01-02T00:00:00Z",
    usage_count=3,
    is_in_use=False,
    size_bytes=5,
)


def header(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_a_cache_is_listed_as_docker_lists_it() -> None:
    assert encode_cache(CACHE) == {
        "ID": "abc",
        "Parents": None,
        "Type": "exec.cachemount",
        "Description": "mount /c from cache c",
        "InUse": False,
        "Shared": False,
        "Size": 5,
        "CreatedAt": "2026-01-01T00:00:00Z",
        "LastUsedAt": "2026-01-02T00:00:00Z",
        "UsageCount": 3,
    }


@pytest.mark.parametrize(
    ("filters", "is_wanted"),
    [
        ({}, True),
        ({"id": ["abc"]}, True),
        ({"id": ["x", "y"]}, False),
        ({"type": ["exec.cachemount"]}, True),
        ({"type": ["regular"]}, False),
        ({"inuse": ["true"]}, False),
        ({"label": ["a"]}, False),
        ({"label!": ["a"]}, True),
    ],
)
def test_filters_of_a_prune(filters: dict[str, list[str]], is_wanted: bool) -> None:
    wanted = decode_prune(Query({"filters": json.dumps(filters)}), now_ns=0)
    assert wanted.wants(CACHE) == is_wanted


def test_how_long_ago_a_cache_was_used() -> None:
    wanted = decode_prune(Query({"filters": '{"until":["1h"]}', "keep-storage": "7"}), now_ns=4_000_000_000_000)
    assert (wanted.last_used_before_ns, wanted.keep_bytes) == (400_000_000_000, 7)


@pytest.mark.parametrize(
    "query", [{"keep-storage": "x"}, {"filters": '{"nope":["1"]}'}, {"filters": '{"until":["x"]}'}]
)
def test_a_bad_prune_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        decode_prune(Query(query), now_ns=0)


def test_secrets_come_in_a_header() -> None:
    sent = {"a": base64.b64encode(b"\xff\x00").decode(), "b.c-d_e": ""}
    assert decode_secrets(header(sent)) == {"a": b"\xff\x00", "b.c-d_e": b""}
    assert decode_secrets("") == {}


@pytest.mark.parametrize(
    "text", ["%", header([]), header({"a": 1}), header({"a": "%hidden%"}), header({"a/b": ""}), header({"": ""})]
)
def test_bad_secrets_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(Invalid, match=r"^X-Build-Secrets: ") as refused:
        decode_secrets(text)
    assert "hidden" not in str(refused.value)
    assert refused.value.__cause__ is None
