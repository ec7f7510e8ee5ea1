from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.jobs.models import Job
from console.operations.governed import Governed, GovernedQuerySet
from console.operations.policy import Place
from console.stacks.models import Stack

# how long is waited after a failure, doubled with each that follows
AFTER_A_FAILURE = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
# of a repository that is only looked at when a hook rings
MOST_FAILURES = 6


class Origin(Governed):
    """The git repository that a stack's files come from, and what becomes of a new commit.

    It is looked at in the name of whoever saved it last, with that person's rights at that moment.
    """

    class OnChange(models.TextChoices):
        TELL = "tell", _("only tell")
        DEPLOY = "deploy", _("deploy by itself")

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")

    stack = models.OneToOneField(Stack, on_delete=models.CASCADE, related_name="origin")
    url = models.CharField(max_length=2000)
    # a branch, a tag or a commit; empty: what the repository is at
    ref = models.CharField(max_length=255, blank=True)
    # of Compose files below the repository's root, merged in their order; the stack's directory is that of the first
    paths = models.JSONField(default=list)
    username = models.CharField(max_length=255, blank=True)
    # a reference, ``secret:NAME``; never the password itself
    password = models.CharField(max_length=80, blank=True)
    # 0: only when a hook rings, or somebody asks
    every_s = models.PositiveIntegerField(default=0)
    on_change = models.CharField(max_length=8, choices=OnChange.choices, default=OnChange.TELL)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="origins"
    )
    owner_name = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    # what was wrong when it was last looked at or fetched, or why it is paused
    trouble = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)
    # when it is looked at next
    next_at = models.DateTimeField(null=True, blank=True)
    # the newest that fetches it, and the number of the one whose files the stack has
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    taken = models.BigIntegerField(default=0)
    # when what was taken is put on the host by itself, and why it is not
    deploy_at = models.DateTimeField(null=True, blank=True)
    held = models.TextField(blank=True)
    # a commit that changes nothing of what is on the host
    settled = models.CharField(max_length=64, blank=True)
    # what the hook's secret is made from; empty: there is no hook
    hook_nonce = models.CharField(max_length=64, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = GovernedQuerySet["Origin"].as_manager()

    def __str__(self) -> str:
        return self.stack.name

    @property
    def place(self) -> Place:
        return self.stack.place

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def deploys(self) -> bool:
        return self.on_change == self.OnChange.DEPLOY

    @property
    def is_fetching(self) -> bool:
        return self.job is not None and self.job.is_active

    @property
    def has_failed(self) -> bool:
        """The newest that fetched it did."""
        return self.job is not None and self.job.is_final and self.job.state != Job.State.SUCCEEDED

    @property
    def facts(self) -> dict[str, Any]:
        """All that is said of it but by whom."""
        names = ("url", "ref", "paths", "username", "password", "every_s", "on_change")
        return {name: getattr(self, name) for name in names}

    def went_well(self, now: datetime) -> None:
        self.trouble, self.failures, self.looked_at = "", 0, now
        self.next_at = now + timedelta(seconds=self.every_s) if self.every_s else None

    def went_wrong(self, why: str, now: datetime) -> None:
        self.trouble, self.failures, self.looked_at = why[:2000], self.failures + 1, now
        wait = min(AFTER_A_FAILURE * 2 ** min(self.failures - 1, 10), LONGEST_WAIT)
        wait = max(wait, timedelta(seconds=self.every_s))
        gives_up = not self.every_s and self.failures >= MOST_FAILURES
        self.next_at = None if gives_up else now + wait

    @property
    def deployed(self) -> str:
        """The id of the commit that the newest release was made of; empty for none."""
        newest = self.stack.newest
        return str(newest.commit.get("id", "")) if newest is not None else ""

    @property
    def is_newer(self) -> bool:
        """Something was released, and what the files are of now is another."""
        return bool(self.deployed) and self.has_newer_than(self.deployed)

    def has_newer_than(self, deployed: str) -> bool:
        """Whether the stack's files are of a commit that is not the one with this id, and would change something."""
        commit = str(self.stack.commit.get("id", ""))
        return bool(commit) and commit not in (deployed, self.settled)
