"""Secrets, schedules, alerts and jobs by the API: what is shown to whom, and what comes back as it was given."""

import hashlib
import json
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.notifications.models import Note
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from console.rest.models import KeyedRequest
from console.schedules.models import Schedule
from tests.console.rest.conftest import Call, calling
from tests.factories.console import (
    make_api_token,
    make_grant,
    make_host,
    make_job,
    make_secret,
    make_user,
    make_workspace,
)
from tests.factories.notifications import make_channel, make_delivery, make_event

pytestmark = pytest.mark.django_db
VALUE = "quay-side-lantern"
KEY = "a-key-of-the-sender"
RUN = {"kind": "container.run", "image": "a:1", "env": {"GREETING": "hello"}, "ports": ["8080:80"], "cpus": 1.5}
NIGHTLY = {"name": "Nightly", "cron": "30 2 * * *", "time_zone": "Asia/Seoul", "missed": "once", "may_overlap": True}


def by(role: Role, **facts: Any) -> Call:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace("shop"))
    return calling(make_api_token(user, **facts))


# --- secrets ---


def test_a_value_is_in_the_answer_that_reveals_it_and_no_other(call: Call) -> None:
    make_workspace("shop")
    given = {"workspace": "shop", "name": "db", "note": "of the shop", "secret_value": VALUE}
    made = call("post", "secrets", given)
    answers = [
        made,
        call("post", "secrets", given),
        call("post", "secrets/shop/db/versions", {"secret_value": f"{VALUE}-2"}),
        call("post", "secrets/shop/db/versions", {"secret_value": f"{VALUE}-2", "more": 1}),
        call("post", "secrets/shop/db/versions", {"secret_value": [VALUE]}),
        call("get", "secrets"),
        call("get", "secrets/shop/db"),
        call("get", "secrets/shop/db/versions"),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 201, 400, 400, 200, 200, 200]
    assert not any(VALUE in answer.content.decode() for answer in answers)
    assert (made["Location"], made.json()["reference"]) == ("/api/v1/secrets/shop/db", "secret:db")
    assert [version["number"] for version in answers[-1].json()["items"]] == [2, 1]
    assert [secret["version"] for secret in answers[5].json()["items"]] == [2]
    newest, first = call("post", "secrets/shop/db/reveal"), call("post", "secrets/shop/db/reveal", {"version": 1})
    assert newest.json() == {"version": 2, "secret_value": f"{VALUE}-2"}
    assert first.json() == {"version": 1, "secret_value": VALUE}
    assert call("post", "secrets/shop/db/reveal", {"version": 3}).json()["field"] == "version"


def test_a_revealed_value_is_not_kept_to_be_answered_again(call: Call) -> None:
    make_secret("db", VALUE)
    for _ in range(2):
        answer = call("post", "secrets/main/db/reveal", {}, idempotency_key=KEY)
        assert (answer.json()["secret_value"], answer["Cache-Control"]) == (VALUE, "private, no-store")
        assert "Idempotency-Replayed" not in answer
    assert not KeyedRequest.objects.exists()
    assert AuditEntry.objects.filter(action="secret.reveal", outcome="allowed").count() == 2


def test_what_is_kept_of_a_request_does_not_help_to_guess_what_was_in_it(call: Call) -> None:
    make_secret("db")
    given = {"secret_value": "four"}
    assert call("post", "secrets/main/db/versions", given, idempotency_key=KEY).status_code == 201
    body = json.dumps(given).encode()
    guesses = [body, json.dumps(["secret_value", "four"]).encode()]
    inner = hashlib.sha256(body).hexdigest()
    guesses.append(f"POST\n/api/v1/secrets/main/db/versions\n{inner}".encode())
    assert KeyedRequest.objects.get().request_hash not in {hashlib.sha256(guess).hexdigest() for guess in guesses}


# --- schedules ---


def test_a_schedule_is_changed_by_what_it_was_shown_as(call: Call) -> None:
    make_host("local")
    made = call("post", "schedules", {**NIGHTLY, "work": RUN, "host": "local", "workspace": "main"})
    assert made.status_code == 201
    path = made["Location"].removeprefix("/api/v1/")
    shown = call("get", path).json()
    assert (shown["work"], shown["workspace"]) == (RUN, "main")
    changed = call("put", path, {**{name: shown[name] for name in NIGHTLY}, "name": "Later", "work": shown["work"]})
    assert changed.json() == {**shown, "name": "Later"}
    times = call("get", f"{path}/times?count=3").json()["times"]
    assert [moment[10:16] for moment in times] == ["T02:30"] * 3
    assert times == call("get", "schedules/times?count=3&cron=30+2+*+*+*&time_zone=Asia/Seoul").json()["times"]
    call("post", f"{path}/pause")
    assert call("get", f"{path}/times").json()["times"] == []


@pytest.mark.parametrize(
    ("work", "field"),
    [
        ({"kind": "image.build", "tag": "a:1", "dockerfile": "FROM a\n"}, "work.kind"),
        ({**RUN, "kind": "container.start"}, "work"),
        ({**RUN, "host": "other"}, "work"),
        ({"kind": "image.remove"}, "work"),
        ({}, "work"),
    ],
)
def test_work_is_of_its_kind_and_the_kind_stays(call: Call, work: dict[str, Any], field: str) -> None:
    make_host("local")
    made = call("post", "schedules", {**NIGHTLY, "work": RUN, "host": "local"})
    answer = call("put", made["Location"].removeprefix("/api/v1/"), {**NIGHTLY, "work": work})
    assert answer.status_code == 400
    assert answer.json()["field"].startswith(field)
    assert Schedule.objects.get().inputs == {name: RUN[name] for name in ("image", "env", "ports", "cpus")}


def test_who_may_not_use_a_secret_does_not_have_it_used_by_the_clock() -> None:
    """The clock asks in the owner's name, who may hold more than the token did."""
    user = make_user(Role.ADMIN)
    make_host("local")
    make_secret("db")
    without = frozenset(Permission) - {Permission.SECRET_USE, Permission.USER_INVITE, Permission.USER_MANAGE}
    token = calling(make_api_token(user, permissions=sorted(without)))
    given = {**NIGHTLY, "work": {**RUN, "env": {"PASSWORD": "secret:db"}}, "host": "local"}
    answer = token("post", "schedules", given)
    assert (answer.status_code, answer.json()["permission"]) == (403, "secret.use")
    assert not Schedule.objects.exists()
    assert calling(make_api_token(user))("post", "schedules", given).status_code == 201


def test_variables_are_shown_to_who_may_see_a_containers_secrets(call: Call) -> None:
    make_host("local")
    shop = make_workspace("shop")
    args = {"image": "a:1", "env": {"GREETING": "hello"}}
    job = make_job("container.run", workspace=shop, args=args)
    made = call("post", "schedules", {**NIGHTLY, "work": RUN, "host": "local", "workspace": "shop"})
    number = made.json()["id"]
    for role, value in ((Role.VIEWER, None), (Role.DEVELOPER, "hello")):
        ask = by(role)
        assert ask("get", f"jobs/{job.number}/inputs").json()["inputs"] == {**args, "env": {"GREETING": value}}
        assert ask("get", f"schedules/{number}").json()["work"]["env"] == {"GREETING": value}
        assert ask("get", "schedules").json()["items"][0]["work"]["env"] == {"GREETING": value}


# --- alerts ---


def test_a_channels_address_is_for_who_looks_after_channels(call: Call) -> None:
    shop = make_workspace("shop")
    make_secret("sign", workspace=shop)
    given = {"name": "pager", "kind": "webhook", "url": "https://hooks.example/token-in-it", "secret": "shop/sign"}
    made = call("post", "alerts/channels", {**given, "workspace": "shop"})
    assert made.status_code == 201
    path = made["Location"].removeprefix("/api/v1/")
    assert {name: made.json()[name] for name in given} == given
    operator = by(Role.OPERATOR)
    for shown in (operator("get", path).json(), operator("get", "alerts/channels").json()["items"][0]):
        assert (shown["url"], shown["secret"], shown["where"]) == (None, None, "https://hooks.example")
    for secret in ("shop/none", "main/sign", "sign", ""):
        answer = call("put", path, {"name": "pager", "url": given["url"], "secret": secret})
        assert (answer.status_code, answer.json()["field"]) == (400, "secret")


def test_a_rule_is_changed_by_what_it_was_shown_as(call: Call) -> None:
    channel = make_channel("pager", kind="email", addresses="night@example.org")
    given = {"name": "loud", "events": ["host.lost", "job.failed"], "channels": [channel.pk], "label": "tier=front"}
    made = call("post", "alerts/rules", given).json()
    assert {name: made[name] for name in given} == given
    fields = ("name", "events", "name_pattern", "label", "tells_people", "channels", "is_active")
    again = {**{name: made[name] for name in fields}, "channels": [], "tells_people": True}
    changed = call("put", f"alerts/rules/{made['id']}", again).json()
    assert changed == {**made, "channels": [], "tells_people": True}


def test_a_delivery_tells_of_its_attempts(call: Call) -> None:
    channel, other = (make_channel(name, kind="email", addresses="a@example.org") for name in ("one", "two"))
    tried = {"at": timezone.now().isoformat(), "code": 503, "error": "503 Away", "took_ms": 12}
    sent = make_delivery(channel, history=[tried])
    make_delivery(other, state="sent")
    assert call("get", f"alerts/deliveries/{sent.pk}").json()["history"][0]["code"] == 503
    for query in ("state=dead", f"channel={channel.pk}"):
        assert [row["id"] for row in call("get", f"alerts/deliveries?{query}").json()["items"]] == [sent.pk]
    assert call("post", f"alerts/deliveries/{sent.pk}/retry").json()["state"] == "waiting"
    assert call("post", f"alerts/deliveries/{sent.pk}/retry").status_code == 409


def test_a_moment_without_its_zone_is_none(call: Call) -> None:
    answer = call("post", "alerts/silences", {"until": "2100-01-01T00:00:00", "reason": "a test"})
    assert (answer.status_code, answer.json()["field"]) == (400, "until")


def test_a_token_sees_of_ones_own_list_what_it_is_for() -> None:
    user = make_user(None)
    make_grant(user, Role.DEVELOPER)
    shop, depot = make_workspace("shop"), make_workspace("depot")
    for workspace in (shop, depot):
        event = make_event(f"of-{workspace.slug}", kind="job.failed", workspace=workspace, user=user)
        with writes_allowed("test"):
            Note.objects.create(user=user, event=event)
    of_depot = calling(make_api_token(user, workspace=depot))
    building = calling(make_api_token(user, permissions=["image.build"]))
    newest = Note.objects.latest("pk").pk
    assert [note["name"] for note in of_depot("get", "notes").json()] == ["of-depot"]
    assert building("get", "notes").json() == []
    assert of_depot("post", "notes/read", {"up_to": newest}).status_code == 204
    whole = calling(make_api_token(user))
    assert [note["name"] for note in whole("get", "notes").json()] == ["of-depot", "of-shop"]
    assert [note["name"] for note in whole("get", "notes?unread=true").json()] == ["of-shop"]


# --- jobs ---


def test_a_job_tells_what_it_waits_for_and_how_far_it_is(call: Call) -> None:
    waiting = make_job(state="queued", waits_for="agent")
    running = make_job(state="running", progress={"step": 2, "steps": 5})
    ended = make_job(progress={"step": 5}, output_sealed_at=timezone.now(), output_sha256="0" * 64, output_bytes=9)
    shown = [call("get", f"jobs/{job.number}").json() for job in (waiting, running, ended)]
    assert [job["waits_for"] for job in shown] == ["agent", None, None]
    assert [job["progress"] for job in shown] == [{}, {"step": 2, "steps": 5}, {}]
    assert [job["output"] and job["output"]["bytes"] for job in shown] == [None, None, 9]
    proofs = [call("get", f"jobs/{job.number}/output/proof").json()["proof"] for job in (running, ended)]
    assert proofs == ["open", "lost"]
    pinned = call("post", f"jobs/{ended.number}/pin").json()
    assert pinned["pinned_at"]
    assert call("post", f"jobs/{ended.number}/unpin").json()["pinned_at"] is None


def test_rules_for_jobs_are_set_as_they_are_shown(call: Call) -> None:
    make_workspace("shop")
    found = call("get", "workspaces/shop/job-rules").json()
    assert found["keep_days"] == 365
    wanted = {**found, "most_running": 2}
    assert call("put", "workspaces/shop/job-rules", wanted).json() == wanted
    assert call("get", "workspaces/shop/job-rules").json() == wanted
    assert call("put", "workspaces/shop/job-rules", {"most_running": 2}).status_code == 400


def test_a_reading_token_knows_of_secrets_and_never_what_they_are() -> None:
    make_secret("db", VALUE)
    user = make_user(Role.ADMIN)
    reading = calling(make_api_token(user, scope="read", is_confirmed=True))
    assert reading("get", "secrets/main/db").status_code == 200
    assert reading("post", "secrets/main/db/reveal").status_code == 403
