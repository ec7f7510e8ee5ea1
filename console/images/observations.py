"""The images a host holds, as its agent reports them."""

from datetime import datetime

from django.utils import timezone

from console.hosts.facts import ImageFact
from console.hosts.models import Host
from console.images.models import Image
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.runner import observation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.observations import first_workspace


@observes("host.inventory")
def images_seen(host_name: str, fact: Fact) -> None:
    """Rows as the host has them: new ones added, changed ones corrected, gone ones deleted."""
    seen = {entry["engine_id"]: ImageFact.from_json(entry) for entry in fact["images"]}
    with observation(Actor.host(host_name)):
        host = Host.objects.filter(name=host_name).first()
        if host is None:
            return
        known: dict[str, list[Image]] = {}
        for image in Image.objects.filter(host=host):
            known.setdefault(image.engine_id, []).append(image)
        changed = False
        for engine_id, image_fact in seen.items():
            rows = known.get(engine_id) or [
                Image(host=host, engine_id=engine_id, workspace=_workspace_of(host, image_fact))
            ]
            for image in rows:
                changed |= _correct(image, image_fact)
        gone = [image.pk for engine_id, images in known.items() if engine_id not in seen for image in images]
        if gone:
            Image.objects.filter(pk__in=gone).delete()
        if changed or gone:
            publish_on_commit("rows.images", {"host": host_name})


@observes("attempt.ended")
def image_built(host_name: str, fact: Fact) -> None:
    """A build that ended in an image which another workspace has already: this one has it too."""
    with observation(Actor.host(host_name)):
        jobs = Job.objects.filter(host__name=host_name, kind="image.build", state=Job.State.SUCCEEDED)
        job = jobs.select_related("workspace").filter(pk=fact["job"]).first()
        if job is None or job.workspace is None:
            return
        image = Image.objects.filter(host=job.host_id, engine_id=str(job.result.get("image", ""))).first()
        if image is not None and claim(image, job.workspace).pk != image.pk:
            publish_on_commit("rows.images", {"host": host_name})


def claim(image: Image, workspace: Workspace) -> Image:
    """The workspace's own row of the image, made if it has none. Inside an operation or an observation."""
    facts = {name: getattr(image, name) for name in ("references", "size_bytes", "created_at", "seen_at")}
    facts["is_shared"] = True
    key = {"host": image.host, "engine_id": image.engine_id, "workspace": workspace}
    return Image.objects.get_or_create(**key, defaults=facts)[0]


def _correct(image: Image, fact: ImageFact) -> bool:
    """Whether the row had to be changed."""
    values = {
        "references": fact.references,
        "size_bytes": fact.size_bytes,
        "created_at": datetime.fromisoformat(fact.created_at),
    }
    if image.pk and all(getattr(image, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(image, name, value)
    image.seen_at = timezone.now()
    image.save()
    return True


def _workspace_of(host: Host, fact: ImageFact) -> Workspace:
    """That of the newest build which gives one of its tags; what nobody asked for here belongs to the first."""
    ended_well = (Job.State.RUNNING, Job.State.SUCCEEDED)
    builds = Job.objects.filter(host=host, kind="image.build", state__in=ended_well, workspace__isnull=False)
    job = builds.filter(args__tag__in=fact.references).select_related("workspace").order_by("-pk").first()
    return job.workspace if job is not None and job.workspace is not None else first_workspace()
