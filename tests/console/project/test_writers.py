"""Twenty people who change things at the same time, through the pages: each is answered, none by an error.

``NARU_WRITERS_S`` says for how long (1.5).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.console.project.conftest import ROOT, Instance
from tests.database import give_copy

SECONDS = float(os.environ.get("NARU_WRITERS_S", "1.5"))
PROCESSES, THREADS = 4, 5
pytestmark = [pytest.mark.timeout(300 + SECONDS)]
DJANGO = {"DJANGO_SETTINGS_MODULE": "console.project.settings", "PYTHONPATH": str(ROOT)}
SET_UP = """
import django; django.setup()
from django.conf import settings
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
from console.operations.permissions import Role
from tests.factories.console import make_host, make_user, make_workspace
make_host("local")
make_workspace("main")
for number in range(20):
    make_user(Role.ADMIN, username=f"writer-{number}")
"""
WRITE = """
import collections, json, os, sys, threading, time
import django; django.setup()
from django.conf import settings
plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
settings.ALLOWED_HOSTS = ["testserver"]
from django.db import connection
from django.test import Client
from console.accounts.models import User
from console.jobs import sending
from tests.factories.console import sign_in_browser
sending._send = lambda *_given, **_named: True
import console.project.urls
processes, threads, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
seen, slowest, errors = collections.Counter(), [0.0], []

def write(number):
    client = sign_in_browser(Client(raise_request_exception=False), User.objects.get(username=f"writer-{number}"))
    until, turn, schedule = time.monotonic() + seconds, 0, None
    while time.monotonic() < until:
        turn += 1
        build = {"host": "local", "tag": f"w{number}:{turn}", "source": "dockerfile", "dockerfile": "FROM scratch"}
        when = {"s-name": f"w{number}", "s-cron": "0 3 * * *", "s-time_zone": "UTC", "s-missed": "skip"}
        steps = [("/builds/new/", {**build, "workspace": "main"})]
        if schedule is None:
            steps.append(("/schedules/new/?kind=image.build", {**when, **build, "workspace": "main"}))
        else:
            steps += [(schedule + "pause/", {}), (schedule + "resume/", {})]
        rules = {"most_running": turn, "most_waiting": 0, "keep_days": 9, "keep_count": 0}
        steps.append(("/workspaces/main/jobs/", rules))
        for address, data in steps:
            began = time.monotonic()
            answer = client.post(address, data)
            slowest[0] = max(slowest[0], time.monotonic() - began)
            seen[answer.status_code] += 1
            if answer.status_code >= 400:
                errors.append((address, answer.status_code, answer.content.decode()[-300:]))
            if answer.status_code == 302 and address == "/builds/new/":
                job = answer["Location"].rstrip("/").rsplit("/", 1)[-1]
                seen[client.post(f"/jobs/{job}/pin/").status_code] += 1
                seen[client.post(f"/jobs/{job}/cancel/").status_code] += 1
            if answer.status_code == 302 and address.startswith("/schedules/new"):
                schedule = answer["Location"]
    connection.close()

def write_all(first):
    workers = [threading.Thread(target=write, args=[first + number]) for number in range(threads)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    print(json.dumps({"seen": seen, "slowest": slowest[0], "errors": errors[:5]}), flush=True)

# processes that nothing but the database connects; what they import is imported once
for number in range(processes):
    if os.fork() == 0:
        write_all(number * threads)
        sys.exit()
sys.exit(max(os.wait()[1] for _ in range(processes)) != 0)
"""
CHECK = """
import django; django.setup()
from console.audit.keys import public_key, seal_key
from console.audit.verification import verify
from console.jobs.models import Job
report = verify(seal_key(), public_key(), witnessed=[])
print(Job.objects.filter(state="cancelled").count(), report.entries, *report.findings)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def furnished(request: pytest.FixtureRequest, instance: Instance) -> Instance:
    if request.param == "postgresql":
        instance.facts["DATABASE_URL"] = request.getfixturevalue("empty_postgresql")
        done = instance.manage("migrate", "--verbosity", "0")
        assert done.returncode == 0, done.stderr
    else:
        give_copy(instance.data / "console.sqlite3")
    instance.python(SET_UP, **DJANGO)
    return instance


def test_twenty_writers_are_all_answered_and_none_by_an_error(furnished: Instance, tmp_path: Path) -> None:
    # no Redis: nothing may depend on it that is answered for here
    environ = {**furnished.environ, **DJANGO, "REDIS_URL": f"unix://{tmp_path}/nowhere.sock"}
    argv = [sys.executable, "-c", WRITE, str(PROCESSES), str(THREADS), str(SECONDS)]
    writers = subprocess.run(
        argv, env=environ, cwd=ROOT, text=True, capture_output=True, timeout=200 + SECONDS, check=False
    )
    assert writers.returncode == 0, writers.stderr[-3000:]
    assert "locked" not in writers.stderr, writers.stderr[-3000:]
    told: list[dict[str, Any]] = [json.loads(line) for line in writers.stdout.splitlines()]
    assert len(told) == PROCESSES
    counts: dict[str, int] = {}
    for one in told:
        assert one["errors"] == []
        for status, count in one["seen"].items():
            counts[status] = counts.get(status, 0) + count
    assert set(counts) <= {"200", "302"}, counts
    # each of them came to something
    cancelled, entries, *findings = furnished.python(CHECK, **DJANGO).split()
    assert findings == []
    assert int(cancelled) >= PROCESSES * THREADS
    assert int(entries) > int(cancelled)
    sys.stdout.write(f"{counts}, slowest {max(one['slowest'] for one in told):.2f} s\n")
