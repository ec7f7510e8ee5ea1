"""Capsules come from anywhere: what is not as it should be is refused, with the reason, before anything is done."""

import io
import tarfile
from collections.abc import Callable

import pytest

from console.capsules import reading as reading_module
from console.capsules.packing import blob_path, entry, header
from console.capsules.reading import read_capsule
from console.capsules.squeezing import Unsqueezer
from console.operations.errors import Invalid
from tests.fakes.capsules import FakeCapsule, digest, fake_capsule, squeezed

Change = Callable[[FakeCapsule], None]


def refusal(content: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read_capsule(io.BytesIO(content))
    assert caught.value.field == "capsule"
    return str(caught.value)


def special(kind: bytes, name: str = "files/x", target: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info.tobuf() + fake_capsule().content()


def test_a_whole_one_is_read() -> None:
    found = read_capsule(fake_capsule().file())
    assert found.manifest.stack.name == "shop"
    assert found.lock.fingerprint == found.manifest.fingerprint
    assert found.manifest.originals == {"notes/readme": "files/notes/readme"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_in_it(kind: bytes) -> None:
    assert "no plain file" in refusal(special(kind, target="/etc/passwd"))


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "files/../../x", "files//x", "files/a/../b", "blobs/sha256/short", "x", "files/./x"]
)
def test_names_that_lead_elsewhere_do_not_belong(name: str) -> None:
    assert "does not belong" in refusal(entry(name, b"x") + fake_capsule().content())


def test_a_name_that_is_there_twice() -> None:
    assert "twice" in refusal(entry("env.lock", b"x") + fake_capsule().content())
    whole = fake_capsule()
    name, content = next((name, content) for name, content in whole.entries.items() if name.startswith("blobs/"))
    assert "twice" in refusal(entry(name, content) + whole.content())


def _bent_blob(capsule: FakeCapsule) -> None:
    name = next(name for name in capsule.entries if name.startswith("blobs/"))
    capsule.entries[name] = capsule.entries[name][:-1] + b"!"


def _no_blob(capsule: FakeCapsule) -> None:
    del capsule.entries[blob_path(capsule.document["volumes"][0]["digest"].removeprefix("sha256:"))]


def _other_layers(capsule: FakeCapsule) -> None:
    capsule.document["images"][0]["layers"] = []


def _other_diff_id(capsule: FakeCapsule) -> None:
    capsule.document["images"][0]["layers"][0]["diff_id"] = digest(b"other")


def _other_size(capsule: FakeCapsule) -> None:
    capsule.document["images"][0]["layers"][0]["size_bytes"] += 1


def _bent_text(capsule: FakeCapsule) -> None:
    capsule.entries["compose.yaml"] += b"# more\n"


def _unlisted(capsule: FakeCapsule) -> None:
    capsule.entries["files/more"] = b"more"


def _no_lock(capsule: FakeCapsule) -> None:
    del capsule.entries["env.lock"]


def _other_lock(capsule: FakeCapsule) -> None:
    capsule.document["fingerprint"] = digest(b"other")


def _edited_lock(capsule: FakeCapsule) -> None:
    capsule.with_text("env.lock", capsule.entries["env.lock"].replace(b'"replicas": 1', b'"replicas": 2'))


def _bomb(capsule: FakeCapsule) -> None:
    capsule.document["volumes"][0]["plain_bytes"] = 1 << 40


def _image_elsewhere(capsule: FakeCapsule) -> None:
    capsule.document["images"].append({**capsule.document["images"][0]})


def _other_format(capsule: FakeCapsule) -> None:
    capsule.document["format"] = "naru.capsule/2"


def _no_images(capsule: FakeCapsule) -> None:
    capsule.document["images"] = []


def _name_of_volume(capsule: FakeCapsule) -> None:
    capsule.document["volumes"][0]["key"] = "../data"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_bent_blob, "digest differs"),
        (_no_blob, "is missing"),
        (_other_layers, "not made of the layers"),
        (_other_diff_id, "not made of the layers"),
        (_other_size, "is missing, or not as long"),
        (_bent_text, "digest differs"),
        (_unlisted, "lists is not what is there"),
        (_no_lock, "env.lock"),
        (_other_lock, "another fingerprint"),
        (_edited_lock, "it was changed"),
        (_bomb, "far too much"),
        (_image_elsewhere, "there twice"),
        (_other_format, "naru.capsule/2"),
        (_no_images, "images in capsule.json"),
        (_name_of_volume, "volumes.0.key"),
    ],
)
def test_what_capsule_json_says_is_held_against_what_is_there(change: Change, words: str) -> None:
    assert words in refusal(fake_capsule(change=change).content())


def test_one_that_is_cut_short_at_any_block() -> None:
    content = fake_capsule().content()
    for end in range(0, len(content) - 1024, 512):
        refusal(content[:end])


def test_a_header_that_says_more_than_there_is() -> None:
    assert "cut short" in refusal(header("files/x", 1 << 40) + fake_capsule().content())


def test_texts_and_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "larger than 4 MiB" in refusal(entry("files/x", bytes((4 << 20) + 1)) + fake_capsule().content())
    many = b"".join(entry(f"files/{number}", b"x") for number in range(80))
    assert "too many" in refusal(many + fake_capsule().content())
    monkeypatch.setattr(reading_module, "MOST_ENTRIES", 3)
    assert "more than 3 entries" in refusal(fake_capsule().content())


def test_a_capsule_json_that_is_deep_or_none_at_all() -> None:
    deep = b'{"format":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    texts = {"compose.yaml": b"x", "env.lock": b"x"}
    for content in (deep, b"[]", b"nonsense", b""):
        end = entry("capsule.json", content) + bytes(1024)
        refusal(b"".join(entry(name, text) for name, text in texts.items()) + end)
    assert "is it a capsule" in refusal(entry("compose.yaml", b"x") + bytes(1024))
    refusal(b"")


def test_what_unpacks_to_more_than_it_said_is_broken_off() -> None:
    packed, blob = squeezed(bytes(4 << 20))
    assert len(packed) < 64 << 10
    unsqueezer = Unsqueezer(most_bytes=blob.plain_bytes - 1)
    pieces = unsqueezer.feed(packed)
    assert len(next(pieces)) == 256 << 10
    with pytest.raises(Invalid, match="unpacks to more"):
        list(pieces)


def test_what_is_packed_in_several_members_is_one_whole() -> None:
    packed = squeezed(b"one ")[0] + squeezed(b"two")[0]
    unsqueezer = Unsqueezer(most_bytes=100)
    found = b"".join(piece for at in range(len(packed)) for piece in unsqueezer.feed(packed[at : at + 1]))
    assert found == b"one two"
    assert f"sha256:{unsqueezer.finish()}" == digest(b"one two")


def test_what_is_packed_and_cut_short_is_not_whole() -> None:
    unsqueezer = Unsqueezer(most_bytes=100)
    assert list(unsqueezer.feed(squeezed(b"hello")[0][:-3]))
    with pytest.raises(Invalid, match="before its end"):
        unsqueezer.finish()
    with pytest.raises(Invalid, match="not gzipped"):
        list(Unsqueezer(most_bytes=100).feed(b"nonsense that is no gzip"))
