"""What became of a time that had come."""

from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.schedules.models import Firing


def settle(firing: Firing, *, state: Firing.State, job: Job | None = None, reason: str = "") -> None:
    """Once: what is settled stays as it is."""
    with observation(Actor.system("schedules")):
        pending = Firing.objects.filter(pk=firing.pk, state=Firing.State.PENDING)
        pending.update(state=state, job=job, reason=reason[:2000])
        publish_on_commit("rows.schedules")
