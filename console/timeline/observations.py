"""What hosts tell of what happens on them, and how long it is told. Each harmless to repeat."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from console.containers.changes import hears_changes
from console.hosts.changes import hears_of_hosts
from console.hosts.events import EngineEvent
from console.hosts.models import Host
from console.images.models import Image
from console.jobs.facts import Fact, observes
from console.networks.models import Network
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.timeline import files
from console.timeline.crashes import opened, take_incident
from console.timeline.events import take_events
from console.timeline.found import container_changed, host_changed
from console.timeline.models import Capsule, Change

UNPLACED = timedelta(minutes=10)

hears_changes(container_changed)
hears_of_hosts(host_changed)


@observes("engine.events")
def events_told(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is not None:
            take_events(host, [EngineEvent.from_json(entry) for entry in fact["events"]])


@observes("container.incident")
def incident_told(host_name: str, fact: Fact) -> None:
    contents = opened(host_name, fact)
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is not None:
            take_incident(host, fact, contents)
            publish_on_commit("rows.changes", {"host": host_name})


@observes("host.inventory")
def changes_placed(host_name: str, fact: Fact) -> None:  # noqa: ARG001 - an observer's signature
    """Events of images and networks come before anybody knows whose they are."""
    waiting = Change.objects.filter(
        host__name=host_name,
        workspace=None,
        kind__in=(*Change.OF_IMAGES, *Change.OF_NETWORKS),
        at__gt=timezone.now() - UNPLACED,
    )
    found = {change.pk: change.engine_id for change in waiting}
    if not found:
        return
    about = {"host__name": host_name, "engine_id__in": set(found.values())}
    places = dict(Image.objects.filter(**about).values_list("engine_id", "workspace_id"))
    places |= dict(Network.objects.filter(**about).values_list("engine_id", "workspace_id"))
    with observation(Actor.host(host_name)):
        for pk, engine_id in found.items():
            if engine_id in places:
                Change.objects.filter(pk=pk).update(workspace_id=places[engine_id])


def forget_changes(pks: Sequence[int]) -> None:
    with observation(Actor.system("timeline")):
        Change.objects.filter(pk__in=pks).delete()


def forget_capsules(numbers: Sequence[int]) -> None:
    """The rows first: a file without a row is swept, a row without its file would be a lie."""
    with observation(Actor.system("timeline")):
        Capsule.objects.filter(pk__in=numbers).delete()
    files.remove(numbers)
