"""On the host: what a job of an image says it did, it has looked at."""

import asyncio
import base64
import json
from typing import Any

import pytest

from console.hosts.images import said_in
from console.images.base_judging import require_bases
from console.images.transfers import pull, tag, untag
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid, Missing, Unavailable
from tests.fakes.image_engine import ImageEngine, Run, done

A, B = 64 * "a", 64 * "b"
DIGEST = f"sha256:{64 * 'd'}"


def pulled(engine: ImageEngine, **args: Any) -> dict[str, Any]:
    run = Run(engine, secrets={"quay-token": "canary-of-the-quay"})
    return done(pull(run.as_run, {"repository": "r.example/web", **args}))


def test_a_pull_tells_what_came_and_whether_it_is_new() -> None:
    engine = ImageEngine({"r.example/web:1": A}, {B, A}, messages=[{"status": f"Digest: {DIGEST}"}])
    engine.digests[A] = [f"r.example/web@{DIGEST}"]
    assert pulled(engine, tag="1") == {"image": A, "digest": DIGEST, "new": False}


def test_a_pull_that_brought_nothing_or_something_else_is_no_success() -> None:
    with pytest.raises(Unavailable, match="has it not"):
        pulled(ImageEngine(), tag="1")
    engine = ImageEngine({"r.example/web:1": A}, {A}, messages=[{"status": f"Digest: {DIGEST}"}])
    engine.digests[A] = ["r.example/web@sha256:" + 64 * "e"]
    with pytest.raises(Unavailable, match="is not"):
        pulled(engine, tag="1")


def test_an_engine_s_refusal_is_the_job_s_answer() -> None:
    engine = ImageEngine(messages=[{"error": "manifest unknown", "errorDetail": {"message": "manifest unknown: 1"}}])
    with pytest.raises(Invalid, match="manifest unknown: 1"):
        pulled(engine, tag="1")


def test_a_password_is_opened_for_the_engine_alone() -> None:
    engine = ImageEngine({"r.example/web:1": A}, {A})
    account = {"address": "r.example", "username": "robot", "password": "secret:quay-token"}
    result = pulled(engine, tag="1", registry=account)
    header = next(request["headers"]["X-Registry-Auth"] for _m, path, request in engine.asked if "create" in path)
    assert json.loads(base64.urlsafe_b64decode(header)) == {
        "username": "robot",
        "password": "canary-of-the-quay",
        "serveraddress": "r.example",
    }
    assert "canary-of-the-quay" not in str(result)


def test_every_tag_is_told() -> None:
    engine = ImageEngine({"web:1": A, "web:2": B, "other:1": 64 * "c"}, {A, B, 64 * "c"})
    run = Run(engine)
    result = done(pull(run.as_run, {"repository": "docker.io/library/web"}))
    assert result["images"] == [A, B]


def test_a_name_that_is_another_image_s_by_now_is_not_taken_from_it() -> None:
    engine = ImageEngine({"web:1": B, "web:2": B}, {A, B})
    with pytest.raises(Missing):
        done(untag(Run(engine).as_run, {"engine_id": A, "reference": "web:1"}))
    done(untag(Run(engine).as_run, {"engine_id": B, "reference": "web:1"}))
    assert engine.names == {"web:2": B}
    done(tag(Run(engine).as_run, {"engine_id": A, "reference": "r.example:5000/web:3"}))
    assert engine.names["r.example:5000/web:3"] == A


@pytest.mark.parametrize(
    ("message", "layer", "digest"),
    [
        ({"status": "Pulling from library/debian", "id": "12"}, None, ""),
        ({"status": "Downloading", "id": "ab", "progressDetail": {"current": 1, "total": 4}}, "ab", ""),
        ({"status": "Waiting", "id": "ab", "progressDetail": {}}, "ab", ""),
        ({"status": f"Digest: {DIGEST}"}, None, DIGEST),
        ({"aux": {"Tag": "1", "Digest": DIGEST, "Size": 5}}, None, DIGEST),
        ({"stream": "Loaded image: web:1\n"}, None, ""),
        ({}, None, ""),
    ],
)
def test_an_engine_s_messages_are_read(message: dict[str, Any], layer: str | None, digest: str) -> None:
    said = said_in(message)
    assert (said.layer[0] if said.layer else None, said.digest) == (layer, digest)


@pytest.mark.parametrize(
    ("dockerfile", "error"),
    [
        ("FROM own:1\n", None),
        ("FROM fine.example/a:1\n", None),
        ("FROM evil.example/a:1\n", Denied),
        ("FROM theirs:1\n", Conflict),
        ("FROM own:1\nCOPY --from=theirs:1 / /\n", Conflict),
        ("ARG BASE=own:1\nFROM $BASE\n", Denied),
    ],
)
def test_a_dockerfile_that_its_host_alone_has_seen_is_judged_there(
    dockerfile: str, error: type[ConsoleError] | None
) -> None:
    engine: Any = ImageEngine({"own:1": A, "theirs:1": B}, {A, B})
    rules = {"own": [A[:12]], "registries": ["fine.example"]}
    judging = require_bases(engine, dockerfile, rules, build_args={"BASE": "evil.example/b:1"})
    if error is None:
        asyncio.run(judging)
        return
    with pytest.raises(error):
        asyncio.run(judging)
