"""Reading on record, changing files, keeping a container as an image, and what is noise. Changes become jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.operations import replace_container
from console.files.drift import check_patterns
from console.files.freezing import checked_author, checked_changes, checked_message
from console.files.models import DriftRules
from console.files.packing import Packed, Upload, pack_files
from console.files.paths import file_name, joined, nameable
from console.files.queries import get_container_for_files
from console.files.reading import Sent
from console.hosts.files import File, shown
from console.images.owning import require_own_names
from console.images.references import Reference
from console.jobs.models import Job
from console.jobs.operations import add_job, judges_again, require_idle
from console.operations.actor import Actor
from console.operations.confirmation import require_proof
from console.operations.errors import Conflict, ConsoleError, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.operations.runner import Operation, operation
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace

FREEZE = "container.freeze"
# in an audit row; how many more there were is told too
MOST_NAMED = 20


def note_reading(actor: Actor, container: Container, *, act: str, path: str, file: File | None = None) -> None:
    """Put on record that ``actor`` is about to be given what is at ``path``: its name and size, never its content.

    ``act``: preview, compare or download. Needs container.files.
    """
    facts: dict[str, Any] = {} if file is None else {"kind": file.kind, "size_bytes": file.size_bytes}
    with operation(actor, Permission.CONTAINER_FILES, on=container, act=act, path=shown(path), **facts):
        pass


def note_download(actor: Actor, container: Container, *, path: str, sent: Sent) -> None:
    """How a download that was put on record has ended: with all of it, or before."""
    facts: dict[str, Any] = {"size_bytes": sent.size_bytes, "sha256": sent.sha256 or None, "whole": sent.is_whole}
    try:
        with operation(actor, Permission.CONTAINER_FILES, on=container, act="downloaded", path=shown(path), **facts):
            pass
    except ConsoleError:
        # whoever lost the permission meanwhile has what was sent; the refusal is on record with the same facts
        return


def upload_files(actor: Actor, host_name: str, name: str, *, path: str, files: Sequence[Upload]) -> Job:
    """Put files into the directory ``path``, over those of the same names, for the user that the container runs as.

    Needs container.exec besides container.files. Invalid names ``path`` or ``files``.
    """
    container = get_container_for_files(actor, host_name, name)
    directory = nameable(path)
    # nothing is written down for somebody who may not, nor while the database is held
    packed = pack_files(files) if may(actor, Permission.CONTAINER_EXEC, on=container) else Packed("", ())
    named: dict[str, Any] = {"files": list(packed.files[:MOST_NAMED]), "count": len(files)}
    with operation(actor, Permission.CONTAINER_EXEC, on=container, act="upload", path=directory, **named) as op:
        args = {"path": directory, "tar": packed.sha256, "files": list(packed.files)}
        return _add(op, "files.upload", container, args, blobs=[packed.sha256])


def make_directory(actor: Actor, host_name: str, name: str, *, path: str, directory: str) -> Job:
    """A new directory called ``directory`` in ``path``. Needs container.exec besides container.files."""
    container = get_container_for_files(actor, host_name, name)
    whole = nameable(joined(nameable(path), file_name(directory.strip(), field="directory")), field="directory")
    with operation(actor, Permission.CONTAINER_EXEC, on=container, act="make-directory", path=whole) as op:
        return _add(op, "files.make-directory", container, {"path": whole})


def move_file(actor: Actor, host_name: str, name: str, *, path: str, to: str) -> Job:
    """Give a file or directory another name, or another place. What is there already stays, and the job fails.

    By ``mv`` of the container's own, so it has to run. Needs container.exec besides container.files.
    """
    container = get_container_for_files(actor, host_name, name)
    old, new = _changeable(path), nameable(to, field="to")
    with operation(actor, Permission.CONTAINER_EXEC, on=container, act="move", path=old, to=new) as op:
        _require_running(container)
        if new == old or new.startswith(f"{old}/"):
            raise Invalid(_("It cannot be moved into itself."), field="to")
        return _add(op, "files.move", container, {"path": old, "to": new})


def remove_file(actor: Actor, host_name: str, name: str, *, path: str) -> Job:
    """Remove a file, or a directory with all below it, by ``rm`` of the container's own, so it has to run.

    Needs container.exec besides container.files.
    """
    container = get_container_for_files(actor, host_name, name)
    whole = _changeable(path)
    with operation(actor, Permission.CONTAINER_EXEC, on=container, act="remove", path=whole) as op:
        _require_running(container)
        return _add(op, "files.remove", container, {"path": whole})


def freeze_container(
    actor: Actor,
    host_name: str,
    name: str,
    *,
    tag: str,
    message: str = "",
    author: str = "",
    changes: Sequence[str] = (),
    pause: bool = True,
) -> Job:
    """Make an image of the container as it is now, without its volumes. Its workspace gets it.

    ``changes`` are lines of a Dockerfile that change the configuration (CMD, ENV, …). ``pause``: it is held still
    meanwhile, so that no file is caught half written. Needs image.build besides container.files, for what is in its
    files goes into the image. Invalid and Conflict name ``tag``, ``message``, ``author`` or ``changes``.
    """
    container = get_container_for_files(actor, host_name, name)
    with operation(actor, Permission.IMAGE_BUILD, on=container, act="freeze", tag=tag[:300], pause=pause) as op:
        reference = Reference.parse(tag, field="tag")
        require_own_names(container.host, [str(reference)], workspace=container.workspace)
        args = {
            "tag": str(reference),
            "message": checked_message(message),
            "author": checked_author(author),
            "changes": checked_changes(changes),
            "pause": pause,
        }
        return _add(op, FREEZE, container, args)


def reset_container(actor: Actor, host_name: str, name: str) -> Job:
    """Put a fresh container of the same image and configuration in its place. What it wrote is lost, volumes stay.

    Asks for a proof of who it is; needs container.deploy besides container.files. Refuses as replace_container.
    """
    container = get_container_for_files(actor, host_name, name)
    # that it was asked for, and refused for want of a proof, is on record; what comes of it is the replacement's
    with operation(actor, Permission.CONTAINER_DEPLOY, on=container, act="reset"):
        require_proof(actor)
    return replace_container(actor, host_name, name)


@judges_again(FREEZE)
def _judge_freeze_again(job: Job) -> None:
    if job.workspace is not None:
        require_own_names(job.host, [str(job.args["tag"])], workspace=job.workspace)


def change_noise(actor: Actor, slug: str, *, patterns: Sequence[str]) -> list[str]:
    """What the workspace is not told of when its containers change. Needs container.exec in the workspace."""
    workspace = get_workspace(actor, slug)
    with operation(actor, Permission.CONTAINER_EXEC, on=workspace, act="drift-noise") as op:
        noise = check_patterns(patterns)
        rules = _held(workspace)
        op.details["added"] = [pattern for pattern in noise if pattern not in rules.noise][:MOST_NAMED]
        op.details["removed"] = [pattern for pattern in rules.noise if pattern not in noise][:MOST_NAMED]
        rules.noise = noise
        rules.save()
    return noise


def _held(workspace: Workspace) -> DriftRules:
    DriftRules.objects.get_or_create(workspace=workspace)
    return DriftRules.objects.select_for_update().get(workspace=workspace)


def _changeable(path: str) -> str:
    whole = nameable(path)
    if whole == "/":
        raise Invalid(_("The root directory stays where it is."), field="path")
    return whole


def _require_running(container: Container) -> None:
    if container.state != Container.State.RUNNING:
        raise Conflict(_("“%(name)s” is not running.") % {"name": container.name})


def _add(op: Operation, kind: str, container: Container, args: Mapping[str, Any], *, blobs: Sequence[str] = ()) -> Job:
    container = container.locked()
    container.require_present()
    require_idle(container)
    whole = {"engine_id": container.engine_id, **args}
    return add_job(op, kind, host=container.host, workspace=container.workspace, args=whole, on=container, blobs=blobs)
