"""How long jobs stay, what proves their output, and who may say so."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.utils import timezone

from console.audit.models import AuditEntry
from console.jobs import output, retention, streams
from console.jobs.models import Job, JobRules
from console.jobs.observations import seal_output
from console.jobs.operations import change_job_rules, pin_job, unpin_job
from console.jobs.sweeping import tidy
from console.jobs.telling import Proof, proof_of
from console.operations.errors import Denied
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.workspaces.models import Workspace
from tests.console.jobs.conftest import now
from tests.factories.console import actor_of, make_job, make_user, make_workspace

pytestmark = pytest.mark.django_db
RULES = {"most_running": 0, "most_waiting": 0, "keep_days": 30, "keep_count": 0}


def keep(workspace: Workspace, **rules: int) -> None:
    with writes_allowed("test"):
        JobRules.objects.update_or_create(workspace=workspace, defaults={**RULES, **rules})


def ended(*, days_ago: float = 0, sealed: bool = True, **facts: Any) -> Job:
    at = timezone.now() - timedelta(days=days_ago)
    job = make_job(finished_at=at, output_sealed_at=at if sealed else None, **facts)
    if sealed:
        path = output.sealed_path(job.pk)
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return job


def left(*jobs: Job) -> list[bool]:
    known = set(Job.objects.values_list("pk", flat=True))
    for job in jobs:
        assert output.sealed_path(job.pk).exists() == (job.pk in known)
    return [job.pk in known for job in jobs]


def test_what_is_too_old_goes_with_its_output() -> None:
    shop = make_workspace("shop")
    keep(shop, keep_days=30)
    old, new = ended(days_ago=31, workspace=shop), ended(days_ago=29, workspace=shop)
    assert retention.prune() == 1
    assert left(old, new) == [False, True]


def test_of_too_many_the_oldest_go() -> None:
    shop = make_workspace("shop")
    keep(shop, keep_days=0, keep_count=2)
    jobs = [ended(days_ago=days, workspace=shop) for days in (900, 5, 3, 1)]
    retention.prune()
    assert left(*jobs) == [False, False, True, True]


@pytest.mark.parametrize("rules", [{"keep_days": 1}, {"keep_days": 0, "keep_count": 1}])
def test_a_pinned_job_stays_and_takes_nobodys_place(rules: dict[str, int]) -> None:
    shop = make_workspace("shop")
    keep(shop, **rules)
    pinned, old, new = (ended(days_ago=days, workspace=shop) for days in (9, 8, 0))
    pin_job(actor_of(make_user(Role.OPERATOR)), pinned.pk)
    retention.prune()
    assert left(pinned, old, new) == [True, False, True]
    unpin_job(actor_of(make_user(Role.OPERATOR)), pinned.pk)
    retention.prune()
    assert left(pinned, new) == [False, True]


def test_each_workspace_has_rules_of_its_own_and_what_has_none_the_usual_ones() -> None:
    shop, depot = make_workspace("shop"), make_workspace("depot")
    keep(shop, keep_days=1)
    jobs = [ended(days_ago=2, workspace=workspace) for workspace in (shop, depot, None)]
    ancient = ended(days_ago=JobRules.KEEP_DAYS + 1, workspace=None)
    retention.prune()
    assert left(*jobs, ancient) == [False, True, True, False]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_has_not_ended_stays(state: str) -> None:
    shop = make_workspace("shop")
    keep(shop, keep_days=1, keep_count=1)
    job = make_job(state=state, workspace=shop, created_at=timezone.now() - timedelta(days=99))
    retention.prune()
    assert Job.objects.filter(pk=job.pk).exists()


def test_what_is_not_sealed_yet_waits_for_that() -> None:
    shop = make_workspace("shop")
    keep(shop, keep_days=0, keep_count=1)
    recent = ended(days_ago=0.5, sealed=False, workspace=shop)
    forgotten = ended(days_ago=3, sealed=False, workspace=shop)
    ended(workspace=shop)
    retention.prune()
    assert Job.objects.filter(pk__in=[recent.pk, forgotten.pk]).get() == recent


def test_the_audit_log_says_how_many_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    shop = make_workspace("shop")
    keep(shop, keep_days=1)
    jobs = [ended(days_ago=2, workspace=shop) for _ in range(3)]
    assert retention.prune() == 3
    rows = AuditEntry.objects.filter(action="job.remove").order_by("seq")
    assert [row.details["removed"] for row in rows] == [2, 1]
    assert rows[0].details["first"] == jobs[0].pk
    assert rows[0].details["workspace"] == "shop"
    assert retention.prune() == 0
    assert rows.count() == 2


def test_a_file_whose_row_is_gone_is_swept_but_not_one_that_is_being_sealed(redis_server: "redis.Redis") -> None:
    job = ended()
    lost, fresh = output.sealed_path(987_001), output.sealed_path(987_002)
    for path in (lost, fresh):
        path.write_text("")
    hours_ago = time.time() - 2 * retention.FILE_GRACE_S
    os.utime(lost, (hours_ago, hours_ago))
    os.utime(output.sealed_path(job.pk), (hours_ago, hours_ago))
    tidy()
    assert [lost.exists(), fresh.exists(), output.sealed_path(job.pk).exists()] == [False, True, True]


def test_the_job_pruned_first_does_not_take_its_repetition_with_it() -> None:
    shop = make_workspace("shop")
    keep(shop, keep_days=1)
    old = ended(days_ago=2, workspace=shop)
    again = ended(workspace=shop, retry_of=old)
    retention.prune()
    assert now(again).retry_of is None


# --- what proves the output ---


@pytest.fixture
def sealed(redis_server: "redis.Redis") -> Job:
    job = make_job(state="succeeded", finished_at=timezone.now())
    entry: Any = {"at": "1700000000000", "lines": json.dumps(["hello"])}
    redis_server.xadd(streams.output_key(job.pk), entry, id="1-1")
    seal_output(job.pk)
    return now(job)


def test_sealed_output_is_proved_by_the_row(sealed: Job) -> None:
    assert sealed.output_bytes == output.sealed_path(sealed.pk).stat().st_size
    assert proof_of(sealed) is Proof.WHOLE


def change(path: Path) -> None:
    path.write_text(path.read_text().replace("hello", "hallo"))


@pytest.mark.parametrize(
    ("harm", "found"),
    [(change, Proof.CHANGED), (Path.unlink, Proof.LOST), (lambda path: path.write_text(""), Proof.CHANGED)],
    ids=["changed", "removed", "emptied"],
)
def test_output_that_is_not_what_was_sealed_is_told(sealed: Job, harm: Any, found: Proof) -> None:
    harm(output.sealed_path(sealed.pk))
    assert proof_of(sealed) is found


def test_sealing_again_vouches_for_nothing_that_was_changed(sealed: Job) -> None:
    change(output.sealed_path(sealed.pk))
    seal_output(sealed.pk)
    assert proof_of(now(sealed)) is Proof.CHANGED


def test_output_is_not_proved_before_it_is_sealed_or_without_a_digest(sealed: Job) -> None:
    assert proof_of(make_job(state="running")) is Proof.OPEN
    sealed.output_sha256 = ""
    assert proof_of(sealed) is Proof.UNKNOWN


# --- rules ---


def test_rules_are_changed_by_administrators_and_on_record() -> None:
    make_workspace("shop")
    with pytest.raises(Denied):
        change_job_rules(actor_of(make_user(Role.DEVELOPER)), "shop", **RULES)
    change_job_rules(actor_of(make_user(Role.ADMIN)), "shop", **RULES)
    rules = JobRules.objects.get(workspace__slug="shop")
    assert {name: getattr(rules, name) for name in RULES} == RULES
    row = AuditEntry.objects.filter(outcome="allowed").latest("seq")
    assert (row.action, row.target_name) == ("policy.manage", "shop")
    assert row.details["changed"] == {"most_waiting": 0, "keep_days": 30, "keep_count": 0}
