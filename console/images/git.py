"""A git repository as a build's context, fetched on the host by the ``git`` program.

Nothing is ever checked out: one commit is fetched into a bare repository, and its tree written as a tar
(git-archive(1)). So no hook, filter, submodule or symlink of the repository gets to do anything. Git speaks https (http
where that was written) with the very addresses that console.outbound has checked, follows no redirect, and finds
nothing of the machine's own settings. Who signs in is told to it by its environment, where no other user can read it.
"""

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.utils.translation import gettext as _

from console.operations.errors import Conflict, Invalid, Unavailable
from console.outbound.addresses import Target, parse_url
from console.outbound.client import reached

REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,254}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_VERSION: Final = re.compile(rb"git version (\d+)\.(\d+)")
# the first that can be told which address to connect to
_LEAST_VERSION: Final = (2, 37)
_FETCH_S: Final = 900.0
_QUICK_S: Final = 60.0
_MOST_BYTES: Final = 2 << 30
_CHUNK_BYTES: Final = 1 << 18
_MOST_COMPLAINT: Final = 400
_DOCKERFILE_BYTES: Final = 256 * 1024
# attributes of the repository would leave files out or change them; these come before them (gitattributes(5))
_ATTRIBUTES: Final = "* -export-ignore -export-subst -text -ident -filter -working-tree-encoding\n"
_SETTINGS: Final = {
    "protocol.allow": "never",
    "http.followRedirects": "false",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "tar.umask": "0022",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "30",
}


@dataclass(frozen=True, slots=True)
class Source:
    """``ref`` empty: the remote's HEAD; ``directory`` empty: its root. ``password`` as it is."""

    url: str
    ref: str = ""
    directory: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


def checked_source(url: str, *, ref: str = "", directory: str = "") -> dict[str, str]:
    """A job's arguments, without credentials. Invalid names ``git_url``, ``git_ref`` or ``git_directory``."""
    parse_url(url.strip(), field="git_url")
    if ref and (not REF.fullmatch(ref) or ".." in ref or ref.endswith(".lock")):
        raise Invalid(_("“%(ref)s” is no branch, tag or commit.") % {"ref": ref[:80]}, field="git_ref")
    parts = [part for part in directory.strip().split("/") if part not in ("", ".")]
    if ".." in parts or any(ord(letter) < 32 or letter in ":\\" for letter in directory):
        raise Invalid(_("“%(name)s” leads out of the repository.") % {"name": directory[:80]}, field="git_directory")
    return {"url": url.strip(), "ref": ref, "directory": "/".join(parts)}


@dataclass(slots=True)
class Repository:
    """``directory`` is private to it and empty. ``commit`` is what was fetched."""

    directory: Path
    source: Source
    commit: str = ""
    # of each file that git writes, which is all that was fetched in one
    most_bytes: int = _MOST_BYTES

    async def fetch(self) -> None:
        """Raises Invalid with git's own words, Refused for an address that is not to be asked, Unavailable."""
        await self._require_version()
        target, addresses = await asyncio.to_thread(reached, self.source.url, field="git_url")
        await self._done("init", "--quiet", "--bare", "--template=", str(self.directory))
        (self.directory / "info").mkdir(exist_ok=True)
        (self.directory / "info" / "attributes").write_text(_ATTRIBUTES)
        settings = {f"protocol.{target.scheme}.allow": "always", **self._credentials()}
        settings["http.curloptResolve"] = _resolved(target, [str(one) for one in addresses])
        found = await self._fetched(settings)
        commit = await self._done("rev-parse", "--verify", "--quiet", "--end-of-options", f"{found}^{{commit}}")
        self.commit = commit.decode("ascii", "replace").strip()

    async def dockerfile(self, path: str) -> str:
        """Its text. Invalid (``dockerfile_path``) unless it is a plain file."""
        full = "/".join(part for part in (self.source.directory, path) if part)
        size_bytes = await self.size_of(full)
        if size_bytes is None:
            raise Invalid(_("There is no “%(path)s” in the context.") % {"path": full}, field="dockerfile_path")
        if size_bytes > _DOCKERFILE_BYTES:
            raise Invalid(_("The Dockerfile is longer than 256 KiB."), field="dockerfile_path")
        return (await self.content_of(full)).decode(errors="replace")

    async def size_of(self, path: str) -> int | None:
        """Of a plain file at a path below the root; None for what is none, such as a link."""
        entry = await self._done("--literal-pathspecs", "ls-tree", "-z", "--long", self.commit, "--", path)
        facts, _tab, name = entry.partition(b"\0")[0].partition(b"\t")
        if not facts.startswith((b"100644 blob", b"100755 blob")) or name != path.encode():
            return None
        return int(facts.split()[-1])

    async def content_of(self, path: str) -> bytes:
        """Of a plain file, all of it: whoever asks has looked at ``size_of``."""
        return await self._done("cat-file", "blob", f"{self.commit}:{path}")

    async def summary(self) -> tuple[str, str, str]:
        """The commit's first line and its author, at most 200 letters each, and its time (ISO 8601)."""
        words = "%x00".join(("%<(200,trunc)%s", "%<(200,trunc)%an", "%aI"))
        told = await self._done(
            "log", "-1", "--no-show-signature", "--encoding=UTF-8", f"--format={words}", self.commit
        )
        subject, author, at = (told.decode(errors="replace").split("\0") + ["", ""])[:3]
        return subject.strip()[:200], author.strip()[:200], at.strip()[:40]

    async def archive(self, into: BinaryIO) -> None:
        """Its files as a tar of at most 2 GiB."""
        below = f":{self.source.directory}" if self.source.directory else ""
        process = await self._start("archive", "--format=tar", f"{self.commit}{below}")
        assert process.stdout is not None
        size = 0
        try:
            while chunk := await _chunk_of(process.stdout):
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise Invalid(_("The context unpacks to more than 2 GiB."), field="git_url")
                await asyncio.to_thread(into.write, chunk)
            complaint = await _ended(process, limit_s=_QUICK_S)
        finally:
            _kill(process)
        if process.returncode:
            raise Invalid(_("git: %(why)s") % {"why": complaint}, field="git_directory")

    async def _fetched(self, settings: Mapping[str, str]) -> str:
        """Fetch; the name by which git knows what came."""
        url, ref = self.source.url, self.source.ref or "HEAD"
        fetch = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
        try:
            await self._done(*fetch, "--depth=1", "--", url, ref, settings=settings, limit_s=_FETCH_S)
        except Invalid:
            if not _COMMIT.fullmatch(ref):
                raise
            # not every server gives out a commit by its name: then all branches, and the commit must be on one
            await self._done(*fetch, "--", url, "+refs/heads/*:refs/heads/*", settings=settings, limit_s=_FETCH_S)
            return ref
        return "FETCH_HEAD"

    def _credentials(self) -> dict[str, str]:
        if not self.source.username:
            return {}
        pair = f"{self.source.username}:{self.source.password}".encode()
        return {"http.extraHeader": f"Authorization: Basic {base64.b64encode(pair).decode()}"}

    async def _require_version(self) -> None:
        match = _VERSION.match(await self._done("version"))
        if match is None or (int(match[1]), int(match[2])) < _LEAST_VERSION:
            raise Conflict(_("The host's git is older than 2.37: it cannot be told which address to connect to."))

    async def _done(
        self, *arguments: str, settings: Mapping[str, str] | None = None, limit_s: float = _QUICK_S
    ) -> bytes:
        process = await self._start(*arguments, settings=settings)
        try:
            async with asyncio.timeout(limit_s):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            raise Unavailable(_("git did not end in time.")) from error
        finally:
            _kill(process)
        if process.returncode:
            raise Invalid(_("git: %(why)s") % {"why": _words(complaint)}, field="git_url")
        return output

    async def _start(self, *arguments: str, settings: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
        limits = ("prlimit", f"--fsize={self.most_bytes}", "--core=0", "--")
        place = () if arguments[0] in ("init", "version") else ("--git-dir", str(self.directory))
        try:
            return await asyncio.create_subprocess_exec(
                *limits,
                "git",
                *place,
                *arguments,
                env=_environment({**_SETTINGS, **(settings or {})}, home=self.directory),
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise Conflict(_("This host has no git: install it, or upload the folder.")) from error


def _environment(settings: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Nothing of the agent's own: no proxy, no settings, no helper that knows passwords."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def _resolved(target: Target, addresses: Sequence[str]) -> str:
    """As curl takes it (CURLOPT_RESOLVE)."""
    written = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
    return f"{target.host}:{target.port}:{written}"


async def _chunk_of(stream: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_QUICK_S):
        return await stream.read(_CHUNK_BYTES)


async def _ended(process: asyncio.subprocess.Process, *, limit_s: float) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(limit_s):
        complaint = await process.stderr.read(_MOST_COMPLAINT * 4)
        await process.wait()
    return _words(complaint)


def _words(complaint: bytes) -> str:
    text = " ".join(complaint.decode(errors="replace").split())
    return text.removeprefix("fatal: ")[:_MOST_COMPLAINT] or "it failed"


def _kill(process: Any) -> None:
    if process.returncode is None:
        process.kill()
