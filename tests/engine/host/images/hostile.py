"""Hostile layers, and a program that unpacks them. Only ever run by ``test_hostile``, below a read-only root.

Each case lives in a directory of its own on a tmpfs: ``root`` to unpack into and ``outside`` with canaries. A case says
whether its layer is to be refused; in no case may anything change but ``root``.
"""

import asyncio
import gzip
import io
import json
import os
import sys
import tarfile
import traceback
from collections.abc import Callable
from pathlib import Path

from engine.host.archive import Limits
from engine.host.confined import unpack_into, unpack_layer
from engine.host.removal import remove_tree
from engine.model.errors import Invalid, TooLarge
from tests.engine.host.images.archives import member, tar_of, tree

DIR, SYM, LNK, CHR, FIFO = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
REFUSED, TAKEN = "refused", "taken"
LIMITS = Limits(entries=5000, ratio_floor_bytes=1 << 20, total_bytes=64 << 20)
Case = tuple[str, Callable[[str], bytes]]


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """``data`` with its first header changed, and the checksum put right."""
    block = bytearray(data[:512])
    block[offset : offset + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


def base256(value: int, width: int) -> bytes:
    return bytes([0x80 if value >= 0 else 0xFF]) + (value % (1 << (8 * (width - 1)))).to_bytes(width - 1, "big")


FILE = tar_of(member("f", b"content"))
CASES: dict[str, Case] = {
    "absolute path": (TAKEN, lambda out: tar_of(member(f"{out}/file", b"evil"))),
    "parent": (REFUSED, lambda _: tar_of(member("../outside/file", b"evil"))),
    "parent further in": (REFUSED, lambda _: tar_of(member("a/../../outside/file", b"evil"))),
    "write through absolute symlink": (
        REFUSED,
        lambda out: tar_of(member("l", kind=SYM, linkname=out), member("l/file", b"evil")),
    ),
    "write through relative symlink": (
        TAKEN,
        lambda _: tar_of(member("l", kind=SYM, linkname="../../../.."), member("l/file", b"evil")),
    ),
    "file over symlink to file": (
        TAKEN,
        lambda out: tar_of(member("l", kind=SYM, linkname=f"{out}/file"), member("l", b"evil")),
    ),
    "directory replaced by symlink": (
        REFUSED,
        lambda out: tar_of(member("d/", kind=DIR), member("d", kind=SYM, linkname=out), member("d/file", b"evil")),
    ),
    "metadata through symlink": (
        TAKEN,
        lambda out: tar_of(member("l", kind=SYM, linkname=out), member("l/", kind=DIR, mode=0o777, uid=5)),
    ),
    "symlink loop": (
        REFUSED,
        lambda _: tar_of(member("a", kind=SYM, linkname="b"), member("b", kind=SYM, linkname="a"), member("a/x")),
    ),
    "hard link out": (
        REFUSED,
        lambda out: tar_of(member("h", kind=LNK, linkname=f"{out}/file"), member("h", b"evil")),
    ),
    "hard link to parent": (REFUSED, lambda _: tar_of(member("h", kind=LNK, linkname="../outside/file"))),
    "hard link through symlink": (
        REFUSED,
        lambda out: tar_of(member("l", kind=SYM, linkname=out), member("h", kind=LNK, linkname="l/file")),
    ),
    "hard link to directory": (REFUSED, lambda _: tar_of(member("d/", kind=DIR), member("h", kind=LNK, linkname="d"))),
    "hard link to itself": (REFUSED, lambda _: tar_of(member("f", b"x"), member("f", kind=LNK, linkname="./f"))),
    "whiteout of nothing": (REFUSED, lambda _: tar_of(member("d/", kind=DIR), member("d/.wh."))),
    "whiteout of itself": (REFUSED, lambda _: tar_of(member("d/", kind=DIR), member("d/.wh.."))),
    "whiteout of parent": (REFUSED, lambda _: tar_of(member("d/", kind=DIR), member("d/.wh..."))),
    "whiteout through symlink": (
        REFUSED,
        lambda out: tar_of(member("l", kind=SYM, linkname=out), member("l/.wh.file")),
    ),
    "opaque through symlink": (
        REFUSED,
        lambda out: tar_of(member("l", kind=SYM, linkname=out), member("l/.wh..wh..opq")),
    ),
    "opaque outside": (REFUSED, lambda _: tar_of(member("../.wh..wh..opq"))),
    "below a whiteout name": (REFUSED, lambda _: tar_of(member(".wh.d/file", b"x"))),
    "whiteout device": (REFUSED, lambda _: tar_of(member("w", kind=CHR, devmajor=0, devminor=0))),
    "write into device": (
        TAKEN,
        lambda _: tar_of(member("null", kind=CHR, devmajor=1, devminor=3), member("null", b"evil")),
    ),
    "write into fifo": (TAKEN, lambda _: tar_of(member("p", kind=FIFO), member("p", b"evil"))),
    "trusted xattr": (
        TAKEN,
        lambda _: tar_of(
            member("d/", kind=DIR, pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc"}),
            member("d/f", pax_headers={"SCHILY.xattr.security.selinux": "x", "SCHILY.xattr.user.overlay.opaque": "y"}),
        ),
    ),
    "whiteout owner": (REFUSED, lambda _: patched(FILE, 108, base256(4294967294, 8))),
    "unchanged owner": (REFUSED, lambda _: patched(FILE, 108, base256(4294967295, 8))),
    "negative owner": (REFUSED, lambda _: patched(FILE, 108, base256(-2, 8))),
    "negative size": (REFUSED, lambda _: patched(FILE, 124, base256(-1, 12))),
    "huge size": (REFUSED, lambda _: patched(FILE, 124, base256(1 << 62, 12))),
    "truncated": (REFUSED, lambda _: tar_of(member("f", b"x" * 5000))[:3000]),
    "bad checksum": (REFUSED, lambda _: b"g" + FILE[1:]),
    "sparse": (REFUSED, lambda _: patched(FILE, 156, b"S")),
    "NUL in name": (REFUSED, lambda _: tar_of(member("f", pax_headers={"path": "a\0b"}))),
    "PAX size negative": (REFUSED, lambda _: pax({"size": "-5"})),
    "long path": (REFUSED, lambda _: tar_of(member("d/" * 2100 + "f", b"x"))),
    "long component": (REFUSED, lambda _: tar_of(member("n" * 300, b"x"))),
    "deep path": (TAKEN, lambda _: tar_of(member("d/" * 2000 + "f", b"x"))),
    "deeper by symlink": (
        TAKEN,
        lambda _: tar_of(
            member("d/" * 1500 + "f", b"x"),
            member("l", kind=SYM, linkname="d/" * 1500),
            member("l/" + "e/" * 1500 + "f"),
        ),
    ),
    "same name twice": (TAKEN, lambda _: tar_of(member("f", b"1"), member("f/", kind=DIR), member("f", b"2"))),
    "too many entries": (REFUSED, lambda _: tar_of(*[member(f"f{n}") for n in range(5001)])),
    "bomb": (REFUSED, lambda _: gzip.compress(tar_of(member("f", bytes(16 << 20))))),
    "damaged gzip": (REFUSED, lambda _: gzip.compress(FILE)[:-6] + b"123456"),
    "cut gzip": (REFUSED, lambda _: gzip.compress(os.urandom(9000) + FILE)[:4000]),
}


def pax(records: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("f")
        info.pax_headers = records
        tar.addfile(info)
    return buffer.getvalue()


async def run(name: str, case: Case, place: Path) -> dict[str, object]:
    root, outside = place / "root", place / "outside"
    root.mkdir(parents=True)
    (outside / "below").mkdir(parents=True)
    (outside / "file").write_text("canary")
    (place / "unpack.tar").write_bytes(case[1](str(outside)))
    before = tree(place, ignore=["root"]) | {".": (outside.stat().st_mode, outside.stat().st_uid)}
    answer: dict[str, object] = {"wanted": case[0]}
    try:
        with (place / "unpack.tar").open("rb") as file:
            await unpack_layer(file, into=root, limits=LIMITS)
        answer["got"] = TAKEN
    except (Invalid, TooLarge) as error:
        answer |= {"got": REFUSED, "why": str(error)}
    answer["xattrs"] = [key for path in root.glob("d") for key in os.listxattr(path)]
    remove_tree(root)
    after = tree(place, ignore=["root"]) | {".": (outside.stat().st_mode, outside.stat().st_uid)}
    answer["escaped"] = before != after
    answer["left"] = root.exists()
    return answer


async def run_copy(place: Path) -> dict[str, object]:
    """ADD of an archive over a file system whose links lead out of it."""
    root, outside = place / "root", place / "outside"
    root.mkdir(parents=True)
    outside.mkdir()
    (root / "app").symlink_to(outside)
    (root / "up").symlink_to("../../outside")
    (root / "real").mkdir()
    (root / "bin").symlink_to("real")
    await unpack_into(root, [tar_of(member("file", b"x"))], destination="/up")
    await unpack_into(root, [tar_of(member("bin/", kind=DIR), member("bin/tool", b"x"))], owner=(5, 6), mode=0o700)
    await unpack_into(root, [tar_of(member("other", b"x"))], destination="/app")
    tool = (root / "real/tool").stat()
    inside = (root / "outside/file").is_file() and Path(f"{root}{outside}/other").is_file()
    good = inside and (tool.st_uid, tool.st_gid, tool.st_mode & 0o777) == (5, 6, 0o700)
    return {"wanted": TAKEN, "got": TAKEN if good else REFUSED, "escaped": bool(os.listdir(outside)), "left": False}


async def main(arena: Path) -> None:
    answers = {}
    for number, (name, case) in enumerate(CASES.items()):
        try:
            answers[name] = await run(name, case, arena / str(number))
        except Exception:  # noqa: BLE001 - the test tells which case crashed, and how
            answers[name] = {"crash": traceback.format_exc()}
    answers["copy through links"] = await run_copy(arena / "copy")
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
