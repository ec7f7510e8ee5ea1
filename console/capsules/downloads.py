"""A capsule on its way to whoever takes it away."""

from functools import partial

from django.http import HttpResponse, StreamingHttpResponse

from console.capsules.files import files
from console.capsules.models import EnvironmentLock, StackCapsule
from console.web.streaming import file_pieces


def file_of(capsule: StackCapsule) -> StreamingHttpResponse:
    """Piece by piece. Missing when it is not there any more."""
    files.open_kept(capsule.pk).close()
    response = StreamingHttpResponse(
        file_pieces(partial(files.open_kept, capsule.pk)), content_type="application/x-tar"
    )
    response["Content-Disposition"] = f'attachment; filename="{capsule.file_name}"'
    response["Content-Length"] = str(capsule.size_bytes)
    response["X-Content-SHA256"] = capsule.sha256
    return response


def lock_file(found: EnvironmentLock) -> HttpResponse:
    response = HttpResponse(found.lock.text(), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.stack.name}.env.lock"'
    return response
