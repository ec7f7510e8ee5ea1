from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.capsules import operations
from console.capsules.cli import environment_commands, restore_commands, take_commands
from console.capsules.downloads import file_of, lock_file
from console.capsules.forms import RestoreForm, TakeForm, UploadForm, VerifyForm
from console.capsules.locks.comparing import Verdict
from console.capsules.locks.document import parse_lock
from console.capsules.models import StackCapsule
from console.capsules.portable import taken_volumes
from console.capsules.queries import find_lock, get_capsule, require_taking, sizes_of, visible_capsules
from console.capsules.restoring import Restoring, plan_restore
from console.hosts.queries import visible_hosts
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid, Missing, Unavailable
from console.operations.permissions import Permission
from console.operations.policy import may
from console.stacks.models import Stack
from console.stacks.planning.plans import Action
from console.stacks.queries import get_stack, visible_stacks
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of, workspaces_for

SORTABLE = {"made": "pk", "stack": "stack_name", "size": "size_bytes"}
MOST_STACKS = 500
SHOWN = 20


# --- environment ---


@require_safe
def environment(request: HttpRequest, stack_id: int) -> HttpResponse:
    return _environment(request, get_stack(require(request, Permission.STACK_VIEW), stack_id))


def _environment(
    request: HttpRequest, stack: Stack, *, form: VerifyForm | None = None, verdict: Verdict | None = None
) -> HttpResponse:
    """``verdict`` is the one that was asked for just now."""
    actor = Actor.of_request(request)
    lock = find_lock(stack)
    form = form or VerifyForm(stacks=_others(actor, stack))
    context = {
        "stack": stack,
        "lock": lock,
        "form": form,
        "verdict": verdict.as_json() if verdict is not None else lock.verdict if lock is not None else {},
        # what differs says what it is made of
        "shows_differences": may(actor, Permission.STACK_TAKE, on=stack),
        "asked": verdict is not None,
        "deployed": stack.current is not None,
        "cli": environment_commands(stack),
    }
    response = page_or_part(request, "capsules/environment.html", "capsules/_environment.html", context)
    response.status_code = form.answer
    return response


def _others(actor: Actor, stack: Stack) -> list[tuple[int, str]]:
    rows = visible_stacks(actor).exclude(pk=stack.pk)[:MOST_STACKS]
    return [(one.pk, f"{one.host.name} / {one.name}") for one in rows]


@require_POST
def fingerprint(request: HttpRequest, stack_id: int) -> HttpResponse:
    operations.take_fingerprint(Actor.of_request(request), stack_id)
    messages.success(request, _("The fingerprint is taken."))
    return go_to(request, reverse("capsules:environment", args=[stack_id]))


@require_POST
def verify(request: HttpRequest, stack_id: int) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    form = VerifyForm(request.POST, request.FILES, stacks=_others(actor, stack))
    verdict = None
    if form.is_valid():
        try:
            verdict = _verdict(actor, stack, form)
        except (Invalid, Conflict) as error:
            form.blame(error)
            form.status = error.status
        except Unavailable as error:
            form.add_error(None, str(error))
            form.status = error.status
    return _environment(request, stack, form=form, verdict=verdict)


def _verdict(actor: Actor, stack: Stack, form: VerifyForm) -> Verdict:
    given = form.cleaned_data
    if given["lock"] is not None:
        # before what was uploaded is looked into
        require_taking(actor, stack)
        return operations.verify(actor, stack.pk, lock=parse_lock(given["lock"].read()))
    if given["stack"] is not None:
        return operations.verify_with(actor, stack.pk, given["stack"])
    return operations.verify(actor, stack.pk)


@never_cache
@require_safe
def lock(request: HttpRequest, stack_id: int) -> HttpResponse:
    found = operations.note_lock_download(require(request, Permission.STACK_VIEW), stack_id)
    if found is None:
        raise Missing(_("There is no fingerprint of it yet."))
    return lock_file(found)


# --- taking along ---


@require_http_methods(["GET", "HEAD", "POST"])
def take(request: HttpRequest, stack_id: int) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    release = stack.current
    volumes = list(taken_volumes(release.project)) if release is not None else []
    form = TakeForm(request.POST or None, volumes=volumes)
    if request.method == "POST" and form.is_valid():
        try:
            made = operations.make_capsule(actor, stack_id, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.blame(error)
            form.status = error.status
        else:
            assert made.job is not None
            return go_to(request, reverse("jobs:job", args=[made.job.number]))
    require(request, Permission.STACK_TAKE, on=stack)
    image_bytes, sizes = sizes_of(stack)
    context = {
        "stack": stack,
        "form": form,
        "deployed": release is not None,
        "image_bytes": image_bytes,
        "sizes": {name: sizes.get(name) for name in volumes},
        "capsules": visible_capsules(actor, stack=stack)[:SHOWN],
        "cli": take_commands(stack),
    }
    return render(request, "capsules/take.html", context, status=form.answer)


@require_safe
def capsules(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.STACK_VIEW)
    workspace = request.GET.get("workspace", "")[:40]
    table = table_of(request, visible_capsules(actor, workspace=workspace), sortable=SORTABLE, default="-made")
    context = {"table": table, "choice": choice_of(actor, workspace)}
    return page_or_part(request, "capsules/list.html", "capsules/_rows.html", context)


@never_cache
@require_safe
def download(request: HttpRequest, number: int) -> StreamingHttpResponse:
    return file_of(operations.note_download(require(request, Permission.STACK_VIEW), number))


@require_POST
def remove(request: HttpRequest, number: int) -> HttpResponse:
    operations.remove_capsule(Actor.of_request(request), number)
    messages.success(request, _("The capsule is removed."))
    return redirect("capsules:list")


# --- restoring ---


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Then it is shown what restoring it would mean."""
    actor = require(request, Permission.CONTAINER_DEPLOY)
    workspaces = [one.slug for one in workspaces_for(actor, Permission.CONTAINER_DEPLOY)]
    form = UploadForm(request.POST or None, request.FILES or None, workspaces=workspaces)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            file = cast("BinaryIO", given["capsule"].file)
            made = operations.upload_capsule(actor, file, workspace=given["workspace"])
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            hosts = [host.name for host in visible_hosts(actor)]
            first = {"host": hosts[0] if hosts else "", "name": made.stack_name, "volumes": "on"}
            return redirect(_restore_address(made, first))
    context = {"form": form, "capsules": visible_capsules(actor).filter(state=StackCapsule.State.KEPT)[:SHOWN]}
    return render(request, "capsules/upload.html", context, status=form.answer)


def _restore_address(capsule: StackCapsule, given: Mapping[str, Any]) -> str:
    query = {name: str(given[name])[:63] for name in ("host", "name", "volumes") if given.get(name)}
    return f"{reverse('capsules:restore', args=[capsule.number])}?{urlencode(query)}"


@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """By GET what it would mean, where a host is chosen; by POST it is done, or with ``plan`` it is planned anew."""
    actor = require(request, Permission.STACK_VIEW)
    capsule = get_capsule(actor, number)
    require(request, Permission.STACK_TAKE, on=capsule)
    hosts = [host.name for host in visible_hosts(actor)]
    given = request.POST if request.method == "POST" else request.GET
    if "plan" in request.POST:
        # asked for by POST, since what was typed beside it may be secret
        return redirect(_restore_address(capsule, given))
    plan, error = _plan(actor, capsule, given, hosts)
    missing = plan.missing if plan is not None else ()
    initial: dict[str, Any] = {"host": given.get("host", ""), "name": given.get("name", "") or capsule.stack_name}
    initial["volumes"] = bool(given.get("volumes")) if given else bool(capsule.volumes)
    form = RestoreForm(request.POST or None, hosts=hosts, missing=missing, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            stack = _restored(actor, capsule, form)
        except (Invalid, Conflict) as refused:
            form.blame(refused)
            form.status = refused.status
        else:
            newest = stack.newest
            assert newest is not None
            return go_to(request, reverse("jobs:job", args=[newest.job_id]))
    context = {
        "capsule": capsule,
        "form": form,
        "plan": plan,
        "steps": [step for step in plan.prepared.plan.steps if step.action is not Action.KEEP] if plan else [],
        "error": error,
        "cli": restore_commands(capsule),
    }
    status = form.answer if request.method == "POST" else 200
    return render(request, "capsules/restore.html", context, status=status)


def _plan(actor: Actor, capsule: StackCapsule, given: Any, hosts: list[str]) -> tuple[Restoring | None, str]:
    """None, and why, where it cannot be planned; nothing is said while no host was chosen."""
    host = given.get("host", "")[:63] or (hosts[0] if len(hosts) == 1 else "")
    name = given.get("name", "")[:63] or capsule.stack_name
    if host not in hosts:
        return None, ""
    with_volumes = bool(given.get("volumes")) if given else bool(capsule.volumes)
    try:
        return plan_restore(actor, capsule.number, host, name=name, with_volumes=with_volumes), ""
    except Denied:
        raise
    except ConsoleError as error:
        return None, str(error)


def _restored(actor: Actor, capsule: StackCapsule, form: RestoreForm) -> Stack:
    given = form.cleaned_data
    return operations.restore_capsule(
        actor,
        capsule.number,
        given["host"],
        name=given["name"],
        with_volumes=given["volumes"],
        over=given["over"],
        moves_names=given["moves_names"],
        secrets=form.secrets,
    )
