"""The handler that fetches a stack's files. It runs on the host's agent, without a database."""

import tempfile
from pathlib import Path
from typing import Any, Final

from console.images.git import Repository, Source
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.permissions import Permission
from console.origins.gathering import Wanted, gather

# one commit of it, packed
MOST_FETCHED_BYTES: Final = 256 << 20


@handler("stack.fetch", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def fetch(run: JobRun, args: Args) -> dict[str, Any]:
    """Nothing happens to the host's containers. What was read is told to the console, and is nowhere else."""
    git = args["git"]
    source = Source(git["url"], git["ref"], "", git["username"], run.resolved(git["password"]))
    wanted = Wanted(args["begin"], args["paths"], args["directory"], args["project"], args["env"], args["profiles"])
    with tempfile.TemporaryDirectory(prefix="naru-git-") as folder:
        repository = Repository(Path(folder), source, most_bytes=MOST_FETCHED_BYTES)
        await run.write(f"Fetching {source.url} {source.ref}\n")
        await repository.fetch()
        subject, author, at = await repository.summary()
        await run.write(f"Commit {repository.commit}\n{subject}\n")
        found = await gather(repository, wanted)
    for path in sorted(found.files):
        await run.write(f"read {path}\n")
    commit = {"id": repository.commit, "subject": subject, "author": author, "at": at}
    about = {"job": run.job, "attempt": run.attempt}
    await run.tell("stack.fetched", **about, commit=commit, files=dict(found.files), paths=list(found.paths))
    return {"commit": repository.commit, "files": sorted(found.files)}
