"""Images as archives: import, load, save."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

from aiohttp import web

from engine.api.call import Call
from engine.api.registry import pull
from engine.api.replies import JsonLines
from engine.images.archives import LoadProgress
from engine.model.digest import Digest
from engine.model.errors import Invalid, Unsupported
from engine.model.platform import Platform
from engine.model.reference import Reference


async def create(call: Call) -> web.StreamResponse:
    """``docker pull`` by ``fromImage``, ``docker import`` by ``fromSrc``."""
    if name := call.query.text("fromImage"):
        return await pull(call, name)
    source = call.query.text("fromSrc")
    if not source:
        raise Invalid("fromImage or fromSrc: one of them is wanted")
    return await _import(call, source)


async def _import(call: Call, source: str) -> web.StreamResponse:
    """``source`` is an address, or "-" for the body."""
    repository, tag = call.query.text("repo"), call.query.text("tag")
    platform = call.query.text("platform")
    reference = Reference.parse(f"{repository}:{tag}" if tag else repository) if repository else None
    async with JsonLines(call.request) as lines, AsyncExitStack() as held:
        chunks = call.body_chunks()
        if source != "-":
            address = source if "://" in source else f"http://{source}"
            await lines.write({"status": f"Downloading from {address.partition('?')[0]}"})
            chunks = await held.enter_async_context(call.parts.builder.archive(address))
        image = await call.parts.archives.import_rootfs(
            chunks,
            reference=reference,
            changes=tuple(call.lines("changes")),
            message=call.query.text("message"),
            platform=Platform.parse(platform) if platform else None,
        )
        await lines.write({"status": str(image.id)})
    return lines.response


async def load(call: Call) -> web.StreamResponse:
    if call.query.text("platform"):
        raise Unsupported("platform: choosing a platform when loading is not supported")
    async with JsonLines(call.request) as lines:
        progress: asyncio.Queue[LoadProgress] = asyncio.Queue()
        show = None if call.query.flag("quiet") else progress.put_nowait
        if show is not None:  # skopeo, which is quiet, takes the beginning of the answer for the end of its sending
            await lines.begin()
        loading = asyncio.create_task(_load(call, show))
        try:
            while not loading.done() or not progress.empty():
                if (step := await _next(progress, loading)) is not None:
                    await lines.write(_encode_progress(step))
            await lines.begin()  # Docker's clients look for what is wrong with an archive in the stream
            for loaded in loading.result():
                await lines.write({"stream": _loaded_text(loaded)})
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError, Exception):  # told above, if anybody is still there to be told
                await loading
    return lines.response


async def _load(call: Call, show: object) -> list[Reference | Digest]:
    on_progress = show if callable(show) else None
    return list(await call.parts.archives.load(call.body_chunks(), on_progress=on_progress))


async def _next(
    progress: "asyncio.Queue[LoadProgress]", loading: asyncio.Task[list[Reference | Digest]]
) -> LoadProgress | None:
    """The next step, or None when loading is over first."""
    step = asyncio.ensure_future(progress.get())
    try:
        await asyncio.wait({step, loading}, return_when=asyncio.FIRST_COMPLETED)
        return step.result() if step.done() else None
    finally:
        step.cancel()


def _encode_progress(step: LoadProgress) -> dict[str, object]:
    return {
        "status": "Loading layer",
        "progressDetail": {"current": step.current_bytes, "total": step.total_bytes},
        "id": step.layer.short,
    }


def _loaded_text(loaded: Reference | Digest) -> str:
    if isinstance(loaded, Digest):
        return f"Loaded image ID: {loaded}\n"
    return f"Loaded image: {loaded.familiar}\n"


async def save_one(call: Call) -> web.StreamResponse:
    return await _save(call, [call.name])


async def save_many(call: Call) -> web.StreamResponse:
    names = [name for value in call.values("names") for name in value.split(",") if name]
    if not names:
        raise Invalid("names: at least one image is needed")
    return await _save(call, names)


async def _save(call: Call, names: list[str]) -> web.StreamResponse:
    if call.query.text("platform"):
        raise Unsupported("platform: choosing a platform when saving is not supported")
    chunks: AsyncIterator[bytes] = call.parts.archives.save(names)
    response = web.StreamResponse(headers={"Content-Type": "application/x-tar"})
    await response.prepare(call.request)
    async for chunk in chunks:
        await response.write(chunk)
    return response
