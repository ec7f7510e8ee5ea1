"""The console's Celery app: queue ``console``, with the database; beat rings the sweep."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.project.settings")

import django
from celery import Celery, signals
from django.conf import settings

django.setup()

app = Celery("console", set_as_current=True)
app.conf.update(settings.CELERY)
app.conf.beat_schedule = {
    # a message older than a round is worthless: the next one does its work
    "sweep": {"task": "jobs.sweep", "schedule": 3.0, "options": {"queue": "console", "expires": 9}},
    # pages that are open under a grant whose time is over end within this and a moment
    "end-due": {"task": "access.end_due", "schedule": 2.0, "options": {"queue": "console", "expires": 6}},
    # deliveries whose turn it is again; new ones ring by themselves
    "deliver": {"task": "notifications.deliver", "schedule": 5.0, "options": {"queue": "console", "expires": 15}},
    "watch": {"task": "notifications.watch", "schedule": 10.0, "options": {"queue": "console", "expires": 30}},
    "forget": {"task": "notifications.tidy", "schedule": 86400.0, "options": {"queue": "console", "expires": 86400}},
    "schedules": {"task": "schedules.fire", "schedule": 5.0, "options": {"queue": "console", "expires": 15}},
    "schedules-tidy": {"task": "schedules.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "origins": {"task": "origins.look", "schedule": 5.0, "options": {"queue": "console", "expires": 15}},
    "timeline-tidy": {"task": "timeline.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "quarantine": {"task": "prune.sweep", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "volumes-tidy": {"task": "volumes.tidy", "schedule": 900.0, "options": {"queue": "console", "expires": 900}},
    "stacks-tidy": {"task": "stacks.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "capsules-tidy": {"task": "capsules.tidy", "schedule": 900.0, "options": {"queue": "console", "expires": 900}},
    "tidy": {"task": "jobs.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "terminals": {"task": "terminals.sweep", "schedule": 10.0, "options": {"queue": "console", "expires": 30}},
    "terminals-tidy": {"task": "terminals.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "stats-tidy": {"task": "stats.tidy", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "audit-head": {"task": "audit.head", "schedule": 60.0, "options": {"queue": "console", "expires": 60}},
    "audit-check": {"task": "audit.check", "schedule": 3600.0, "options": {"queue": "console", "expires": 3600}},
    "audit-seal": {"task": "audit.seal", "schedule": 86400.0, "options": {"queue": "console", "expires": 86400}},
}

from console.access import tasks as access_tasks
from console.capsules import tasks as capsule_tasks
from console.jobs import tasks
from console.jobs.alive import show_alive
from console.notifications import tasks as notification_tasks
from console.origins import tasks as origin_tasks
from console.prune import tasks as prune_tasks
from console.schedules import tasks as schedule_tasks
from console.stacks import tasks as stack_tasks
from console.stats import tasks as stats_tasks
from console.terminals import tasks as terminal_tasks
from console.timeline import tasks as timeline_tasks
from console.volumes import tasks as volume_tasks

tasks.register(app)
access_tasks.register(app)
schedule_tasks.register(app)
origin_tasks.register(app)
notification_tasks.register(app)
timeline_tasks.register(app)
terminal_tasks.register(app)
prune_tasks.register(app)
volume_tasks.register(app)
capsule_tasks.register(app)
stats_tasks.register(app)
stack_tasks.register(app)


@signals.worker_ready.connect
def _ready(**_: object) -> None:
    show_alive()
