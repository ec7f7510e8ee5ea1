import pytest

from engine.images.removal import Removal, Use, is_prunable, removal_by_id, removal_by_reference
from engine.model.digest import Digest
from engine.model.errors import Conflict
from engine.model.reference import Reference

IMAGE = Digest("ab" * 32)
ONE, TWO, ELSEWHERE = (Reference.parse(text) for text in ("app:1", "app:2", "other/app:1"))
BY_DIGEST = Reference.parse(f"app@{Digest.of(b'manifest')}")
RUNNING, STOPPED = Use(running=["c" * 64]), Use(stopped=["c" * 64])


def by_reference(references, use=None, *, force=False):
    return removal_by_reference(IMAGE, ONE, references, use or Use(), name="app:1", force=force)


def test_the_last_tag_takes_the_image_with_it():
    assert by_reference([ONE]) == Removal((ONE,), delete=True)


def test_one_of_several_tags_goes_alone():
    assert by_reference([ONE, TWO]) == Removal((ONE,), delete=False)


def test_digests_go_with_the_last_tag_of_their_repository():
    assert by_reference([BY_DIGEST, ONE]) == Removal((ONE, BY_DIGEST), delete=True)
    assert by_reference([BY_DIGEST, ONE, TWO]) == Removal((ONE,), delete=False)


@pytest.mark.parametrize("use", [RUNNING, STOPPED])
def test_the_only_tag_of_an_image_in_use_must_be_forced(use):
    with pytest.raises(Conflict) as caught:
        by_reference([ONE], use)
    assert str(caught.value) == (
        'conflict: unable to remove repository reference "app:1" (must force) - '
        "container cccccccccccc is using its referenced image abababababab"
    )


def test_forced_from_a_running_container_only_the_tag_goes():
    assert by_reference([ONE], RUNNING, force=True) == Removal((ONE,), delete=False)
    assert by_reference([ONE], STOPPED, force=True) == Removal((ONE,), delete=True)


@pytest.mark.parametrize(
    ("use", "references", "force", "words"),
    [
        (RUNNING, [ONE], True, "(cannot be forced) - image is being used by running container cccccccccccc"),
        (STOPPED, [ONE], False, "(must be forced) - image is being used by stopped container cccccccccccc"),
        (Use(children=[IMAGE]), [], True, "(cannot be forced) - image has dependent child images"),
        (Use(), [ONE, ELSEWHERE], False, "(must be forced) - image is referenced in multiple repositories"),
    ],
)
def test_removing_by_id_is_refused_in_dockers_words(use, references, force, words):
    with pytest.raises(Conflict) as caught:
        removal_by_id(IMAGE, references, use, force=force)
    assert str(caught.value) == f"conflict: unable to delete abababababab {words}"


def test_forced_by_id_every_name_goes():
    assert removal_by_id(IMAGE, [ONE, ELSEWHERE], STOPPED, force=True) == Removal((ONE, ELSEWHERE), delete=True)


def test_a_parent_goes_only_nameless_and_unused():
    assert is_prunable([], Use())
    assert not is_prunable([ONE], Use())
    assert not is_prunable([], STOPPED)
