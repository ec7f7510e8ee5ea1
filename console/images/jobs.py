"""Handlers of image jobs. They run on the host's agent, without a database."""

import io
import json
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

from console.hosts.gateway import Engine
from console.images import transfers  # noqa: F401 - its handlers are registered by this
from console.images.base_judging import require_bases
from console.images.git import Repository, Source
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.jobs.progress import Board, LayerNews
from console.operations.errors import Missing, Unavailable
from console.operations.permissions import Permission

BUSYBOX = Path("/bin/busybox")
STARTER_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "/usr/bin", "/sbin", "/usr/sbin", "/tmp"]
RUN ["/bin/busybox", "--install", "-s"]
ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin
COPY hello /bin/hello
CMD ["/bin/hello"]
"""
STARTER_PROGRAM = """\
#!/bin/sh
echo "Hello, Naru. This is container $(hostname), running as $(id -un) on Linux $(uname -r)."
trap 'echo "Good bye."; exit 0' TERM
while :; do
    echo "$(date): still here"
    sleep 10 &
    wait $!
done
"""
EXECUTABLE = ("busybox", "hello")


@handler("image.build", permission=Permission.IMAGE_BUILD, retryable=True)
async def build(run: JobRun, args: Args) -> dict[str, Any]:
    """Repeating it is harmless: what an interrupted attempt built is in the engine's cache.

    The image gets no label of ours: the same Dockerfile gives the same image, whichever job built it.
    """
    with tempfile.TemporaryFile() as context:
        async with run.engine() as engine:
            commit = await _write_context(run, args, context, engine)
            context.seek(0)
            image_id = await _built(run, args, context, engine)
            for tag in (args["tag"], *args.get("tags", [])):
                found = await engine.find_image_id(tag)
                if found is None or (image_id and found != image_id):
                    raise Unavailable(f"the build ended, but {tag} is not the image that was built")
    return {"image": found, "tag": args["tag"], **({"commit": commit} if commit else {})}


async def _built(run: JobRun, args: Args, context: BinaryIO, engine: Engine) -> str:
    """The id of what was built, where the engine tells it. How far it got is on record however it ends."""
    image_id, board = "", Board()
    path = args.get("dockerfile_path", "Dockerfile")
    lines = engine.build(context, tag=args["tag"], dockerfile_path=path, options=_options(args), **_given(run, args))
    try:
        async for line in lines:
            image_id = line.image_id or image_id
            await run.write(line.text)
            if line.layer is not None:
                board.layer(LayerNews(*line.layer))
            _show_step(board, line.text, now_s=time.monotonic())
            run.progress(board.record())
    finally:
        board.tick(time.monotonic())
        await run.tell_progress(board.record())
    return image_id


@handler("image.remove", permission=Permission.IMAGE_REMOVE, retryable=True)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    async with run.engine() as engine:
        try:
            await engine.remove_image(args["engine_id"], force=bool(args.get("force")))
        except Missing:
            await run.write("It is gone already.\n")
        if await engine.find_image_id(args["engine_id"]) is not None:
            raise Unavailable("the engine said the image was removed, and still has it")
    await run.write(f"Removed image {args['engine_id'][:12]}.\n")
    return {}


def _given(run: JobRun, args: Args) -> dict[str, Any]:
    """What the build is given besides its context, secrets and passwords as values."""
    accounts = args.get("registries", {})
    return {
        "secrets": {name: run.resolved(value) for name, value in args.get("build_secrets", {}).items()},
        "registries": {
            address: {**account, "password": run.resolved(account["password"])} for address, account in accounts.items()
        },
    }


def _options(args: Args) -> dict[str, Any]:
    """Docker's names for what else the build is told."""
    given = {
        "t": [args["tag"], *args.get("tags", [])] if args.get("tags") else args["tag"],
        "buildargs": json.dumps(args["build_args"]) if args.get("build_args") else "",
        "labels": json.dumps(args["labels"]) if args.get("labels") else "",
        "target": args.get("target", ""),
        "platform": args.get("platform", ""),
        "nocache": "1" if args.get("no_cache") else "",
        "pull": "1" if args.get("pull") else "",
    }
    return {name: value for name, value in given.items() if value}


async def _write_context(run: JobRun, args: Args, into: BinaryIO, engine: Engine) -> str:
    """The commit, where it comes from a repository."""
    if args.get("git"):
        return await _clone(run, args, into, engine)
    if args.get("starter"):
        _tar(
            into,
            {"Dockerfile": STARTER_DOCKERFILE.encode(), "busybox": _own_busybox(), "hello": STARTER_PROGRAM.encode()},
        )
    elif "context" in args:
        await run.read_blob(args["context"], into)
    else:
        _tar(into, {"Dockerfile": args["dockerfile"].encode()})
    return ""


async def _clone(run: JobRun, args: Args, into: BinaryIO, engine: Engine) -> str:
    git = args["git"]
    source = Source(**{**git, "password": run.resolved(git.get("password", ""))})
    with tempfile.TemporaryDirectory(prefix="naru-git-") as folder:
        repository = Repository(Path(folder), source)
        await run.write(f"Fetching {source.url} {source.ref}\n")
        await repository.fetch()
        await run.write(f"Commit {repository.commit}\n")
        dockerfile = await repository.dockerfile(args.get("dockerfile_path", "Dockerfile"))
        await require_bases(engine, dockerfile, args.get("bases", {}), build_args=args.get("build_args", {}))
        await repository.archive(into)
    return repository.commit


def _own_busybox() -> bytes:
    try:
        return BUSYBOX.read_bytes()
    except OSError as error:
        raise Missing(f"{BUSYBOX} is not on this host; install the package busybox-static") from error


def _tar(into: BinaryIO, files: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=into, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755 if name in EXECUTABLE else 0o644
            tar.addfile(info, io.BytesIO(content))


def _show_step(board: Board, text: str, *, now_s: float) -> None:
    """ "Step 2/5 : RUN make" is how engines tell how far a build is."""
    if text.startswith(" ---> Using cache"):
        board.cached()
    if text.startswith("Step "):
        step, _slash, rest = text.removeprefix("Step ").partition("/")
        steps, _colon, what = rest.partition(" : ")
        if step.isdigit() and steps.isdigit():
            board.step(int(step), of=int(steps), what=what.strip(), now_s=now_s)
