"""The console's worker with the tallied kinds: ``celery -A tests.console.jobs.tally_console``."""

from console.project.celery import app
from tests.console.jobs import tally

__all__ = ["app", "tally"]
