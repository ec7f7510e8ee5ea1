"""Reading and writing tar, without a disk: against the standard library, and against noise."""

import io
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.host.archive import BLOCK, Entry, FileSource, Kind, Limits, TarReader, parse_header, parse_number, parse_pax
from engine.host.archive_pack import GzipPacker
from engine.host.archive_stream import PlainStream
from engine.host.archive_unpack import clean
from engine.host.archive_write import TarWriter, encode_header
from engine.model.digest import Digest
from engine.model.errors import EngineError, Invalid, TooLarge

names = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name and not name.endswith(b"/"))
entries = st.builds(
    Entry,
    name=names,
    kind=st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK, Kind.HARD_LINK, Kind.FIFO]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 4294967293),
    gid=st.integers(0, 4294967293),
    mtime_ns=st.integers(-(1 << 40), 1 << 40).map(lambda seconds: seconds * 1_000_000_000),
    target=names,
    xattrs=st.dictionaries(st.sampled_from([b"user.a", b"security.capability"]), st.binary(max_size=100)),
)


def reader(data, limits=None):
    return TarReader(FileSource(io.BytesIO(data)), limits)


@given(st.lists(st.tuples(entries, st.binary(max_size=1500)), max_size=5))
def test_what_is_written_is_read_back(members):
    out = bytearray()
    writer = TarWriter(out.extend)
    for entry, body in members:
        size = len(body) if entry.kind is Kind.FILE else 0
        writer.add(Entry(**{**fields(entry), "size_bytes": size}), body)
    writer.finish()
    tar = reader(bytes(out))
    for entry, body in members:
        found = tar.next()
        assert (found.kind, found.mode, found.uid, found.gid, found.mtime_ns) == (
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime_ns,
        )
        assert found.name == entry.name + (b"/" if entry.kind is Kind.DIRECTORY else b"")
        assert (found.target, found.xattrs) == (entry.target, entry.xattrs)
        assert b"".join(tar.body()) == (body if entry.kind is Kind.FILE else b"")
    assert tar.next() is None


def fields(entry):
    return {name: getattr(entry, name) for name in Entry.__struct_fields__}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@given(
    path=st.text("abc/é", min_size=1, max_size=90).map(lambda text: text.strip("/") or "x"),
    uid=st.integers(0, 2**21 - 1),
)
@example(path="a" * 60 + "/" + "b" * 90, uid=5)
def test_the_standard_librarys_archives_read_the_same(form, path, uid):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        info = tarfile.TarInfo(path)
        info.uid, info.size = uid, 3
        tar.addfile(info, io.BytesIO(b"abc"))
    ours = reader(buffer.getvalue())
    entry = ours.next()
    assert (entry.name, entry.uid, b"".join(ours.body())) == (path.encode(), uid, b"abc")


@given(st.binary(max_size=4 * BLOCK))
def test_noise_is_read_or_refused_and_nothing_else(data):
    tar = reader(data)
    try:
        while tar.next():
            b"".join(tar.body())
    except (Invalid, TooLarge):
        pass


@given(st.data())
def test_a_damaged_header_is_read_or_refused_and_nothing_else(data):
    block = bytearray(encode_header(data.draw(entries))[-BLOCK:])
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(0, BLOCK - 1))] = data.draw(st.integers(0, 255))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    try:
        parse_header(bytes(block))
        reader(bytes(block)).next()
    except EngineError:
        pass


@given(st.binary(max_size=300))
def test_noise_in_pax_records_is_read_or_refused(data):
    try:
        parse_pax(data)
    except Invalid:
        pass


@pytest.mark.parametrize(
    ("field", "number"),
    [
        (b"0000644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"\0" * 8, 0),
        (b"\x80\0\0\0\0\0\x01\0", 256),
        (b"\xff" * 8, -1),
        (b"\xff" * 7 + b"\xfe", -2),
    ],
)
def test_numbers_in_headers(field, number):
    assert parse_number(field) == number


@pytest.mark.parametrize(
    ("name", "parts"), [(b"/a//b/", [b"a", b"b"]), (b"./", []), (b"a/../b", [b"b"]), (b"...", [b"..."])]
)
def test_names_are_taken_below_the_root(name, parts):
    assert clean(name) == parts


@pytest.mark.parametrize("name", [b"..", b"a/../..", b"/../x"])
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(Invalid):
        clean(name)


def test_packing_is_deterministic_and_tells_both_digests():
    packed = []
    for step in (1, 70_000):
        out = bytearray()
        packer = GzipPacker(out.extend)
        data = bytes(range(256)) * 3000
        for start in range(0, len(data), step * 100):
            packer.write(data[start : start + step * 100])
        assert packer.close() == Digest.of(data)
        packed.append(bytes(out))
    stream = PlainStream(io.BytesIO(packed[0]), limits=Limits())
    assert b"".join(iter(lambda: bytes(stream.read_some(1 << 20)), b"")) == data
    assert stream.digests() == (Digest.of(packed[0]), Digest.of(data))


def test_an_error_where_the_packed_bytes_go_reaches_the_writer():
    def full(_data):
        raise OSError(28, "No space left on device")

    packer = GzipPacker(full)
    packer.write(b"x" * 300_000)
    with pytest.raises(OSError, match="No space"):
        packer.close()
