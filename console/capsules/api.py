"""Two nouns of one app: environments of stacks, by their fingerprints, and capsules."""

import json
from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Body, File, Form, Path, Query, Router
from ninja.files import UploadedFile

from console.capsules import operations
from console.capsules.downloads import file_of
from console.capsules.locks.document import parse_lock
from console.capsules.queries import get_capsule as find_capsule
from console.capsules.queries import visible_capsules
from console.capsules.restoring import plan_restore
from console.capsules.schemas import (
    CapsuleGiven,
    CapsuleQuery,
    LockShown,
    RestoreCapsuleGiven,
    RestoredShown,
    RestorePlanQuery,
    RestorePlanShown,
    StackCapsuleShown,
    UploadCapsuleGiven,
    VerdictShown,
    VerifyGiven,
)
from console.operations.errors import Invalid, Missing
from console.operations.permissions import Permission
from console.rest.answers import TAR, accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, listing
from console.web.permits import require_held

environments = Router()
capsules = Router()
STACK = "stacks/{stack_id}"
ONE = "capsules/{number}"


@environments.get(f"{STACK}/lock", response=LockShown)
def get_environment_lock(request: HttpRequest, stack_id: Path[Number]) -> LockShown:
    """The newest fingerprint, with its env.lock. That it was taken is on record."""
    actor = require_held(actor_of(request), Permission.STACK_VIEW)
    found = operations.note_lock_download(actor, stack_id)
    if found is None:
        raise Missing(_("There is no fingerprint of it yet."))
    return LockShown.of(found)


@environments.post(f"{STACK}/lock", response={201: LockShown})
def take_fingerprint(request: HttpRequest, response: HttpResponse, stack_id: Path[Number]) -> LockShown:
    """Look at what runs now."""
    found = operations.take_fingerprint(actor_of(request), stack_id)
    accepted(response, reverse("api:get_environment_lock", args=[stack_id]))
    return LockShown.of(found)


@environments.post(f"{STACK}/verify", response=VerdictShown)
def verify_environment(
    request: HttpRequest,
    stack_id: Path[Number],
    given: Body[VerifyGiven] = VerifyGiven(lock=None, stack=None),  # noqa: B008 - when there is no body
) -> VerdictShown:
    """Is what runs what the lock says, or another stack is? The host is looked at."""
    actor = actor_of(request)
    if given.lock is not None and given.stack is not None:
        raise Invalid(_("Give a lock or a stack, not both."), field="lock")
    if given.stack is not None:
        return VerdictShown.of(operations.verify_with(actor, stack_id, given.stack))
    lock = parse_lock(json.dumps(given.lock).encode()) if given.lock is not None else None
    return VerdictShown.of(operations.verify(actor, stack_id, lock=lock))


@environments.post(f"{STACK}/capsules", response={202: StackCapsuleShown})
def make_capsule(
    request: HttpRequest,
    response: HttpResponse,
    stack_id: Path[Number],
    given: Body[CapsuleGiven] = CapsuleGiven(keep_days=None, stops=False),  # noqa: B008 - when there is no body
) -> StackCapsuleShown:
    """Have the console keep the stack in one file. `job` is the work."""
    made = operations.make_capsule(actor_of(request), stack_id, **given.model_dump())
    accepted(response, reverse("api:get_capsule", args=[made.pk]))
    return StackCapsuleShown.of(made)


@capsules.get("capsules", response=Listing[StackCapsuleShown])
def list_capsules(request: HttpRequest, wanted: Query[CapsuleQuery]) -> Listing[StackCapsuleShown]:
    """Newest first."""
    actor = require_held(actor_of(request), Permission.STACK_VIEW)
    rows = visible_capsules(actor, workspace=wanted.workspace)
    return listing(rows, wanted, by="-pk", show=StackCapsuleShown.of)


@capsules.post("capsules", response={201: StackCapsuleShown})
def upload_capsule(
    request: HttpRequest, response: HttpResponse, given: Form[UploadCapsuleGiven], capsule: File[UploadedFile]
) -> StackCapsuleShown:
    """All of it is looked through before it is kept."""
    file = cast("BinaryIO", capsule.file)
    made = operations.upload_capsule(actor_of(request), file, **given.model_dump())
    accepted(response, reverse("api:get_capsule", args=[made.pk]))
    return StackCapsuleShown.of(made)


@capsules.get(ONE, response=StackCapsuleShown)
def get_capsule(request: HttpRequest, number: Path[Number]) -> StackCapsuleShown:
    return StackCapsuleShown.of(find_capsule(require_held(actor_of(request), Permission.STACK_VIEW), number))


@capsules.delete(ONE, response={204: None})
def remove_capsule(request: HttpRequest, number: Path[Number]) -> None:
    """For good."""
    operations.remove_capsule(actor_of(request), number)


@capsules.get(f"{ONE}/file", openapi_extra=TAR)
def download_capsule(request: HttpRequest, number: Path[Number]) -> StreamingHttpResponse:
    """The file. That it was taken is on record."""
    actor = require_held(actor_of(request), Permission.STACK_VIEW)
    return file_of(operations.note_download(actor, number))


@capsules.get(f"{ONE}/plan", response=RestorePlanShown)
def plan_capsule(request: HttpRequest, number: Path[Number], wanted: Query[RestorePlanQuery]) -> RestorePlanShown:
    """What restoring it on a host would mean. The host is looked at; nothing is done."""
    actor = require_held(actor_of(request), Permission.STACK_VIEW)
    found = plan_restore(actor, number, wanted.host, name=wanted.name, with_volumes=wanted.volumes)
    return RestorePlanShown.of(found)


@capsules.post(f"{ONE}/restore", response={202: RestoredShown})
def restore_capsule(
    request: HttpRequest, response: HttpResponse, number: Path[Number], given: RestoreCapsuleGiven
) -> RestoredShown:
    """Make a stack of it."""
    asked = given.model_dump()
    host, with_volumes = asked.pop("host"), asked.pop("volumes")
    stack = operations.restore_capsule(actor_of(request), number, host, with_volumes=with_volumes, **asked)
    accepted(response, reverse("api:get_stack", args=[stack.pk]))
    return RestoredShown.of(stack)
