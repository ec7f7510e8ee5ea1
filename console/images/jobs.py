"""Handlers of image jobs. They run on the host's agent, without a database."""

import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

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
        await _write_context(run, args, context)
        context.seek(0)
        image_id, board = "", Board()
        async with run.engine() as engine:
            path = args.get("dockerfile_path", "Dockerfile")
            lines = engine.build(context, tag=args["tag"], dockerfile_path=path, **_given(run, args))
            async for line in lines:
                image_id = line.image_id or image_id
                await run.write(line.text)
                if line.layer is not None:
                    board.layer(LayerNews(*line.layer))
                _show_step(board, line.text)
                run.progress(board.record())
            found = await engine.find_image_id(args["tag"])
        if found is None or (image_id and found != image_id):
            raise Unavailable(f"the build ended, but {args['tag']} is not the image that was built")
    return {"image": found, "tag": args["tag"]}


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


async def _write_context(run: JobRun, args: Args, into: BinaryIO) -> None:
    if args.get("starter"):
        _tar(
            into,
            {"Dockerfile": STARTER_DOCKERFILE.encode(), "busybox": _own_busybox(), "hello": STARTER_PROGRAM.encode()},
        )
    elif "context" in args:
        await run.read_blob(args["context"], into)
    else:
        _tar(into, {"Dockerfile": args["dockerfile"].encode()})


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


def _show_step(board: Board, text: str) -> None:
    """ "Step 2/5 : RUN make" is how engines tell how far a build is."""
    if text.startswith("Step "):
        step, _slash, rest = text.removeprefix("Step ").partition("/")
        steps, _colon, what = rest.partition(" : ")
        if step.isdigit() and steps.isdigit():
            board.step(int(step), of=int(steps), what=what.strip())
