from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.containers.names import check_name, new_id, new_name
from engine.containers.registry import Registry
from engine.containers.signals import parse_signal
from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Conflict, Invalid, Missing
from engine.store.state import State

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def container(container_id: str, name: str) -> Container:
    return Container(
        id=container_id, name=name, spec=ContainerSpec(image_id=Digest("0" * 64), image_name="bb"), created_at=NOW
    )


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(State(tmp_path / "state.db"))


@pytest.mark.parametrize("name", ["", "a", "-a", "a b", "a/b", "é!", "a" * 256])
def test_names_docker_refuses_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="Invalid container name"):
        check_name(name)


def test_a_leading_slash_is_no_part_of_the_name() -> None:
    assert check_name("/web-1.a_b") == "web-1.a_b"


def test_a_new_name_is_not_one_that_is_taken() -> None:
    def first_choice(words: object) -> str:
        return str(words[0])  # type: ignore[index]  # a sequence of words

    first = new_name(set(), choose=first_choice)
    assert new_name({first}, choose=first_choice) != first


def test_ids_are_64_hex_digits() -> None:
    assert len(new_id()) == 64
    assert int(new_id(), 16)


@pytest.mark.parametrize(
    ("text", "number"), [("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("9", 9), ("RTMIN+3", 37), ("SIGRTMAX-1", 63)]
)
def test_signals_as_people_write_them(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "SIGNOPE", "-9", "RTMIN+99", "²"])
def test_no_signal_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid signal"):
        parse_signal(text)


async def test_a_container_is_found_by_name_id_and_unique_prefix(registry: Registry) -> None:
    one, two = container("ab" + "1" * 62, "one"), container("ab" + "2" * 62, "two")
    await registry.save(one)
    await registry.save(two)
    assert registry.get("/one") == registry.get(one.id) == registry.get("ab1") == one
    with pytest.raises(Missing, match="multiple IDs found"):
        registry.get("ab")
    with pytest.raises(Missing, match="No such container: three"):
        registry.get("three")


async def test_a_name_belongs_to_one_container_until_it_goes(registry: Registry) -> None:
    one = container("a" * 64, "one")
    await registry.save(one)
    with pytest.raises(Conflict, match=r'The container name "/one" is already in use by container "a{64}"'):
        registry.claim_name("one", "b" * 64)
    await registry.forget(one)
    registry.claim_name("one", "b" * 64)


async def test_records_outlive_the_registry(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    saved = await Registry(state).save(container("a" * 64, "one"))
    again = Registry(state)
    assert again.load() == [saved]
    assert again.get("one") == saved
