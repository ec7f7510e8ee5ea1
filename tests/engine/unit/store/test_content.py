import pytest

from engine.model.digest import Digest
from engine.model.errors import Invalid, Missing, TooLarge
from engine.store.content import ContentStore


@pytest.fixture
def content(tmp_path):
    return ContentStore(tmp_path)


def test_a_blob_is_found_under_the_digest_of_what_was_written(content):
    with content.ingest() as ingest:
        ingest.write(b"he")
        ingest.write(b"llo")
        digest = ingest.commit(Digest.of(b"hello"))
    assert content.read(digest) == b"hello"
    assert content.size(digest) == 5
    assert list(content.digests()) == [digest]


def test_a_blob_that_is_not_what_was_expected_leaves_nothing(content):
    with content.ingest() as ingest:
        ingest.write(b"hello")
        with pytest.raises(Invalid, match="expected"):
            ingest.commit(Digest.of(b"other"))
    assert list(content.digests()) == content.drafts() == []


def test_a_blob_given_up_leaves_nothing(content):
    with content.ingest() as ingest:
        ingest.write(b"half")
    assert list(content.digests()) == content.drafts() == []


def test_adding_the_same_twice_is_fine(content):
    assert content.add(b"x") == content.add(b"x")
    assert content.drafts() == []


def test_a_blob_altered_on_disk_is_not_believed(content):
    digest = content.add(b"good")
    content.path(digest).write_bytes(b"evil")
    with pytest.raises(Invalid, match="damaged"):
        content.read(digest)


def test_reading_has_a_limit(content):
    with pytest.raises(TooLarge):
        content.read(content.add(b"12345"), at_most=4)


def test_what_is_not_there_is_missing_and_may_be_deleted(content):
    nothing = Digest.of(b"nothing")
    content.delete(nothing)
    for ask in (content.open, content.read, content.size):
        with pytest.raises(Missing):
            ask(nothing)
