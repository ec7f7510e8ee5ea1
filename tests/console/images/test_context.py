"""An uploaded build context is whole and harmless, or it is refused in words and nothing is kept."""

import bz2
import contextlib
import gzip
import hashlib
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.images import context
from console.images.context import store_context
from console.operations.errors import Invalid

FILES = {"Dockerfile": b"FROM scratch\nCOPY app /\n", "app/main": b"#!/bin/sh\n" + random.Random(1).randbytes(3000)}


def tar_of(*entries: tarfile.TarInfo | str, mode: str = "w") -> bytes:
    """Entries as given; a name alone is a small file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for entry in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            content = FILES.get(info.name, b"x") if info.isreg() else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, *, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


def zip_of(*names: str | zipfile.ZipInfo, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in names:
            plain = name if isinstance(name, str) else name.filename
            archive.writestr(name, FILES.get(plain, b"x"), method)
    return out.getvalue()


WHOLE = {
    "tar": tar_of(*FILES),
    "tar.gz": tar_of(*FILES, mode="w:gz"),
    "zip": zip_of(*FILES),
    "zip, bzip2": zip_of(*FILES, method=zipfile.ZIP_BZIP2),
    "zip, lzma": zip_of(*FILES, method=zipfile.ZIP_LZMA),
}


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[Path]]:
    return lambda: list((tmp_path / "inputs").iterdir()) if (tmp_path / "inputs").exists() else []


def refused(upload: bytes, *, dockerfile_path: str = "Dockerfile") -> Invalid:
    with pytest.raises(Invalid) as invalid:
        store_context(io.BytesIO(upload), dockerfile_path=dockerfile_path)
    return invalid.value


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_archive_is_kept_as_a_tar(kind: str, kept: Callable[[], list[Path]]) -> None:
    sha256 = store_context(io.BytesIO(WHOLE[kind]), dockerfile_path="Dockerfile")
    [path] = kept()
    assert path.name == sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with tarfile.open(path) as tar:
        assert {entry.name: _content(tar, entry) for entry in tar} == FILES


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read()


def test_the_same_upload_twice_is_kept_once(kept: Callable[[], list[Path]]) -> None:
    for _ in range(2):
        store_context(io.BytesIO(WHOLE["zip"]), dockerfile_path="Dockerfile")
    assert len(kept()) == 1


def test_a_zip_keeps_modes_and_links(kept: Callable[[], list[Path]]) -> None:
    modes = {"run.sh": stat.S_IFREG | 0o755, "data": stat.S_IFREG | 0o640, "link": stat.S_IFLNK | 0o777}
    entries: list[zipfile.ZipInfo | str] = ["Dockerfile", "folder/"]
    for name, mode in modes.items():
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        entries.append(info)
    # as written on a system without modes
    plain = zipfile.ZipInfo("plain")
    plain.external_attr = 0x20
    entries.append(plain)
    store_context(io.BytesIO(zip_of(*entries)), dockerfile_path="Dockerfile")
    [path] = kept()
    with tarfile.open(path) as tar:
        found = {entry.name: entry for entry in tar}
    assert {name: found[name].mode for name in ("run.sh", "data", "plain", "folder")} == {
        "run.sh": 0o755,
        "data": 0o640,
        "plain": 0o644,
        "folder": 0o755,
    }
    assert found["folder"].isdir()
    assert (found["link"].issym(), found["link"].linkname) == (True, "x")


@pytest.mark.parametrize(
    "upload",
    [
        b"",
        b"hello",
        b"PK\x03\x04 no zip",
        b"\x1f\x8b no gzip",
        b"\xfd7zXZ\x00 xz is not taken",
        bz2.compress(WHOLE["tar"]),
        gzip.compress(b"no tar", mtime=0),
        gzip.compress(b"", mtime=0),
        zip_of("Dockerfile", "abc").replace(b"abc", b"\0bc"),
        bytes(10240),
    ],
)
def test_what_is_no_archive_is_refused(upload: bytes, kept: Callable[[], list[Path]]) -> None:
    assert refused(upload).field in {"context", "dockerfile_path"}
    assert kept() == []


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_an_archive_cut_short_anywhere_is_refused(kind: str, kept: Callable[[], list[Path]]) -> None:
    whole = WHOLE[kind]
    for size in [*range(0, len(whole), 97), *range(len(whole) - 30, len(whole))]:
        assert refused(whole[:size]).field == "context", size
    assert kept() == []


def test_a_tar_cut_short_before_its_end_mark_is_refused(kept: Callable[[], list[Path]]) -> None:
    whole = WHOLE["tar"]
    content_end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for size in [*range(0, content_end, 97), *range(0, content_end + 1, 512)]:
        assert refused(whole[:size]).field == "context", size
    assert kept() == []


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_byte_is_no_crash(kind: str, tmp_path: Path) -> None:
    whole = WHOLE[kind]

    @given(at=st.integers(0, len(whole) - 1), value=st.integers(0, 255), again=st.integers(0, len(whole) - 1))
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def damaged(at: int, value: int, again: int) -> None:
        broken = bytearray(whole)
        broken[at] = broken[again] = value
        with contextlib.suppress(Invalid):
            store_context(io.BytesIO(bytes(broken)), dockerfile_path="Dockerfile")

    damaged()


NAMES_THAT_LEAVE = ["../evil", "/etc/passwd", "app/../../evil", "..", "./../evil", "..\\..\\evil", "C:\\evil"]


@pytest.mark.parametrize("name", NAMES_THAT_LEAVE)
def test_no_name_leads_out_of_the_context(name: str, kept: Callable[[], list[Path]]) -> None:
    for upload in (tar_of("Dockerfile", name), tar_of("Dockerfile", name, mode="w:gz"), zip_of("Dockerfile", name)):
        assert "leads out of the context" in str(refused(upload))
    assert kept() == []


@pytest.mark.parametrize("target", ["../evil", "/etc/passwd"])
def test_no_hard_link_leads_out_of_the_context(target: str) -> None:
    assert "leads out" in str(refused(tar_of("Dockerfile", tar_entry("link", tarfile.LNKTYPE, linkname=target))))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_are_refused(kind: bytes) -> None:
    assert "is a device or a pipe" in str(refused(tar_of("Dockerfile", tar_entry("node", kind))))


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize("path", ["docker/Dockerfile", "app", "", "Dockerfile/x"])
def test_a_dockerfile_that_is_not_there_is_missed_by_name(kind: str, path: str, kept: Callable[[], list[Path]]) -> None:
    assert refused(WHOLE[kind], dockerfile_path=path).field == "dockerfile_path"
    assert kept() == []


@pytest.mark.parametrize("path", ["Dockerfile", "./Dockerfile", ".//Dockerfile"])
@pytest.mark.parametrize("named", ["Dockerfile", "./Dockerfile"])
def test_the_dockerfile_is_found_however_its_path_is_written(path: str, named: str) -> None:
    assert store_context(io.BytesIO(tar_of(named)), dockerfile_path=path)


@pytest.mark.parametrize("path", ["../Dockerfile", "/Dockerfile"])
def test_the_dockerfile_lies_in_the_context(path: str) -> None:
    assert refused(WHOLE["tar"], dockerfile_path=path).field == "dockerfile_path"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches without writing gigabytes."""
    monkeypatch.setattr(context, "UPLOAD_LIMIT_BYTES", 100_000)
    monkeypatch.setattr(context, "UNPACKED_LIMIT_BYTES", 1_000_000)
    monkeypatch.setattr(context, "ENTRY_LIMIT", 20)


def bombs() -> Iterator[tuple[str, bytes]]:
    zeros = bytes(5_000_000)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(zeros)
        tar.addfile(info, io.BytesIO(zeros))
    yield "tar.gz", out.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Dockerfile", zeros)
    yield "zip", out.getvalue()
    yield "zeros after the end", gzip.compress(WHOLE["tar"] + zeros)


@pytest.mark.parametrize(("kind", "bomb"), list(bombs()))
def test_a_bomb_is_refused(small: None, kept: Callable[[], list[Path]], kind: str, bomb: bytes) -> None:
    assert len(bomb) < 100_000
    assert refused(bomb).field == "context"
    assert kept() == []


def test_an_upload_that_is_too_large_is_refused_unread(small: None, kept: Callable[[], list[Path]]) -> None:
    upload = io.BytesIO(bytes(10_000_000))
    with pytest.raises(Invalid, match="larger than 0 MiB"):
        store_context(upload, dockerfile_path="Dockerfile")
    assert upload.tell() < 2_000_000
    assert kept() == []


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_too_many_entries_are_refused(small: None, make: Callable[..., bytes]) -> None:
    assert "entries" in str(refused(make(*(f"f{n}" for n in range(21)))))


def test_a_header_that_would_fill_memory_is_refused() -> None:
    """An extended header is read in one piece, so a small upload could ask for gigabytes."""
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        info = tarfile.TarInfo("long")
        info.type, info.size = kind, 8 << 20
        upload = gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(8 << 20) + WHOLE["tar"])
        assert refused(upload).field == "context"


def test_a_link_in_a_zip_that_would_fill_memory_is_refused() -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Dockerfile", b"FROM scratch\n")
        archive.writestr(info, b"a" * (8 << 20), zipfile.ZIP_DEFLATED)
    assert refused(out.getvalue()).field == "context"


def test_a_zip_that_lies_about_a_size_is_refused() -> None:
    whole = WHOLE["zip"]
    size = len(FILES["Dockerfile"]).to_bytes(4, "little")
    for lie in (1, len(FILES["Dockerfile"]) - 1, len(FILES["Dockerfile"]) + 1):
        assert refused(whole.replace(size, lie.to_bytes(4, "little"))).field == "context"
