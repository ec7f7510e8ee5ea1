"""Git repositories as build contexts and for ADD, by the ``git`` program of the host.

Nothing is ever checked out: one commit is fetched into a bare repository, and its tree read as a tar (git-archive(1))
into an index, as a client's context is. So no hook, filter, submodule or symlink of the repository gets to do
anything. Git may speak https (http where that was written) with the very address that was checked, and nothing else.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from engine.build.context import Context, received_context
from engine.build.download import outbound_to, parse_url
from engine.build.sources import path_inside
from engine.build.threads import in_thread
from engine.config import RegistryConfig
from engine.host.confined import room_for_archive
from engine.host.processes import Completed, run
from engine.model.errors import Invalid, Unavailable, Unsupported
from engine.registry.outbound import permitted_addresses

_FETCH_S = 900
_QUICK_S = 60
_CHUNK = 1 << 18
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,254}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OTHER = re.compile(r"(?:git|ssh|ftp|file)://|git@", re.IGNORECASE)
_KNOWN_HOSTS = re.compile(r"github\.com/[^/]+/[^/]+")
# attributes of the repository would leave files out or change them; these come before them (gitattributes(5))
_ATTRIBUTES = "* -export-ignore -export-subst -text -ident -filter -working-tree-encoding\n"
_SETTINGS = (
    "protocol.allow=never", "http.followRedirects=false", "core.hooksPath=/dev/null", "core.fsmonitor=false",
    "credential.helper=", "fetch.recurseSubmodules=false", "gc.auto=0",
    "maintenance.auto=false", "tar.umask=0022", "http.lowSpeedLimit=1", "http.lowSpeedTime=30",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repository:
    """``ref`` "" is the remote's HEAD; ``directory`` "" its root."""

    url: URL
    ref: str = ""
    directory: str = ""

    @property
    def fetched(self) -> str:
        return self.ref or "HEAD"


def find_repository(text: str, *, is_context: bool = False) -> Repository | None:
    """What ``text`` names if it is a repository: ``https://HOST/PATH.git[#REF[:DIRECTORY]]``; as a context also
    ``github.com/NAME/NAME``. Raises Unsupported for the ways of git that have no checked address, Invalid."""
    if _OTHER.match(text):
        raise Unsupported(f"{text[:80]!r}: of git's ways only https://HOST/PATH.git is supported here, without a user")
    address, _, fragment = text.partition("#")
    if is_context and _KNOWN_HOSTS.match(address):
        address = f"https://{address}"
    elif not re.match(r"https?://", address, re.IGNORECASE) or not URL(address).path.endswith(".git"):
        return None
    ref, _, directory = fragment.partition(":")
    if ref and (not _REF.fullmatch(ref) or ".." in ref or ref.endswith(".lock")):
        raise Invalid(f"{ref[:80]!r} is no branch, tag or commit of git")
    return Repository(parse_url(address), ref, path_inside(directory))


@asynccontextmanager
async def fetched(
    repository: Repository, directory: Path, *, config: RegistryConfig, keeps_git: bool = False
) -> AsyncIterator[Context]:
    """Its files, as long as the block lasts; ``directory`` is private, and ``directory/.git`` is made in it, with
    ``keeps_git`` as a clone has it. Raises Invalid, Denied, Unavailable.
    """
    git = _Git(directory / ".git", room=await in_thread(room_for_archive, directory))
    await git.make()
    await git.fetch(repository, config)
    async with AsyncExitStack() as held:
        chunks = await held.enter_async_context(contextlib.aclosing(git.archive()))
        context = await held.enter_async_context(received_context(chunks, spool_root=directory))
        if keeps_git:
            await git.furnish(repository)
        yield context.below(repository.directory) if repository.directory else context


class _Git:
    """``room``: no file that git writes may be larger. ``commit`` is what was fetched."""

    def __init__(self, directory: Path, *, room: int) -> None:
        self._directory = directory
        self._room = room
        self.commit = ""

    async def make(self) -> None:
        await self.do("init", "--quiet", "--bare", "--template=", str(self._directory))
        await in_thread((self._directory / "info").mkdir, exist_ok=True)
        await in_thread((self._directory / "info" / "attributes").write_text, _ATTRIBUTES)

    async def fetch(self, repository: Repository, config: RegistryConfig) -> None:
        url = repository.url
        settings = [f"protocol.{url.scheme}.allow=always", *await _where_to(url, config)]
        fetch = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
        done = await self._run(*fetch, "--depth=1", "--", str(url), repository.fetched, settings=settings)
        found = "FETCH_HEAD"
        if done.returncode and _COMMIT.fullmatch(repository.ref):
            # not every server gives out a commit by its name: then all branches, and the commit must be on one
            found = repository.ref
            done = await self._run(*fetch, "--", str(url), "+refs/heads/*:refs/heads/*", settings=settings)
        if not done.returncode:
            done = await self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{found}^{{commit}}")
            self.commit = done.stdout.decode("ascii", "replace").strip()
        if done.returncode:
            raise Invalid(f"failed to fetch {url}#{repository.ref}: {_complaint(done)}")

    async def archive(self) -> AsyncGenerator[bytes, None]:
        """The fetched commit as a tar, all entries dated as the commit is."""
        process = await asyncio.create_subprocess_exec(
            *self._command("archive", "--format=tar", self.commit),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=_environment(), cwd="/",
        )  # fmt: skip
        try:
            assert process.stdout is not None
            while piece := await process.stdout.read(_CHUNK):
                yield piece
            if await process.wait():
                raise Unavailable(f"git archive ended with {process.returncode}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def furnish(self, repository: Repository) -> None:
        """HEAD at the commit, an index that has all its files, and the origin, as a clone has them."""
        await self.do("config", "core.bare", "false")
        await self.do("config", "remote.origin.url", str(repository.url))
        await self.do("update-ref", "--no-deref", "HEAD", self.commit)
        await self.do("read-tree", self.commit)
        for name in ("FETCH_HEAD", "info/attributes"):
            await in_thread((self._directory / name).unlink, missing_ok=True)

    async def do(self, *words: str) -> None:
        done = await self._run(*words)
        if done.returncode:
            raise Unavailable(f"git {words[0]}: {_complaint(done)}")

    async def _run(self, *words: str, settings: list[str] | tuple[str, ...] = ()) -> Completed:
        timeout_s = _FETCH_S if words[0] == "fetch" else _QUICK_S
        command = ["prlimit", f"--fsize={self._room}", *self._command(*words, settings=settings)]
        return await run(command, timeout_s=timeout_s, env=_environment(), cwd=Path("/"))

    def _command(self, *words: str, settings: list[str] | tuple[str, ...] = ()) -> list[str]:
        given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
        where = [] if words[0] == "init" else ["--git-dir", str(self._directory)]
        return ["git", *given, *where, *words]


async def _where_to(url: URL, config: RegistryConfig) -> list[str]:
    """The settings that keep git to addresses that were checked, and to our authorities."""
    host = url.host or ""
    addresses = await permitted_addresses(outbound_to(url, config).reach, url)
    bracketed = [f"[{address}]" if ":" in address else address for address in addresses]
    settings = [f"http.curloptResolve={host}:{url.port}:{','.join(bracketed)}"]
    if config.ca_file is not None:
        settings.append(f"http.sslCAInfo={config.ca_file}")
    return settings


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_NO_LAZY_FETCH": "1",
    }


def _complaint(done: Completed) -> str:
    text = done.stderr.decode("utf-8", "replace").strip()
    return text[-500:] or f"git ended with {done.returncode}"
