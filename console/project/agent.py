"""The host agent's Celery app: queue ``host.<name>``, no database.

celery -A console.project.agent worker --queues host.<name> --pool threads
"""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "console.project.agent_settings"

import django
from celery import Celery, signals
from django.conf import settings

django.setup()

from console.jobs import agent_tasks
from console.jobs.agent.execution import Agent
from console.jobs.agent.journal import Journal
from console.jobs.agent.watcher import start_watching
from console.jobs.alive import show_alive
from console.project import agent_settings
from console.project.environment import read_key
from console.stats.sampling import start_sampling

CAPACITY = 7  # of eight threads: one stays free to show that work is taken

app = Celery("agent", set_as_current=True)
app.conf.update(settings.CELERY)
agent = Agent(
    host_name=settings.NARU_HOST_NAME,
    key=read_key(agent_settings.NARU_HOST_KEY_FILE),
    engine_address=agent_settings.NARU_ENGINE,
    journal=Journal(settings.NARU_DATA / f"agent-{settings.NARU_HOST_NAME}.sqlite3"),
    capacity=CAPACITY,
)
agent_tasks.register(app, agent)


@signals.worker_ready.connect
def _ready(**_: object) -> None:
    agent.report_interrupted()
    start_watching(agent)
    start_sampling(agent)
    show_alive()
