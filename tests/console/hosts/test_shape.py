"""What a container was made to be is read from any engine's answer, is bounded, and holds no value of a variable."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.hosts.facts import container_fact
from console.hosts.shape import MOST_ENTRIES, env_of, settings_of, shape_of
from tests.factories.engine import inspection

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("Env", "Cmd", "Healthcheck", "Networks", "Mounts", "Tmpfs", "RestartPolicy", "Ulimits", "Devices", "Dns")


def test_it_tells_what_the_engine_was_asked_for() -> None:
    shape = shape_of(inspection("ab" * 32))
    assert (shape["entrypoint"], shape["command"], shape["restart"]) == (
        ["/bin/serve"],
        ["--port", "80"],
        "on-failure:5",
    )
    assert shape["limits"] == {"memory": 64 << 20, "cpus": 0.5, "pids": 100}
    assert shape["security"] == {
        "read_only": True,
        "cap_add": ["NET_ADMIN"],
        "security_opt": ["no-new-privileges"],
    }
    assert shape["check"]["interval_s"] == 5
    assert shape["networks"][0]["address"] == "172.30.0.2"
    assert [mount["target"] for mount in shape["mounts"]] == ["/etc/site", "/srv/pages"]
    assert shape["exposed"] == ["80/tcp", "9000/udp"]


def test_a_value_of_a_variable_is_nowhere_in_it() -> None:
    document = inspection("ab" * 32)
    fact = container_fact(document)
    assert fact.shape["env"] == ["API_KEY", "DB_PASSWORD", "PATH"]
    assert "key-in-the-clear" not in json.dumps(fact.as_json())
    assert dict(env_of(document))["API_KEY"] == "key-in-the-clear"


def test_addresses_are_no_setting() -> None:
    before = inspection("ab" * 32)
    after = inspection("ab" * 32)
    after["NetworkSettings"]["Networks"]["shop-net"]["IPAddress"] = "172.30.0.9"
    assert shape_of(before) != shape_of(after)
    assert settings_of(shape_of(before)) == settings_of(shape_of(after))


def test_it_is_bounded() -> None:
    shape = shape_of(inspection("ab" * 32, Env=[f"N{n}=v" for n in range(5000)], Cmd=["x" * 100_000] * 5000))
    assert len(shape["env"]) == MOST_ENTRIES
    assert len(json.dumps(shape)) < 200_000


@given(st.dictionaries(st.sampled_from(PARTS), ANYTHING, max_size=4))
def test_whatever_an_engine_answers_is_read(odd: dict[str, Any]) -> None:
    document = {
        "Config": odd,
        "HostConfig": odd,
        "NetworkSettings": {"Networks": odd.get("Networks")},
        "Mounts": odd.get("Mounts"),
    }
    assert json.dumps(shape_of(document))
    assert shape_of({name: [] for name in document})["env"] == []
