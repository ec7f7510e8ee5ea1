"""The images a host holds, as its agent reports them."""

from collections.abc import Collection
from datetime import datetime

import structlog
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.facts import ImageFact
from console.hosts.models import Host
from console.images.models import Image
from console.images.operations import pull_image
from console.images.owning import claim
from console.images.references import plain_name
from console.jobs.facts import Fact, observes
from console.jobs.models import Job
from console.jobs.operations import asking_for
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.operations.runner import observation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.observations import first_workspace

log = structlog.get_logger(__name__)

MOST_LOOKED_AT = 200
# kinds of jobs that make images: whose arguments name them, and whose results have their ids
_makers = {"image.build", "image.pull", "image.load", "image.import"}
# those that do where their arguments say so
_perhaps: set[str] = set()


def makes_images(kind: str, *, only_if_named: bool = False) -> None:
    """For apps above: what jobs of this kind make belongs to the job's workspace.

    ``only_if_named``: most of them make none, and those that do have ``makes`` among their arguments.
    """
    _makers.add(kind)
    if only_if_named:
        _perhaps.add(kind)


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
def images_made(host_name: str, fact: Fact) -> None:
    """A job that ended in images: they are its workspace's, who may share them with another that had them before."""
    with observation(Actor.host(host_name)):
        job = _ended_well(host_name, fact, _makers)
        if job is None or job.workspace is None:
            return
        new = job.result.get("new") or []
        new_ids = {job.result.get("image")} if new is True else set(new) if isinstance(new, list) else set()
        changed = False
        for engine_id in [job.result.get("image"), *(job.result.get("images") or [])]:
            image = Image.objects.filter(host=job.host_id, engine_id=str(engine_id or "")).order_by("pk").first()
            if image is not None:
                changed |= _give(image, job.workspace, is_new=engine_id in new_ids)
        if changed:
            publish_on_commit("rows.images", {"host": host_name})


@observes("attempt.ended")
def image_pushed(host_name: str, fact: Fact) -> None:
    """One that was pushed to be pulled elsewhere: that is asked for now, by whoever asked for the first half."""
    job = _ended_well(host_name, fact, ("image.push",))
    if job is None or job.workspace is None or not job.args.get("then_on"):
        return
    person = get_user_model().objects.filter(pk=job.actor_id, is_active=True).first()
    try:
        with asking_for(f"copy:{job.pk}", because=_("the copy that job %(number)d began") % {"number": job.pk}):
            pull_image(
                Actor.of_user(person),
                job.args["then_on"],
                reference=f"{job.args['repository']}@{job.result['digest']}",
                workspace=job.workspace.slug,
                tag_as=job.args.get("tag_as", ""),
            )
    except (ConsoleError, IntegrityError) as error:
        # on record as refused, or asked for already: the first half was done all the same
        log.info("copy not gone on with", job=job.pk, why=str(error))


def _ended_well(host_name: str, fact: Fact, kinds: Collection[str]) -> Job | None:
    jobs = Job.objects.filter(host__name=host_name, kind__in=kinds, state=Job.State.SUCCEEDED)
    return jobs.select_related("workspace", "host").filter(pk=fact["job"]).first()


def _give(image: Image, workspace: Workspace, *, is_new: bool) -> bool:
    """Whether a row had to be changed or made."""
    if image.workspace_id == workspace.pk:
        return False
    if is_new and image.workspace_id == first_workspace().pk and not image.is_shared:
        # seen before its job had ended, when nobody knew whose it would be
        image.workspace = workspace
        image.save(update_fields=["workspace"])
        return True
    rows = Image.objects.filter(host=image.host_id, engine_id=image.engine_id, workspace=workspace)
    return not rows.exists() and claim(image, workspace).pk is not None


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
    """That of the newest job which gives one of its tags; what nobody asked for here belongs to the first."""
    ended_well = (Job.State.RUNNING, Job.State.SUCCEEDED)
    jobs = Job.objects.filter(host=host, kind__in=_makers, state__in=ended_well, workspace__isnull=False)
    jobs = jobs.filter(~Q(kind__in=_perhaps) | Q(args__has_key="makes"))
    names = {plain_name(name) for name in fact.references}
    repositories = {name.rpartition(":")[0] for name in names}
    for job in jobs.select_related("workspace").order_by("-pk")[:MOST_LOOKED_AT] if names else ():
        given = {str(job.args.get("tag", "")), *job.args.get("tags", []), *job.args.get("makes", [])}
        if job.workspace is not None and (given & {*fact.references, *names, *repositories}):
            return job.workspace
    return first_workspace()
