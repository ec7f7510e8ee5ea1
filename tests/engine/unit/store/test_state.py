import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.model.container import Container, ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Invalid, Unavailable
from engine.model.image import Healthcheck, History, Image, ImageConfig
from engine.model.platform import Platform
from engine.model.ports import Port, PortBinding
from engine.model.reference import Reference
from engine.store.records import CacheEntry, Layer
from engine.store.schema import MIGRATIONS
from engine.store.state import State

NOW = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)
ONE, TWO = Digest.of(b"1"), Digest.of(b"2")


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "state.db")
    yield state
    state.close()


def image(image_id=ONE, **more):
    config = ImageConfig(
        entrypoint=(),
        cmd=("sh",),
        labels={"a": "b"},
        exposed_ports=frozenset({Port(80)}),
        healthcheck=Healthcheck(("NONE",)),
    )
    history = (History(NOW, "step"),)
    return Image(image_id, config, Platform(), NOW, (TWO,), history, **more)


def container():
    spec = ContainerSpec(ONE, "x", port_bindings=(PortBinding(Port(80), "", 8080),), sysctls={"a": "1"})
    return Container("c" * 64, "name", spec, NOW, layers=(ONE, TWO), exit_code=3)


def test_what_was_saved_comes_back_the_same_after_reopening(state, tmp_path):
    layer = Layer(TWO, TWO, None, ONE, "application/x", 5, 3, 1000)
    entry = CacheEntry("key", ONE, NOW)
    reference = Reference.parse("registry.example:5000/a/b:1")
    state.save_image(image())
    state.set_tag(reference, ONE)
    state.save_container(container())
    state.save_layer(layer)
    state.save_cached(entry)
    state.set_setting("subnet", "172.20.0.0/16")
    state.close()
    again = State(tmp_path / "state.db")
    assert again.images() == [image()]
    assert again.containers() == [container()]
    assert again.layers() == [layer]
    assert again.tags() == {reference: ONE}
    assert again.find_cached("key") == entry
    assert again.get_setting("subnet") == "172.20.0.0/16"
    again.close()


def test_saving_an_image_again_keeps_its_tags(state):
    state.save_image(image())
    state.set_tag(Reference.parse("a:1"), ONE)
    state.save_image(replace(image(), comment="new"))
    assert state.tags() == {Reference.parse("a:1"): ONE}


def test_deleting_an_image_takes_its_tags_and_cache_entries(state):
    state.save_image(image())
    state.set_tag(Reference.parse("a:1"), ONE)
    state.save_cached(CacheEntry("key", ONE, NOW))
    state.delete_image(ONE)
    assert state.tags() == {}
    assert state.find_cached("key") is None


def test_a_tag_for_an_image_that_is_not_there_is_invalid(state):
    with pytest.raises(Invalid):
        state.set_tag(Reference.parse("a:1"), ONE)


def test_a_record_that_does_not_decode_is_set_aside_and_harms_nothing_else(state, tmp_path):
    state.save_container(container())
    with sqlite3.connect(tmp_path / "state.db") as other:
        other.execute("INSERT INTO container VALUES ('bad', '{\"id\": 5}')")
    other.close()
    assert state.containers() == [container()]
    assert state.query("SELECT origin, id FROM quarantine") == [("container", "bad")]


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, None], ids=["overwritten", "cut"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, damage):
    path = tmp_path / "state.db"
    state = State(path)
    for number in range(200):
        state.set_setting(str(number), "x" * 200)
    state.close()
    path.write_bytes(damage or path.read_bytes()[:9000])
    with pytest.raises(Unavailable, match=r"state\.db is damaged .* put back a copy of it"):
        State(path)


def test_a_file_of_a_newer_engine_is_left_alone(tmp_path):
    path = tmp_path / "state.db"
    State(path).close()
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    other.close()
    with pytest.raises(Unavailable, match="use a newer engine"):
        State(path)
