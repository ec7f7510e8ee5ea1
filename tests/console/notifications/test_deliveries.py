"""From an event to a receiver: signed, tried again, given up, never lost, and not sent where it must not be."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from console.audit.models import AuditEntry
from console.notifications.delivering import deliver
from console.notifications.models import Channel, Delivery, Event, Note
from console.notifications.observations import BACK_OFF, claim_due, forget_old, handle_events
from console.notifications.operations import resend_delivery, send_test
from console.notifications.payloads import signature
from console.notifications.queries import own_notes
from console.operations.errors import Conflict
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.notifications.conftest import KEY
from tests.factories.console import actor_of, make_grant, make_host, make_user, make_workspace
from tests.factories.notifications import make_channel, make_delivery, make_event, make_rule, make_silence
from tests.fakes.hostile_server import HostileServer, Visit

pytestmark = pytest.mark.django_db


def due_now() -> None:
    """As if the time until the next attempt were over."""
    with writes_allowed("test"):
        Delivery.objects.filter(state="waiting").update(next_at=timezone.now())


def test_a_receiver_gets_the_event_signed(channel: Channel, receiver: HostileServer, settings: Settings) -> None:
    settings.NARU_URL = "https://naru.example"
    make_rule("all", channel)
    make_event("web-1", workspace=make_workspace("shop"), host=make_host("local"), link="/containers/local/web-1/")
    assert deliver() == 1
    [visit] = receiver.visits
    uid, at = visit.header("webhook-id"), int(visit.header("webhook-timestamp"))
    assert visit.header("webhook-signature") == f"v1,{signature(uid, visit.body, secret=KEY, timestamp=at)}"
    assert abs(time.time() - at) < 60
    told = json.loads(visit.body)
    assert (told["id"], told["type"]) == (uid, "container.oom")
    assert told["data"]["text"] == "web-1 on local was killed: it wanted more memory than it may have."
    assert told["data"]["link"] == "https://naru.example/containers/local/web-1/"
    assert (told["data"]["workspace"], told["data"]["host"]) == ("shop", "local")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.answer_code, str(delivery.uid)) == ("sent", 200, uid)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    secret, uid = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    body = b'{"test": 2432232314}'
    assert signature(uid, body, secret=secret, timestamp=1614265330) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_event_is_sent_once_to_a_channel_however_many_rules_say_so(
    channel: Channel, receiver: HostileServer
) -> None:
    make_rule("one", channel)
    make_rule("two", channel)
    make_event()
    deliver()
    deliver()
    assert len(receiver.visits) == 1


def test_it_is_tried_again_with_the_same_id_and_given_up_at_last(channel: Channel, receiver: HostileServer) -> None:
    receiver.script = lambda visit: visit.answer("503 Busy")
    make_rule("all", channel)
    make_event()
    waits = []
    for _ in range(len(BACK_OFF) + 1):
        before = timezone.now()
        assert deliver() == 1
        assert deliver() == 0
        waits.append(Delivery.objects.get().next_at - before)
        due_now()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.answer_code, delivery.error) == ("dead", 503, "503 Busy")
    assert len(delivery.history) == len(BACK_OFF) + 1 == len(receiver.visits)
    assert [round(wait / step) for wait, step in zip(waits, BACK_OFF, strict=False)] == [1] * len(BACK_OFF)
    assert {visit.header("webhook-id") for visit in receiver.visits} == {str(delivery.uid)}
    assert deliver() == 0


def test_one_that_is_gone_is_given_up_at_once(channel: Channel, receiver: HostileServer) -> None:
    receiver.script = lambda visit: visit.answer("410 Gone")
    make_delivery(channel, state="waiting")
    deliver()
    assert Delivery.objects.get().state == "dead"


def test_a_redirect_is_not_followed_so_nobody_else_gets_the_event(channel: Channel, receiver: HostileServer) -> None:
    receiver.script = lambda visit: visit.answer("307 On", Location=f"{receiver.url}/elsewhere")
    make_delivery(channel, state="waiting")
    deliver()
    assert receiver.paths() == ["/hook?token=url-canary"]
    assert Delivery.objects.get().error == "307 On"


def test_an_address_inside_is_refused_when_it_is_used(channel: Channel, settings: Settings) -> None:
    settings.NARU_OUTBOUND_ALLOW = ""
    make_delivery(channel, state="waiting")
    deliver()
    assert "no address of the public internet" in Delivery.objects.get().error


def test_a_slow_receiver_does_not_keep_the_others_waiting(channel: Channel, receiver: HostileServer) -> None:
    answered = threading.Event()

    def script(visit: Visit) -> None:
        # the slow one waits for the other to be told
        if visit.path == "/slow":
            answered.wait(10)
        else:
            answered.set()
        visit.answer()

    receiver.script = script
    make_delivery(make_channel("slow", url=f"{receiver.url}/slow", secret=channel.secret), state="waiting")
    make_delivery(channel, state="waiting")
    deliver()
    assert list(Delivery.objects.values_list("state", flat=True)) == ["sent", "sent"]


def test_a_worker_killed_while_it_sends_loses_nothing(channel: Channel, receiver: HostileServer) -> None:
    """What it had claimed is free again when the lease is over, and has the id that it had."""
    delivery = make_delivery(channel, state="waiting")
    assert claim_due(10) == [delivery.pk]
    assert claim_due(10) == []
    assert deliver() == 0
    with writes_allowed("test"):
        Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert deliver() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert receiver.visits[0].header("webhook-id") == str(delivery.uid)


def test_a_late_answer_of_a_lost_worker_changes_nothing_that_is_decided(channel: Channel) -> None:
    from console.notifications.observations import note_outcome

    delivery = make_delivery(channel, state="sent", answer_code=200)
    note_outcome(delivery.pk, code=500, error="late", took_ms=1)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.answer_code) == ("sent", 200)


def test_a_test_goes_to_its_channel_alone_and_is_on_record(channel: Channel, receiver: HostileServer) -> None:
    make_rule("all", make_channel("other", url=f"{receiver.url}/other", secret=channel.secret))
    send_test(actor_of(make_user(Role.ADMIN)), channel.pk)
    deliver()
    assert receiver.paths() == ["/hook?token=url-canary"]
    assert json.loads(receiver.visits[0].body)["type"] == "test"
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.target_name) == ("notification.manage", "pager")
    assert "url-canary" not in json.dumps(entry.details)


def test_what_was_given_up_can_be_sent_again(channel: Channel, receiver: HostileServer) -> None:
    admin, delivery = actor_of(make_user(Role.ADMIN)), make_delivery(channel, attempts=8)
    resend_delivery(admin, delivery.pk)
    with pytest.raises(Conflict):
        resend_delivery(admin, delivery.pk)
    deliver()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("sent", 1)


def test_a_mail_is_sent_with_one_id_and_no_header_of_anybodys_choosing(no_rules: None, settings: Settings) -> None:
    settings.NARU_MAIL = True
    by_mail = make_channel("mail", kind="email", url="", addresses="a@example.org\nb@example.org")
    delivery = make_delivery(by_mail, state="waiting", event=make_event("web\r\nBcc: all@example.org"))
    deliver()
    delivery.refresh_from_db()
    # a line break never gets this far (recording makes one line of names); should it, nothing is sent
    assert (delivery.state, mail.outbox) == ("waiting", [])
    other = make_delivery(by_mail, state="waiting", event=make_event("web-1", about="container:2"))
    deliver()
    [message] = mail.outbox
    assert message.to == ["a@example.org", "b@example.org"]
    assert message.extra_headers["Message-ID"] == f"<{other.uid}@naru>"
    assert "web-1 on local was killed" in message.subject


def test_without_a_mail_server_it_says_so(no_rules: None) -> None:
    delivery = make_delivery(make_channel("mail", kind="email", addresses="a@example.org"), state="waiting")
    deliver()
    delivery.refresh_from_db()
    assert "NARU_SMTP" in delivery.error


# --- rules, silences, lists ---


@pytest.mark.parametrize(
    ("facts", "is_told"),
    [
        ({}, True),
        ({"events": ["job.failed"]}, False),
        ({"name_pattern": "web-*"}, True),
        ({"name_pattern": "db-*"}, False),
        ({"label": "tier=front"}, True),
        ({"label": "tier"}, True),
        ({"label": "tier=back"}, False),
        ({"label": "other"}, False),
        ({"is_active": False}, False),
    ],
)
def test_a_rule_tells_what_it_is_for(channel: Channel, facts: dict[str, object], is_told: bool) -> None:
    make_rule("some", channel, **facts)
    make_event("web-1", labels={"tier": "front"})
    handle_events()
    assert Delivery.objects.exists() == is_told


def test_a_rule_of_a_workspace_tells_nothing_of_another(no_rules: None) -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    make_rule("shop's", make_channel("shop's", workspace=shop), workspace=shop)
    make_event("theirs", workspace=depot)
    make_event("nobody's", about="host:1", kind="host.lost")
    make_event("ours", workspace=shop, about="container:2")
    handle_events()
    assert [delivery.event.name for delivery in Delivery.objects.all()] == ["ours"]


@pytest.mark.parametrize(
    ("facts", "is_silent"),
    [
        ({}, True),
        ({"kind": "container.oom"}, True),
        ({"kind": "job.failed"}, False),
        ({"name_pattern": "web-*"}, True),
        ({"name_pattern": "db-*"}, False),
        ({"until": timezone.now() - timedelta(seconds=1)}, False),
        ({"rule": True}, True),
        ({"rule": False}, False),
    ],
)
def test_a_silence_covers_what_it_is_for(channel: Channel, facts: dict[str, object], is_silent: bool) -> None:
    rule, other = make_rule("some", channel), make_rule("other", events=[])
    if "rule" in facts:
        facts = {"rule": rule if facts["rule"] else other}
    make_silence("at work", **facts)
    make_event("web-1")
    handle_events()
    assert Delivery.objects.exists() != is_silent
    assert Event.objects.get().silenced_by == ("at work" if is_silent else "")


def test_a_silence_of_a_workspace_leaves_others_loud(channel: Channel) -> None:
    make_rule("all", channel)
    make_silence("at work", workspace=make_workspace("shop"))
    make_event("web-1", workspace=make_workspace("depot"))
    handle_events()
    assert Delivery.objects.exists()


def test_people_are_told_what_they_may_see_and_what_concerns_them(no_rules: None) -> None:
    shop = make_workspace("shop")
    viewer, owner, stranger = make_user(None), make_user(None), make_user(None)
    make_grant(viewer, Role.VIEWER, workspace=shop)
    make_rule("people", tells_people=True, workspace=shop)
    make_event("web-1", workspace=shop)
    make_event("mine", kind="job.failed", about="job:1", workspace=make_workspace("depot"), user=owner)
    handle_events()
    handle_events()
    lists = {user.pk: [note.event.name for note in own_notes(actor_of(user))] for user in (viewer, owner, stranger)}
    assert lists == {viewer.pk: ["web-1"], owner.pk: ["mine"], stranger.pk: []}


def test_who_may_not_see_it_any_more_has_it_in_no_list(no_rules: None) -> None:
    shop, viewer = make_workspace("shop"), make_user(None)
    grant = make_grant(viewer, Role.VIEWER, workspace=shop)
    make_rule("people", tells_people=True)
    make_event("web-1", workspace=shop)
    handle_events()
    assert len(own_notes(actor_of(viewer))) == 1
    with writes_allowed("test"):
        grant.delete()
    assert own_notes(actor_of(viewer)) == []


def test_old_events_go_with_all_that_hangs_on_them(channel: Channel) -> None:
    old = timezone.now() - timedelta(days=91)
    make_delivery(channel, event=make_event("old", last_at=old, handled_at=old))
    make_delivery(channel, event=make_event("new", about="container:2", handled_at=timezone.now()))
    make_event("not yet told", about="container:3", last_at=old)
    assert forget_old() == 1
    assert sorted(Event.objects.values_list("name", flat=True)) == ["new", "not yet told"]
    assert Delivery.objects.count() == 1
    assert not Note.objects.exists()


# --- for real ---

WORKER = """
import os
import sys
os.environ["DJANGO_SETTINGS_MODULE"] = "console.project.settings"
import django
django.setup()
from console.notifications.delivering import deliver
sys.stdin.readline()
deliver()
"""
# the lease of a killed worker is over, and so is every wait
FREE = "UPDATE notifications_delivery SET leased_until=NULL, next_at='2026-01-01' WHERE state='waiting'"


@pytest.mark.django_db(transaction=True)
def test_kill_9_in_the_middle_loses_and_doubles_nothing(
    channel: Channel, receiver: HostileServer, tmp_path: Path, settings: Settings
) -> None:
    """Worker processes on a database in a file, killed while a receiver has its request in hand; NARU_KILLS times."""
    if connection.vendor != "sqlite":
        pytest.skip("the workers get a copy of the test's own database")
    runs = int(os.environ.get("NARU_KILLS", "1"))
    make_rule("all", channel)
    for number in range(events := 3 * runs):
        make_event(f"web-{number}", about=f"container:{number}")
    (tmp_path / "secret.key").write_text(settings.SECRET_KEY)
    file = sqlite3.connect(tmp_path / "console.sqlite3")
    connection.connection.backup(file)
    # they take a while to be there, all of them at once no longer than one
    *victims, last = [start_worker(tmp_path) for _ in range(runs + 1)]
    for worker in victims:
        reached = threading.Event()
        receiver.script = partial(hang, reached)
        send_off(worker)
        assert reached.wait(60)
        worker.kill()
        worker.wait()
        with file:
            file.execute(FREE)
    receiver.script = lambda visit: visit.answer()
    receiver.visits.clear()
    send_off(last)
    assert last.wait(60) == 0
    ids = [visit.header("webhook-id") for visit in receiver.visits]
    assert len(ids) == len(set(ids)) == events
    assert file.execute("SELECT DISTINCT state FROM notifications_delivery").fetchall() == [("sent",)]
    file.close()


def hang(reached: threading.Event, visit: Visit) -> None:
    reached.set()
    visit.stopped.wait(60)


def start_worker(data: Path) -> "subprocess.Popen[bytes]":
    ours = {"NARU_DATA": str(data), "NARU_RUN": str(data / "run"), "NARU_OUTBOUND_ALLOW": "127.0.0.1/32"}
    root = Path(__file__).resolve().parents[3]
    environ = {**os.environ, **ours, "PYTHONPATH": str(root)}
    # the websocket's bells find no Redis, and say so
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=root, env=environ, stdin=PIPE, stderr=DEVNULL)


def send_off(worker: "subprocess.Popen[bytes]") -> None:
    assert worker.stdin is not None
    worker.stdin.write(b"go\n")
    worker.stdin.close()
