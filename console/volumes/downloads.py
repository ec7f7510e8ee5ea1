"""A backup's tar on its way to whoever takes it away."""

from functools import partial

from django.http import StreamingHttpResponse

from console.volumes.files import files
from console.volumes.models import Backup
from console.web.streaming import file_pieces


def file_of(backup: Backup) -> StreamingHttpResponse:
    """Piece by piece: a server that answers many at once would take a whole file that is read in its own way into
    memory. Missing when it is not there any more.
    """
    files.open_kept(backup.pk).close()
    name = f"{backup.volume_name}-{backup.created_at:%Y%m%d-%H%M}.tar"
    response = StreamingHttpResponse(file_pieces(partial(files.open_kept, backup.pk)), content_type="application/x-tar")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(backup.size_bytes)
    response["X-Content-SHA256"] = backup.sha256
    return response
