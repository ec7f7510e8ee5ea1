"""The bell: who rings it with a right signature is heard, and nobody learns from an answer whether there is one."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.origins.models import Origin
from console.origins.operations import make_hook, remove_hook
from console.origins.public_views import MOST_BYTES
from console.origins.signatures import is_signed
from console.stacks.models import Stack
from tests.console.origins.conftest import fetched, made, now

BODY = b'{"ref": "refs/heads/main"}'


def signed(secret: str, body: bytes = BODY) -> dict[str, dict[str, str]]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "github": {"X-Hub-Signature-256": f"sha256={digest}"},
        "gitea": {"X-Gitea-Signature": digest},
        "gitlab": {"X-Gitlab-Token": secret},
    }


def ring(stack_pk: int, headers: dict[str, str], body: bytes = BODY) -> Any:
    """As a forge does: with nobody's session, and no CSRF token."""
    address = f"/hooks/stacks/{stack_pk}/"
    return Client(enforce_csrf_checks=True).post(address, body, content_type="application/json", headers=headers)


@pytest.fixture
def stack(url: str, kim: Actor) -> Stack:
    return fetched(made(kim, url))


@pytest.mark.parametrize("forge", ["github", "gitea", "gitlab"])
def test_a_forge_that_signs_rings(stack: Stack, kim: Actor, forge: str) -> None:
    answer = ring(stack.pk, signed(make_hook(kim, stack.pk))[forge])
    assert (answer.status_code, answer.json()) == (202, {"looks": True})
    origin = now(stack)
    assert origin.next_at is not None
    assert origin.next_at <= timezone.now()
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor_kind, entry.actor_name, entry.target_name) == (
        "hook.ring",
        "system",
        "hook",
        "shop",
    )


def test_nobody_else_is_heard_or_learns_anything(stack: Stack, kim: Actor) -> None:
    secret = make_hook(kim, stack.pk)
    asked = AuditEntry.objects.count()
    wrong = [
        ring(stack.pk, {}),
        ring(stack.pk, signed("guess")["github"]),
        ring(stack.pk, signed("guess")["gitlab"]),
        ring(stack.pk, {"X-Hub-Signature-256": "sha256="}),
        ring(stack.pk, {"X-Gitlab-Token": ""}),
        ring(stack.pk, {"X-Gitlab-Token": "\u00e9"}),
        ring(stack.pk, {"X-Hub-Signature": signed(secret)["gitea"]["X-Gitea-Signature"]}),
        ring(stack.pk, signed(secret)["github"], b"another body"),
        ring(987654, signed(secret)["github"]),
    ]
    assert {(answer.status_code, answer.content) for answer in wrong} == {(404, wrong[0].content)}
    assert (now(stack).next_at, AuditEntry.objects.count()) == (None, asked)


def test_a_new_secret_ends_the_one_before_and_none_is_kept(stack: Stack, kim: Actor) -> None:
    first, second = make_hook(kim, stack.pk), make_hook(kim, stack.pk)
    assert ring(stack.pk, signed(first)["github"]).status_code == 404
    assert ring(stack.pk, signed(second)["github"]).status_code == 202
    kept = f"{list(Origin.objects.values())} {list(AuditEntry.objects.values())}"
    assert (first in kept, second in kept) == (False, False)
    remove_hook(kim, stack.pk)
    assert ring(stack.pk, signed(second)["github"]).status_code == 404


def test_ringing_again_and_again_is_heard_once_until_it_was_looked_at(stack: Stack, kim: Actor) -> None:
    headers = signed(make_hook(kim, stack.pk))["github"]
    asked = AuditEntry.objects.count()
    assert {ring(stack.pk, headers).status_code for _ in range(20)} == {202}
    assert AuditEntry.objects.count() == asked + 1
    # it was looked at, and somebody has pushed since: that is not lost, and comes a moment later
    with writes_allowed("test"):
        Origin.objects.update(next_at=None)
    ring(stack.pk, headers)
    origin = now(stack)
    assert origin.next_at is not None
    assert timezone.now() < origin.next_at < timezone.now() + timedelta(seconds=6)
    assert AuditEntry.objects.count() == asked + 2


def test_a_body_has_an_end(stack: Stack, kim: Actor) -> None:
    body = b"x" * (MOST_BYTES + 1)
    assert ring(stack.pk, signed(make_hook(kim, stack.pk), body)["github"], body).status_code == 413
    assert Client().get(f"/hooks/stacks/{stack.pk}/").status_code == 405


def test_a_stack_that_is_gone_has_no_hook(stack: Stack, kim: Actor) -> None:
    headers = signed(make_hook(kim, stack.pk))["github"]
    with writes_allowed("test"):
        Stack.objects.update(is_gone=True)
    assert ring(stack.pk, headers).status_code == 404


def test_each_signature_is_of_all_of_the_body() -> None:
    for headers in signed("s").values():
        assert is_signed(BODY, headers, secret="s")
    for name in ("github", "gitea"):
        assert not is_signed(BODY + b" ", signed("s")[name], secret="s")
