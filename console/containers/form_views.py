"""The pages that make containers and make them anew: the form, the plan of an edit, clones, revisions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers import operations
from console.containers.again import run_again
from console.containers.asking import Place, require_allowed, wanted_pull
from console.containers.cloning import clone_names, shareable, shared_volumes
from console.containers.forms import CloneForm, EditForm, LimitsForm, LineForm, RunForm, is_given
from console.containers.limits import LIMITS
from console.containers.models import Container, Revision
from console.containers.present import Present, read_present
from console.containers.queries import get_container, get_revision, names_in_use, revisions_of
from console.containers.specs.command_line import run_line
from console.containers.specs.differences import Difference, differences
from console.containers.specs.given import spec_of_inputs
from console.containers.specs.inputs import inputs_of
from console.containers.specs.pasted import read_line
from console.containers.specs.spec import ContainerSpec
from console.hosts.queries import get_host, places_for
from console.images.queries import find_image, visible_images
from console.jobs.models import Job
from console.jobs.queries import find_named
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import may
from console.web.forms import Form
from console.web.permits import require
from console.workspaces.queries import choice_of, get_workspace

# those that people send by hand
SIGNALS = ("HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM")
REFUSED = (Invalid, Conflict, Denied)


@require_http_methods(["GET", "HEAD", "POST"])
def run(request: HttpRequest) -> HttpResponse:
    actor, line = Actor.of_request(request), LineForm(request.POST if "line" in request.POST else None)
    is_sent = request.method == "POST" and "line" not in request.POST
    earlier = find_named(actor, request.GET.get("from", ""))
    with_env = earlier is not None and may(actor, Permission.CONTAINER_SECRETS, on=earlier)
    wanted = {name: value for name in ("image", "host", "workspace") if (value := request.GET.get(name, ""))}
    initial = {**run_again(earlier, with_env=with_env), **wanted, **_pasted(line)}
    form = RunForm(request.POST if is_sent else None, **places_for(actor, Permission.CONTAINER_RUN), initial=initial)
    if form.is_valid() and "show" not in request.POST:
        given = form.inputs
        try:
            job = operations.run_container(actor, given.pop("host"), **given)
        except REFUSED as error:
            form.blame(error)
        else:
            return redirect("jobs:job", job.number)
    require(request, Permission.CONTAINER_RUN)
    context = {
        "form": form,
        "line": line,
        "known_images": _known_images(actor),
        "env_left_out": earlier is not None and not with_env and bool(earlier.args.get("env")),
        **_told(actor, form),
    }
    return render(request, "containers/run.html", context, status=max(form.answer, line.answer))


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The command line that the form comes to, and what the workspace's rules have against it. Changes nothing."""
    actor = require(request, Permission.CONTAINER_RUN)
    form = RunForm(request.POST, **places_for(actor, Permission.CONTAINER_RUN))
    return render(request, "containers/_preview.html", _told(actor, form))


def _known_images(actor: Actor) -> list[str]:
    return sorted({name for image in visible_images(actor)[:200] for name in image.references})


def _pasted(line: LineForm) -> dict[str, Any]:
    """What a pasted command line says, as the form has it."""
    if not line.is_valid():
        return {}
    try:
        pasted = read_line(line.cleaned_data["line"])
    except Invalid as error:
        line.blame(error)
        return {}
    return {**inputs_of(pasted.spec), "name": pasted.name}


def _told(actor: Actor, form: RunForm) -> dict[str, Any]:
    """``cli``, ``pulled`` where the image is fetched first, and ``refused`` by the rules; of a form that is not whole
    yet, nothing."""
    if not form.is_bound or not form.is_valid():
        return {}
    given = {name: value for name, value in form.inputs.items() if name not in ("host", "workspace", "name")}
    pulled = ""
    try:
        spec = spec_of_inputs(given)
        if form.cleaned_data.get("workspace"):
            workspace = get_workspace(actor, form.cleaned_data["workspace"])
            host = get_host(actor, form.cleaned_data["host"])
            require_allowed(workspace, host, spec.as_json())
            pulled = spec.image if wanted_pull(Place(actor, host, workspace), spec) else ""
    except (Conflict, Denied) as error:
        return {"cli": run_line(spec, name=form.cleaned_data["name"]), "refused": str(error)}
    except (Invalid, Missing) as error:
        return {"refused": str(error)}
    return {"cli": run_line(spec, name=form.cleaned_data["name"]), "pulled": pulled}


# --- edit ---


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """The form as the container is; sent, the plan of what would be changed; and with ``sure`` it is."""
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    require(request, Permission.CONTAINER_DEPLOY, on=container)
    container.require_present()
    now, revision = read_present(container), _revision(request, container)
    with_env = may(actor, Permission.CONTAINER_SECRETS, on=container)
    wanted = ContainerSpec.from_json(revision.spec) if revision is not None else now.spec
    if revision is not None and not with_env:
        wanted = replace(wanted, env=now.spec.env)
    initial = {**inputs_of(wanted), "restores": revision.number if revision is not None else None}
    form = EditForm(request.POST or None, initial=initial, with_env=with_env)
    is_sent = form.is_valid()
    if is_sent or (revision is not None and not form.is_bound):
        try:
            wanted = _wanted(form, now) if is_sent else wanted
            return _plan(request, actor, container, now, wanted, form=form)
        except REFUSED as error:
            if not form.is_bound:
                form = EditForm(initial, with_env=with_env)
                form.is_valid()
            form.blame(error)
    context = {
        "form": form,
        "limits": LimitsForm(initial=_limits(now.spec)),
        "signals": SIGNALS,
        "known_images": _known_images(actor),
        "cli": run_line(now.spec, name=container.name) if with_env else "",
        **_frame(actor, container, "edit"),
    }
    return render(request, "containers/edit.html", context, status=form.answer)


def _revision(request: HttpRequest, container: Container) -> Revision | None:
    number = request.GET.get("revision", "")
    return get_revision(container, int(number)) if number.isdecimal() and len(number) < 9 else None


def _wanted(form: EditForm, now: Present) -> ContainerSpec:
    given = form.inputs
    return spec_of_inputs(given if "env" in form.fields else {**given, "env": now.spec.env})


def _plan(
    request: HttpRequest, actor: Actor, container: Container, now: Present, wanted: ContainerSpec, *, form: EditForm
) -> HttpResponse:
    seen = _fingerprint(now.spec, wanted)
    restores = form.cleaned_data.get("restores") if form.is_bound else form.initial.get("restores")
    if "sure" in request.POST and form.cleaned_data.get("seen") == seen:
        job = operations.replace_container(
            actor, container.host.name, container.key, spec=wanted, restores=restores or None
        )
        return redirect("jobs:job", job.number)
    image = find_image(container.host, wanted.image, workspace=container.workspace)
    place = Place(actor, container.host, container.workspace, instead_of=container)
    given = inputs_of(wanted) | {"seen": seen, "restores": restores}
    hidden = EditForm(initial=given, with_env="env" in form.fields)
    context = {
        "rows": [_Row.of(one, hidden) for one in differences(now.spec, wanted)],
        "old_image": now.image_engine_id,
        "new_image": image.engine_id if image is not None else "",
        "pulled": wanted.image if wanted_pull(place, wanted) else "",
        "lost": now.lost,
        "stop_s": 10 if now.spec.stop_timeout_s is None else now.spec.stop_timeout_s,
        "hidden": [one.as_hidden() for one in hidden if is_given(one.value())],
        "is_stale": "sure" in request.POST,
        "volumes": [mount.source or mount.target for mount in wanted.mounts],
        **_frame(actor, container, "edit"),
    }
    return render(request, "containers/plan.html", context)


class _Row:
    """A difference with the field's label."""

    def __init__(self, label: str, difference: Difference) -> None:
        self.label, self.before, self.after = label, difference.before, difference.after

    @classmethod
    def of(cls, difference: Difference, form: Form) -> "_Row":
        field = form.fields.get(difference.name)
        return cls(str(field.label) if field is not None else _("Environment"), difference)


def _fingerprint(*specs: ContainerSpec) -> str:
    text = json.dumps([spec.as_json() for spec in specs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _limits(spec: ContainerSpec) -> Mapping[str, Any]:
    return {name: value for name, value in inputs_of(spec).items() if name in LIMITS}


@require_POST
def limits(request: HttpRequest, host: str, name: str) -> HttpResponse:
    form = LimitsForm(request.POST)
    given = {name: value for name, value in form.cleaned_data.items() if value} if form.is_valid() else {}
    if form.errors:
        raise Invalid(" ".join(str(error) for errors in form.errors.values() for error in errors))
    return _to_job(operations.update_limits(Actor.of_request(request), host, name, **given))


def _to_job(job: Job) -> HttpResponse:
    return redirect("jobs:job", job.number)


# --- clones ---


@require_http_methods(["GET", "HEAD", "POST"])
def clone(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    require(request, Permission.CONTAINER_RUN, on=container)
    container.require_present()
    form = CloneForm(request.POST or None, initial={"pattern": f"{container.name}-{{n}}", "ports": "engine"})
    if form.is_valid():
        try:
            return _to_job(operations.clone_container(actor, host, name, **form.cleaned_data))
        except REFUSED as error:
            form.blame(error)
    spec = shareable(read_present(container).spec)
    next_name = clone_names(f"{container.name}-{{n}}", times=1, taken=names_in_use(container.host))[0]
    context = {
        "form": form,
        "shared": shared_volumes(spec),
        "spec": spec,
        "cli": run_line(replace(spec, env={}), name=next_name),
        **_frame(actor, container, "clone"),
    }
    return render(request, "containers/clone.html", context, status=form.answer)


# --- revisions ---


@require_safe
def revisions(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    rows = list(revisions_of(container)[:100])
    specs = [ContainerSpec.from_json(row.spec) for row in rows]
    form = EditForm(with_env=True)
    told = []
    for at, row in enumerate(rows):
        before = specs[at + 1] if at + 1 < len(specs) else None
        changes = differences(before, specs[at]) if before is not None else []
        told.append({"row": row, "changes": [_Row.of(one, form) for one in changes], "spec": specs[at]})
    in_force = next((row.number for row in rows if row.job is None or row.job.state == Job.State.SUCCEEDED), None)
    context = {"told": told, "in_force": in_force, **_frame(actor, container, "revisions")}
    return render(request, "containers/revisions.html", context)


def _frame(actor: Actor, container: Container, tab: str) -> dict[str, Any]:
    return {"container": container, "tab": tab, "choice": choice_of(actor, container.workspace.slug)}
