"""What two people do at the same moment, in processes of their own over one database."""

import json
import subprocess
import sys
from typing import Self

from tests.console.project.conftest import ROOT, Instance

ROUNDS = 8
PRELUDE = """
import json, sys
import django; django.setup()
from django.utils import timezone
from console.access.models import Grant
from console.accounts.models import User
from console.accounts.operations import accept_invitation, change_role, create_invitation
from console.operations.actor import Actor
from console.operations.errors import Conflict, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
PASSWORD = "ferry-landing-at-dawn-1"
def attempt(what):
    try:
        what()
    except (Conflict, Missing) as error:
        return type(error).__name__
    return "done"
"""
TWO_ADMINISTRATORS = """
with writes_allowed("test"):
    pks = [User.objects.create(username=f"admin-{n}").pk for n in range(2)]
    for pk in pks:
        Grant.objects.create(user_id=pk, role="admin")
print(json.dumps(pks))
"""
STEP_DOWN = """
user = User.objects.get(pk=int(sys.argv[1]))
me = Actor.of_user(user, confirmed_at=timezone.now())
def both_again():
    with writes_allowed("test"):
        Grant.objects.update(role="admin")
acts = {"down": lambda: change_role(me, user.pk, Role.VIEWER), "again": both_again}
for line in sys.stdin:
    print(attempt(acts[line.strip()]), flush=True)
"""
INVITE = f"print(json.dumps([create_invitation(Actor.system(), Role.VIEWER).token for _ in range({ROUNDS})]))"
ACCEPT = """
for line in sys.stdin:
    token, name = line.split()[0], f"{sys.argv[1]}-{line.split()[1]}"
    print(attempt(lambda: accept_invitation(Actor.of_user(None), token, username=name, password=PASSWORD)), flush=True)
"""
TOKEN = """
from tests.factories.console import make_api_token, make_user
print(make_api_token(make_user(username="ada")))
"""
ASK = """
from django.test import Client
for line in sys.stdin:
    token, number = line.split()
    headers = {"authorization": f"Bearer {token}", "idempotency-key": f"key-{number}"}
    body = {"slug": f"w-{number}"}
    answer = Client(SERVER_NAME="localhost").post(
        "/api/v1/workspaces", body, content_type="application/json", headers=headers
    )
    print(answer.status_code, answer.json().get("slug"), "Idempotency-Replayed" in answer, flush=True)
"""
DJANGO = {"DJANGO_SETTINGS_MODULE": "console.project.settings"}


class Two:
    """The same program twice, each with a word of its own; ``both`` gives both a line at once."""

    def __init__(self, instance: Instance, program: str, *words: str) -> None:
        argv = [sys.executable, "-c", PRELUDE + "print('ready', flush=True)\n" + program]
        environ = {**instance.environ, **DJANGO}
        self._processes = [
            subprocess.Popen(
                [*argv, word], env=environ, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for word in words
        ]
        assert self._answers() == ["ready", "ready"]

    def both(self, line: str) -> list[str]:
        for process in self._processes:
            assert process.stdin
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
        return self._answers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes:
            process.communicate(timeout=30)

    def _answers(self) -> list[str]:
        return [process.stdout.readline().strip() for process in self._processes if process.stdout]


def test_the_last_two_administrators_cannot_both_step_down(migrated: Instance) -> None:
    pks = json.loads(migrated.python(PRELUDE + TWO_ADMINISTRATORS, **DJANGO))
    answers = []
    with Two(migrated, STEP_DOWN, *map(str, pks)) as two:
        for _ in range(ROUNDS):
            answers.append(sorted(two.both("down")))
            assert two.both("again") == ["done", "done"]
    assert answers == [["Conflict", "done"]] * ROUNDS


def test_a_link_opened_by_two_lets_one_in(migrated: Instance) -> None:
    tokens = json.loads(migrated.python(PRELUDE + INVITE, **DJANGO))
    with Two(migrated, ACCEPT, "ada", "grace") as two:
        answers = [sorted(two.both(f"{token} {number}")) for number, token in enumerate(tokens)]
    assert answers == [["Missing", "done"]] * ROUNDS


def test_a_request_sent_twice_at_once_with_one_key_is_done_once(migrated: Instance) -> None:
    token = migrated.python(PRELUDE + TOKEN, **DJANGO)
    with Two(migrated, ASK, "a", "b") as two:
        for number in range(ROUNDS):
            first, second = sorted(two.both(f"{token} {number}"))
            assert first == f"201 w-{number} False"
            # the other waits for its turn, or comes when the answer is there
            assert second in ("409 None False", f"201 w-{number} True")
