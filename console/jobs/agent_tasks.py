"""The host agent's Celery tasks."""

from typing import Any

from celery import Celery

from console.jobs.agent.execution import Agent
from console.jobs.alive import show_alive


def register(app: Celery, agent: Agent) -> None:
    def execute(message: dict[str, Any]) -> None:
        agent.execute(message)

    app.task(name="jobs.execute")(execute)
    app.task(name="jobs.pulse")(show_alive)
