"""What an instance is told by its environment."""

from pathlib import Path

import pytest

from console.project.environment import Environment

KNOWN = (
    *("NARU_DATA", "NARU_RUN", "NARU_HTTP", "NARU_HOST_NAME", "NARU_ENGINE", "NARU_ALLOWED_HOSTS", "NARU_HTTPS"),
    *("NARU_HOST_KEY_FILE", "NARU_SETUP", "DATABASE_URL", "REDIS_URL"),
)


def environment(monkeypatch: pytest.MonkeyPatch, **told: str) -> Environment:
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return Environment.read()


def test_untold_an_instance_lives_in_the_usual_places(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment(monkeypatch)
    assert (found.data, found.run) == (Path("/var/lib/naru"), Path("/run/naru"))
    assert (found.http_address, found.url) == (("127.0.0.1", 8000), "http://127.0.0.1:8000")
    assert (found.host_name, found.engine) == ("local", "unix:///run/naru/engine.sock")
    assert found.database_url == "sqlite:////var/lib/naru/console.sqlite3"
    assert found.redis_url == "unix:///run/naru/redis.sock"
    assert not found.https


def test_an_empty_variable_is_an_untold_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch, **dict.fromkeys(KNOWN, "")) == environment(monkeypatch)


def test_everything_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment(
        monkeypatch,
        NARU_DATA="/d",
        NARU_RUN="/r",
        NARU_HOST_NAME="b1",
        NARU_ENGINE="tcp://192.0.2.1:2375",
        NARU_HTTPS="1",
        DATABASE_URL="postgres://db/naru",
        REDIS_URL="rediss://elsewhere:6379/0",
    )
    assert (found.data, found.run, found.host_name) == (Path("/d"), Path("/r"), "b1")
    assert (found.engine, found.https) == ("tcp://192.0.2.1:2375", True)
    assert (found.database_url, found.redis_url) == ("postgres://db/naru", "rediss://elsewhere:6379/0")


def test_a_place_told_relatively_is_meant_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment(monkeypatch, NARU_DATA="data").data == tmp_path / "data"


def test_setting_up_writes_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch, NARU_SETUP="1").database_url == "sqlite://:memory:"


@pytest.mark.parametrize(
    ("http", "address", "name"),
    [
        ("127.0.0.1:8001", ("127.0.0.1", 8001), "127.0.0.1"),
        ("naru.example.org:80", ("naru.example.org", 80), "naru.example.org"),
        ("[::1]:8000", ("::1", 8000), "[::1]"),
        ("[2001:db8::7]:8000", ("2001:db8::7", 8000), "[2001:db8::7]"),
        (":8000", ("127.0.0.1", 8000), "127.0.0.1"),
    ],
)
def test_the_bound_address_is_a_name_it_answers_to(
    monkeypatch: pytest.MonkeyPatch, http: str, address: tuple[str, int], name: str
) -> None:
    found = environment(monkeypatch, NARU_HTTP=http)
    assert found.http_address == address
    assert name in found.names
    assert found.url == f"http://{name}:{address[1]}"


@pytest.mark.parametrize("http", ["localhost", "[::1]", "::1:8000", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, http: str) -> None:
    with pytest.raises(ValueError, match=r"NARU_HTTP is .* write address:port"):
        _ = environment(monkeypatch, NARU_HTTP=http).http_address


@pytest.mark.parametrize("http", ["0.0.0.0:8000", "[::]:8000"])
def test_every_address_is_nobodys_name(monkeypatch: pytest.MonkeyPatch, http: str) -> None:
    found = environment(monkeypatch, NARU_HTTP=http)
    assert found.names == ["localhost", "127.0.0.1", "[::1]"]
    assert found.url == "http://127.0.0.1:8000"


def test_allowed_names_may_be_written_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment(monkeypatch, NARU_ALLOWED_HOSTS="naru.example.org, build.example.org,")
    assert found.names[-2:] == ["naru.example.org", "build.example.org"]


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"NARU_HTTPS": "1", "NARU_ALLOWED_HOSTS": "naru.example.org"}, "https://naru.example.org"),
        ({"NARU_HTTPS": "1", "NARU_ALLOWED_HOSTS": ".example.org,naru.example.org"}, "https://naru.example.org"),
        ({"NARU_HTTP": "0.0.0.0:81", "NARU_ALLOWED_HOSTS": "naru.example.org"}, "http://naru.example.org:81"),
    ],
)
def test_links_lead_where_browsers_come_from(monkeypatch: pytest.MonkeyPatch, told: dict[str, str], url: str) -> None:
    assert environment(monkeypatch, **told).url == url


def test_celery_knows_a_redis_socket_by_its_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch).celery_broker_url == "redis+socket:///run/naru/redis.sock"
    assert environment(monkeypatch, REDIS_URL="redis://r:1/0").celery_broker_url == "redis://r:1/0"


def test_two_instances_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {environment(monkeypatch, NARU_DATA=data).instance for data in ("/a", "/b")}
    assert len(names) == 2
