"""The host agent's Celery tasks."""

from typing import Any

from celery import Celery

from console.jobs.agent.execution import Agent
from console.jobs.alive import show_alive


def register(app: Celery, agent: Agent) -> None:
    def execute(message: dict[str, Any]) -> None:
        agent.execute(message)

    def keep_head(line: str) -> None:
        agent.journal.keep_head(str(line))

    app.task(name="jobs.keep_head")(keep_head)
    app.task(name="jobs.execute")(execute)
    app.task(name="jobs.pulse")(show_alive)
