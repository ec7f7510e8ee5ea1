"""Putting the entries of a tar archive on disk, below ``/``: runs inside the chroot of ``confined_worker``.

Every path here is absolute and the kernel resolves it inside the chroot, so a symlink in the archive can lead nowhere
else. Whiteouts (OCI image-spec, layer.md, "Whiteouts") become what overlayfs reads (kernel, overlayfs.rst,
"whiteouts and opaque directories"): ``.wh.name`` a character device 0:0 called ``name``; a directory with
``.wh..wh..opq`` is reported as opaque, because setting trusted.overlay.opaque takes a capability that is gone here.
"""

# Names are bytes here, and Path holds text only:
# ruff: noqa: PTH101, PTH102, PTH108, PTH112, PTH114, PTH116, PTH211
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.host.archive import Entry, Kind, Limits, TarReader
from engine.host.removal import remove_tree
from engine.model.errors import EngineError, Invalid, Missing, TooLarge, Unavailable

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
WHITEOUT_RESERVED = b".wh..wh."  # aufs's own files: of no meaning to anyone else
_WHITEOUT_TYPE = stat.S_IFCHR
_NEW_DIRECTORY = 0o755
_PERMISSIONS = 0o777
_ROOT = (0, 0)
_OLDEST, _NEWEST = -(1 << 31), (1 << 34) - 1  # seconds ext4 can hold
_XATTRS = (b"user.", b"system.posix_acl_")
_CAPABILITY = b"security.capability"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Options:
    """``layer``: whiteouts have their meaning, and ``destination`` is "/". Otherwise their names are refused.

    ``owner`` and ``mode`` overrule what the archive says (``mode`` for files and directories alike).
    ``existing``: the destination must be a directory already, and no entry goes through a symlink that has its name.
    ``keep_kinds``: a directory is not replaced by something else, nor something else by a directory.
    ``defer_devices``: fifos stand for them, for somebody who may make them.
    """

    layer: bool = False
    destination: bytes = b"/"
    existing: bool = False
    keep_kinds: bool = False
    defer_devices: bool = False
    owner: tuple[int, int] | None = None
    mode: int | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class Result:
    """``opaque`` and ``implicit`` are canonical paths: directories to be marked, and directories no entry described.

    ``devices`` are those deferred: type and number by path.
    """

    entries: int = 0
    size_bytes: int = 0
    max_id: int = 0
    opaque: list[bytes] = field(default_factory=list)
    implicit: list[bytes] = field(default_factory=list)
    devices: dict[bytes, tuple[int, tuple[int, int]]] = field(default_factory=dict)


def unpack(reader: TarReader, options: Options) -> Result:
    """Apply all entries in order. On any error, part of the archive is on disk. Raises EngineErrors only."""
    os.umask(0)
    unpacker = _Unpacker(reader, options)
    entry: Entry | None = None
    try:
        unpacker.make_destination()
        while (entry := reader.next()) is not None:
            unpacker.apply(entry)
        return unpacker.finish()
    except OSError as error:
        raise _translated(error, entry.name if entry else b"") from error


class _Unpacker:
    def __init__(self, reader: TarReader, options: Options) -> None:
        self._reader = reader
        self._options = options
        self._root = os.path.realpath(b"/" + options.destination).rstrip(b"/")  # also through a dangling symlink
        self._result = Result()
        self._times: dict[bytes, int] = {}
        self._opaque: set[bytes] = set()
        self._implicit: set[bytes] = set()
        self._create: dict[Kind, Callable[[Entry, bytes], None]] = {
            Kind.FILE: self._file,
            Kind.HARD_LINK: self._hard_link,
            Kind.SYMLINK: self._symlink,
            Kind.CHARACTER: self._node,
            Kind.BLOCK_DEVICE: self._node,
            Kind.DIRECTORY: self._directory,
            Kind.FIFO: self._node,
        }

    def make_destination(self) -> None:
        if self._options.existing:
            self._check_destination()
        elif self._root:
            self._make_directory(self._root)

    def _check_destination(self) -> None:
        try:
            found = os.stat(self._root or b"/")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Missing(f"{_shown(self._root)} does not exist") from error
        if not stat.S_ISDIR(found.st_mode):
            raise Invalid("extraction point is not a directory")

    def apply(self, entry: Entry) -> None:
        self._result.entries += 1
        parts = clean(entry.name)
        if WHITEOUT in entry.name and _has_whiteout(parts) and self._is_whiteout(entry, parts):
            return
        if not parts:
            if entry.kind is Kind.DIRECTORY and self._options.layer:
                self._describe(entry, b"/")
            return
        path = self._root + b"/" + b"/".join(parts)
        try:
            self._create[entry.kind](entry, path)
        except (FileNotFoundError, NotADirectoryError):
            if len(parts) < 2 or (entry.kind is Kind.HARD_LINK and not os.path.lexists(self._source(entry))):
                raise
            self._make_directory(path.rpartition(b"/")[0])
            self._create[entry.kind](entry, path)

    def finish(self) -> Result:
        for path, at in self._times.items():
            try:
                os.utime(path, ns=(at, at), follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                pass  # a later entry put something else in its place
        self._result.opaque = sorted(_canonical(self._opaque))
        self._result.implicit = sorted(_canonical(self._implicit))
        return self._result

    # -- whiteouts

    def _is_whiteout(self, entry: Entry, parts: list[bytes]) -> bool:
        """Apply ``.wh.`` names. All of them end here; what is not one of the known forms raises."""
        if not self._options.layer:
            raise Invalid(f"{_shown(entry.name)}: names that begin with .wh. are reserved")
        name = parts[-1]
        directory = b"/" + b"/".join(parts[:-1])
        if name == OPAQUE and not _has_whiteout(parts[:-1]):
            self._make_directory(directory)
            self._opaque.add(directory)
        elif any(part.startswith(WHITEOUT_RESERVED) for part in parts):
            pass
        elif _has_whiteout(parts[:-1]) or name[len(WHITEOUT) :] in (b"", b".", b".."):
            raise Invalid(f"{_shown(entry.name)}: not a valid whiteout")
        else:
            self._make_directory(directory)
            self._white_out(directory.rstrip(b"/") + b"/" + name[len(WHITEOUT) :])
        return True

    def _white_out(self, path: bytes) -> None:
        """Hide what the layers below have at ``path``. What this layer itself put there stays (layer.md)."""
        try:
            present = os.lstat(path)
        except FileNotFoundError:
            os.mknod(path, _WHITEOUT_TYPE, os.makedev(0, 0))
            return
        if stat.S_ISDIR(present.st_mode):
            self._opaque.add(path)

    # -- one kind of entry each: each first tries to create, and clears the way only when told to

    def _file(self, entry: Entry, path: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        owner, mode = self._owner(entry), self._mode(entry)
        first = mode & _PERMISSIONS if owner == _ROOT else 0o600  # nobody else's, until it has its owner
        try:
            descriptor = os.open(path, flags, first)
        except FileExistsError:
            self._clear(path)
            descriptor = os.open(path, flags, first)
        try:
            while piece := self._reader.read_body():
                _write(descriptor, piece)
            self._result.size_bytes += entry.size_bytes
            _give(descriptor, owner, mode)
            if entry.xattrs:
                set_xattrs(descriptor, entry)
            at = _clamped(entry.mtime_ns)
            os.utime(descriptor, ns=(at, at))
        finally:
            os.close(descriptor)

    def _directory(self, entry: Entry, path: bytes) -> None:
        try:
            os.mkdir(path, _NEW_DIRECTORY)
        except FileExistsError:
            self._replace_by_directory(path)
        self._describe(entry, path)

    def _symlink(self, entry: Entry, path: bytes) -> None:
        if not entry.target:
            raise Invalid(f"{_shown(entry.name)}: symlink without a target")
        self._clearing(path, lambda: os.symlink(entry.target, path))
        self._describe_link(entry, path)

    def _hard_link(self, entry: Entry, path: bytes) -> None:
        source = self._source(entry)
        if source == path:
            raise Invalid(f"{_shown(entry.name)}: hard link to itself")
        try:
            if stat.S_ISDIR(os.lstat(source).st_mode):
                raise Invalid(f"{_shown(entry.name)}: hard link to a directory")
        except FileNotFoundError as error:
            raise Invalid(f"{_shown(entry.name)}: hard link to {_shown(entry.target)}, which does not exist") from error
        self._clearing(path, lambda: os.link(source, path, follow_symlinks=False))

    def _node(self, entry: Entry, path: bytes) -> None:
        if entry.kind is Kind.CHARACTER and entry.device == (0, 0):
            raise Invalid(f"{_shown(entry.name)}: device 0:0 is reserved for whiteouts")
        kind = {Kind.FIFO: stat.S_IFIFO, Kind.CHARACTER: stat.S_IFCHR, Kind.BLOCK_DEVICE: stat.S_IFBLK}[entry.kind]
        if self._options.defer_devices and kind != stat.S_IFIFO:
            self._result.devices[path] = (kind, entry.device)
            kind = stat.S_IFIFO
        self._clearing(path, lambda: os.mknod(path, kind | 0o600, os.makedev(*entry.device)))
        self._describe_link(entry, path)
        os.chmod(path, self._mode(entry))

    # -- shared by them

    def _source(self, entry: Entry) -> bytes:
        parts = clean(entry.target)
        if not parts or _has_whiteout(parts):
            raise Invalid(f"{_shown(entry.name)}: hard link to {_shown(entry.target)}")
        return self._root + b"/" + b"/".join(parts)

    def _clearing(self, path: bytes, create: Callable[[], None]) -> None:
        try:
            create()
        except FileExistsError:
            self._clear(path)
            create()

    def _clear(self, path: bytes) -> None:
        if self._options.keep_kinds and stat.S_ISDIR(os.lstat(path).st_mode):
            raise Invalid(
                f"cannot overwrite directory {_quoted(path)} with non-directory {_quoted(self._root or b'/')}"
            )
        remove_tree(path)

    def _replace_by_directory(self, path: bytes) -> None:
        """Make ``path`` a directory. One that is there stays; one in place of a whiteout hides what is below."""
        present = os.lstat(path)
        if stat.S_ISDIR(present.st_mode):
            return
        if self._options.keep_kinds:
            raise Invalid(
                f"cannot overwrite non-directory {_quoted(path)} with directory {_quoted(self._root or b'/')}"
            )
        if not self._options.layer and not self._options.existing and os.path.isdir(path):
            return  # COPY and ADD go through a symlinked directory (/bin -> usr/bin) instead of cutting it off
        os.unlink(path)
        os.mkdir(path, _NEW_DIRECTORY)
        if stat.S_ISCHR(present.st_mode) and present.st_rdev == 0:
            self._opaque.add(path)

    def _make_directory(self, path: bytes) -> None:
        """``path`` with its parents, through symlinks; what had to be made is noted as implicit."""
        made = b""
        for part in path.split(b"/")[1:]:
            if not part:
                continue
            made += b"/" + part
            try:
                os.mkdir(made, _NEW_DIRECTORY)
            except FileExistsError:
                if os.path.isdir(made):
                    continue
                if not stat.S_ISCHR(os.lstat(made).st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), made) from None
                self._replace_by_directory(made)
            self._implicit.add(made)

    def _describe(self, entry: Entry, path: bytes) -> None:
        uid, gid = self._owner(entry)
        os.chown(path, uid, gid)
        os.chmod(path, self._mode(entry))
        set_xattrs(path, entry)
        self._times[path] = _clamped(entry.mtime_ns)  # set last: every entry made below changes it
        self._implicit.discard(path)

    def _describe_link(self, entry: Entry, path: bytes) -> None:
        uid, gid = self._owner(entry)
        os.chown(path, uid, gid, follow_symlinks=False)
        set_xattrs(path, entry)
        at = _clamped(entry.mtime_ns)
        os.utime(path, ns=(at, at), follow_symlinks=False)

    def _owner(self, entry: Entry) -> tuple[int, int]:
        uid, gid = self._options.owner or (entry.uid, entry.gid)
        self._result.max_id = max(self._result.max_id, uid, gid)
        return uid, gid

    def _mode(self, entry: Entry) -> int:
        return entry.mode if self._options.mode is None else self._options.mode


def clean(name: bytes) -> list[bytes]:
    """Components of ``name`` below the archive's root. ``/x`` and ``./x`` are ``x``; a way out raises Invalid."""
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise Invalid(f"{_shown(name)}: the name leads out of the archive")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return parts


def _has_whiteout(parts: list[bytes]) -> bool:
    return any(part.startswith(WHITEOUT) for part in parts)


def _give(descriptor: int, owner: tuple[int, int], mode: int) -> None:
    """Most files are theirs already: looking costs the kernel a tenth of changing nothing."""
    found = os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != owner:
        os.fchown(descriptor, *owner)  # and clears the set-id bits
        os.fchmod(descriptor, mode)
    elif stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def _write(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def set_xattrs(target: int | bytes, entry: Entry) -> None:
    """What is content. Never trusted.* (overlayfs obeys it) nor other security.* (they are the host's policy)."""
    for name, value in entry.xattrs.items():
        if name != _CAPABILITY and (not name.startswith(_XATTRS) or name.startswith(b"user.overlay.")):
            continue
        try:
            if isinstance(target, int):
                os.setxattr(target, name, value)
            else:
                os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise


def _clamped(at_ns: int) -> int:
    return max(_OLDEST * 1_000_000_000, min(at_ns, _NEWEST * 1_000_000_000))


def _canonical(paths: set[bytes]) -> set[bytes]:
    """Those that still are directories, without symlinks on the way. One lstat for each: parents are remembered."""
    known = {b"/": b"/", b"": b""}
    for path in sorted(paths):
        below = [path]
        while below[-1] not in known:
            below.append(below[-1].rpartition(b"/")[0])
        for longer, parent in zip(below[-2::-1], below[:0:-1], strict=True):
            place = known[parent] + b"/" + longer.rpartition(b"/")[2]
            known[longer] = os.path.realpath(place) if os.path.islink(place) else place
    return {known[path] for path in paths if os.path.isdir(known[path])}


def _quoted(path: bytes) -> str:
    """As Go's %q, which Docker's messages have, for what is likely in a path."""
    return '"' + path[:4096].decode("utf-8", "backslashreplace").replace("\n", "\\n") + '"'


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "backslashreplace"))


def _translated(error: OSError, name: bytes) -> EngineError:
    where = _shown(name) if name else "archive"
    if error.errno in _FULL:
        return Unavailable(f"no space left on device while unpacking {where}")
    if error.errno == errno.EFBIG:
        return TooLarge(f"{where}: file too large")
    if error.errno in (errno.EIO, errno.EROFS, errno.EMFILE, errno.ENOMEM):
        return Unavailable(f"cannot unpack {where}: {error.strerror}")
    return Invalid(f"cannot unpack {where}: {error.strerror}")
