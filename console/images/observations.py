"""The images a host holds, as its agent reports them."""

from datetime import datetime

from django.utils import timezone

from console.hosts.facts import ImageFact
from console.hosts.models import Host
from console.images.models import Image
from console.jobs.facts import Fact, observes
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit


@observes("host.inventory")
def images_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them: new ones added, changed ones corrected, gone ones deleted."""
    seen = {entry["engine_id"]: ImageFact.from_json(entry) for entry in fact["images"]}
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        known = {image.engine_id: image for image in Image.objects.filter(host=host)}
        changed = False
        for engine_id, image_fact in seen.items():
            values = {
                "references": image_fact.references,
                "size_bytes": image_fact.size_bytes,
                "created_at": datetime.fromisoformat(image_fact.created_at),
            }
            image = known.get(engine_id) or Image(host=host, engine_id=engine_id)
            if image.pk and all(getattr(image, name) == value for name, value in values.items()):
                continue
            for name, value in values.items():
                setattr(image, name, value)
            image.seen_at = timezone.now()
            image.save()
            changed = True
        gone = [image.pk for engine_id, image in known.items() if engine_id not in seen]
        if gone:
            Image.objects.filter(pk__in=gone).delete()
        if changed or gone:
            publish_on_commit("rows.images", {"host": host_name})
