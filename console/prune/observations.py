"""What hosts report of images in quarantine."""

from datetime import timedelta

from django.utils import timezone

from console.hosts.models import Host
from console.jobs.facts import Fact, observes
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.prune.models import Quarantined

MOST_DAYS = 90


@observes("images.quarantined")
def images_quarantined(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        for one in fact["images"]:
            until = timezone.now() + timedelta(days=min(max(1, int(one["days"])), MOST_DAYS))
            facts = {
                "references": [str(name)[:300] for name in one["references"]],
                "size_bytes": int(one["size_bytes"]),
                "until": until,
                "job": int(fact["job"]),
            }
            # said twice, it stays what it was: by then its names are gone
            Quarantined.objects.get_or_create(host=host, engine_id=str(one["engine_id"])[:64], defaults=facts)
        publish_on_commit("rows.quarantined", {"host": host_name})


@observes("images.left_quarantine")
def images_left(host_name: str, fact: Fact) -> None:
    with observation(Actor.host(host_name)):
        Quarantined.objects.filter(host__name=host_name, engine_id__in=fact["engine_ids"]).delete()
        publish_on_commit("rows.quarantined", {"host": host_name})


@observes("host.inventory")
def images_there(host_name: str, fact: Fact) -> None:
    """One that somebody removed by other means is held no more."""
    there = {str(one["engine_id"]) for one in fact["images"]}
    with observation(Actor.host(host_name)):
        rows = Quarantined.objects.filter(host__name=host_name)
        gone = [row.pk for row in rows if row.engine_id not in there]
        if gone:
            Quarantined.objects.filter(pk__in=gone).delete()
            publish_on_commit("rows.quarantined", {"host": host_name})
