"""Pieces of kept files on their way between a host's job and the console: which job they are of, and where they go."""

from console.jobs import freight
from console.jobs.facts import Fact
from console.jobs.kept import KeptFiles
from console.jobs.models import Job


def running_job(host_name: str, fact: Fact, kind: str) -> Job | None:
    """The job that the fact is about, if the host is at work on that very attempt of it."""
    job = Job.objects.filter(pk=fact["job"], host__name=host_name, kind=kind, state=Job.State.RUNNING).first()
    return job if job is not None and job.attempt == fact["attempt"] else None


def keep_piece(files: KeptFiles, of: int, job: Job, fact: Fact) -> None:
    """Harmless to repeat: a piece that was taken is not there any more. One that is missing is found out at the end.

    ``of`` is the file's number; ``job`` says how large it may become.
    """
    number, offset = int(fact["number"]), int(fact["offset"])
    piece = freight.take(job.pk, job.attempt, number, sha256=str(fact["sha256"]))
    fits = offset == 0 or offset == files.coming_bytes(of)
    if piece is not None and fits and offset + len(piece) <= int(job.args["most_bytes"]):
        files.write_piece(of, offset, piece)
    freight.taken(job.pk, job.attempt, number)


def give_piece(files: KeptFiles, of: int, job: Job, fact: Fact) -> None:
    """The one that the job asks for."""
    number = int(fact["number"])
    piece = files.read_piece(of, number * freight.PIECE_BYTES, freight.PIECE_BYTES)
    freight.give(job.pk, job.attempt, number, piece)
