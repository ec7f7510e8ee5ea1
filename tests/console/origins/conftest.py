from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from pytest_django import Settings

from console.jobs import sending
from console.jobs.agent.run import JobRun
from console.jobs.facts import observers
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.origins.facts import Given
from console.origins.jobs import fetch
from console.origins.models import Origin
from console.origins.operations import create_from_git
from console.secrets.values import resolve
from console.stacks.models import Stack
from tests.console.stacks.conftest import fake_host
from tests.engine.host.build.web import Web, run_git, serving
from tests.factories.console import actor_of, make_host, make_user
from tests.fakes.broker import Broker

__all__ = ["fake_host"]
TEXT = "services: {web: {image: web, environment: {A: one}}, db: {image: db}}\n"
Pushed = Callable[..., str]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def web(tmp_path: Path, settings: Settings) -> Iterator[Web]:
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.0/8,::1/128"
    with serving(tmp_path / "repositories") as running:
        yield running


@pytest.fixture
def url(web: Web) -> str:
    """Of a repository of one commit."""
    web.repository("shop.git", [{"compose.yaml": TEXT}])
    return f"{web.url}/git/shop.git"


@pytest.fixture
def push(web: Web) -> Pushed:
    """Put files into a commit on top; its id."""

    def push(files: dict[str, str], *, subject: str = "more") -> str:
        path = web.repositories / "shop.git"
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        run_git(path, "add", "-A")
        run_git(path, "commit", "-q", "--allow-empty", "-m", subject)
        return run_git(path, "rev-parse", "HEAD")

    return push


@pytest.fixture
def kim(db: None, broker: Broker) -> Actor:
    make_host("local")
    return actor_of(make_user(Role.DEVELOPER, username="kim"))


def made(actor: Actor, url: str, **more: Any) -> Stack:
    return create_from_git(actor, "local", name="shop", given=Given(url, **more))


def now(stack: Stack) -> Origin:
    return Origin.objects.select_related("stack", "job").get(stack=stack)


def carry_out(job: Job, said: list[str] | None = None) -> Job:
    """As the host's agent and the console's worker do. ``said`` gets all of the job's output and facts."""
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, attempt=1)
    names = job.args.get("secrets", [])
    secrets = resolve(job.workspace_id, names)
    run = JobRun(job=job.pk, attempt=1, host_name="local", engine_address="unix:///nowhere", secrets=secrets)
    facts: list[tuple[str, dict[str, Any]]] = []

    async def tell(kind: str, **fact: Any) -> None:
        facts.append((kind, run.masker.masked_json(fact)))

    async def write(text: str) -> None:
        (said if said is not None else []).append(run.masker.masked_json({"text": text})["text"])

    run.tell, run.write = tell, write  # type: ignore[method-assign]
    ended: dict[str, Any] = {"state": Job.State.SUCCEEDED}
    try:
        ended["result"] = async_to_sync(fetch)(run, job.args)
    except ConsoleError as error:
        ended = {"state": Job.State.FAILED, "error": str(error)}
    for kind, fact in facts:
        for observe in observers(kind):
            observe("local", fact)
    if said is not None:
        said += [str(ended), str(facts)]
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(**ended)
    for observe in observers("attempt.ended"):
        if observe.__module__.startswith("console.origins"):
            observe("local", {"job": job.pk})
    return Job.objects.get(pk=job.pk)


def fetched(stack: Stack) -> Stack:
    """Its newest fetch is carried out."""
    job = now(stack).job
    assert job is not None
    carry_out(job)
    return Stack.objects.get(pk=stack.pk)
