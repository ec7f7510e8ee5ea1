"""The tabs of a container: what the engine tells, with what a person may not see hidden in every one of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, RequestFactory, override_settings

from console.containers import inspected
from console.containers.environment import env_rule
from console.containers.links import linked_ports
from console.containers.models import Container
from console.hosts.models import Host
from console.operations.errors import Unavailable
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import (
    actor_of,
    bearer,
    make_api_token,
    make_container,
    make_image,
    make_job,
    make_secret,
    make_user,
    sign_in_browser,
)
from tests.factories.engine import HOSTILE, inspection

pytestmark = pytest.mark.django_db
TABS = ("health", "config", "network", "storage", "inspect")
VALUE, SECRET = "key-in-the-clear", "quay-side-lantern"


@pytest.fixture
def container() -> Container:
    """Made by a job whose DB_PASSWORD was a secret."""
    job = make_job("container.run", args={"env": {"API_KEY": VALUE, "DB_PASSWORD": "secret:db-password"}})
    made = make_container("web-1", labels={"naru.job": str(job.number)}, health="unhealthy", shape={"env": ["API_KEY"]})
    made.secrets.add(make_secret("db-password", SECRET))
    return made


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the engine answer with ``document``, or with nothing."""

    def answer(document: dict[str, Any] | None = None) -> None:
        async def asked(*_given: object) -> dict[str, Any]:
            if document is None:
                raise Unavailable("the engine broke off")
            return document

        monkeypatch.setattr(inspected, "_asked", asked)

    return answer


def page(role: Role, tab: str, *, name: str = "web-1") -> str:
    client = sign_in_browser(Client(), make_user(role))
    answer = client.get(f"/containers/local/{name}/{tab}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("health/", ["3 failures in a row", "exit code 7", "curl -f localhost", "5 s"]),
        ("config/", ["/bin/serve", "--port 80", "on-failure:5", "NET_ADMIN", "1000:1000", "team"]),
        ("network/", ["shop-net", "172.30.0.2/16", "02:42:ac:1e:00:02", "192.0.2.53", "9000/udp", "<svg"]),
        ("storage/", ["4.2 MB", "/srv/pages", "pages", "read only", "/run"]),
        ("inspect/", ["RestartCount", "shop-net"]),
    ],
)
def test_a_tab_tells_what_the_engine_does(
    container: Container, engine: Callable[..., None], tab: str, words: list[str]
) -> None:
    engine(inspection(container.engine_id))
    text = page(Role.VIEWER, tab)
    assert [word for word in words if word not in text] == []
    assert "does not answer" not in text
    assert HOSTILE not in text


@pytest.mark.parametrize("tab", [*(f"{tab}/" for tab in TABS), "inspect/download"])
def test_values_are_shown_to_who_may_see_them_and_secrets_to_nobody(
    container: Container, engine: Callable[..., None], tab: str
) -> None:
    engine(inspection(container.engine_id))
    for role in (Role.VIEWER, Role.OPERATOR, Role.DEVELOPER, Role.ADMIN):
        text = page(role, tab)
        assert SECRET not in text
        may_see = role in (Role.DEVELOPER, Role.ADMIN) and tab in ("config/", "inspect/", "inspect/download")
        assert (VALUE in text) == may_see


def test_when_nobody_knows_which_were_secrets_all_of_them_are(container: Container) -> None:
    admin = actor_of(make_user(Role.ADMIN))
    assert env_rule(admin, container).secret_names == frozenset({"DB_PASSWORD"})
    container.labels = {}
    assert env_rule(admin, container).secret_names is None
    # a label that names another's job
    container.labels = {"naru.job": str(make_job("container.run", args={"env": {"A": "b"}}).number)}
    assert env_rule(admin, container).secret_names is None
    assert env_rule(admin, make_container()).secret_names == frozenset()


def test_what_checks_print_is_as_private_as_a_log(container: Container, engine: Callable[..., None]) -> None:
    engine(inspection(container.engine_id))
    user = make_user(Role.ADMIN)
    token = make_api_token(user, permissions=["container.view"])
    for part in ("health", "inspect"):
        answer = Client().get(f"/api/v1/containers/local/web-1/{part}", headers=bearer(token))
        assert answer.status_code == 200
        assert "all is well" not in answer.content.decode()
    full = Client().get("/api/v1/containers/local/web-1/health", headers=bearer(make_api_token(user)))
    assert [probe["output"] for probe in full.json()["probes"]][1] == "all is well"


@pytest.mark.parametrize("tab", TABS)
def test_a_host_that_is_away_leaves_what_was_last_known(
    container: Container, engine: Callable[..., None], tab: str
) -> None:
    engine(None)
    text = page(Role.ADMIN, f"{tab}/")
    assert "does not answer" in text
    assert "is-old" in text
    with writes_allowed("test"):
        Host.objects.update(state="unreachable")
    assert "Host local does not answer" in page(Role.ADMIN, f"{tab}/")


def test_the_api_says_that_it_is_old(container: Container, engine: Callable[..., None]) -> None:
    engine(None)
    token = make_api_token(make_user(Role.ADMIN))
    for part in TABS:
        answer = Client().get(f"/api/v1/containers/local/web-1/{part}", headers=bearer(token)).json()
        assert answer["is_old"] is True
    config = Client().get("/api/v1/containers/local/web-1/config", headers=bearer(token)).json()
    assert config["env"] == [{"name": "API_KEY", "value": None, "is_secret": False}]


def test_health_is_a_tab_where_something_is_checked(engine: Callable[..., None]) -> None:
    make_container("plain")
    make_container("checked", health="healthy")
    assert "/containers/local/plain/health/" not in page(Role.VIEWER, "", name="plain")
    assert "/containers/local/checked/health/" in page(Role.VIEWER, "", name="checked")


def test_a_removed_container_keeps_its_config(engine: Callable[..., None]) -> None:
    engine(None)
    gone = make_container("gone", shape={"restart": "always"})
    with writes_allowed("test"):
        gone.gone_at = gone.created_at
        gone.save()
    text = page(Role.VIEWER, "config/", name=gone.short_id)
    assert "always" in text
    assert "is-old" not in text


# --- the first page ---


def test_it_says_why_it_ended_and_how_often_it_was_restarted() -> None:
    make_container("web-1", state="exited", exit_code=139, restart_count=4, shape={"restart": "always"})
    text = page(Role.VIEWER, "")
    assert "segmentation fault" in text
    assert "always" in text


def test_a_newer_image_of_the_same_name_is_hinted_at() -> None:
    newer = make_image("hello-naru:latest")
    make_container("web-1", image_engine_id="cd" * 32)
    make_container("web-2", image_engine_id=newer.engine_id)
    assert newer.short_id in page(Role.VIEWER, "")
    assert newer.short_id not in page(Role.VIEWER, "", name="web-2")


SOCKET = "unix:///run/naru/engine.sock"


@pytest.mark.parametrize(
    ("of_host", "of_console", "published_on", "link"),
    [
        ({"address": SOCKET}, "naru.test:8000", "0.0.0.0", "http://naru.test:8080/"),
        ({"address": SOCKET}, "[fd00::1]:8000", "::", "http://[fd00::1]:8080/"),
        ({"address": SOCKET}, "naru.test", "192.0.2.7", "http://192.0.2.7:8080/"),
        # what only the machine itself reaches
        ({"address": SOCKET}, "localhost:8000", "127.0.0.1", "http://127.0.0.1:8080/"),
        ({"address": SOCKET}, "[::1]:8000", "::1", "http://[::1]:8080/"),
        ({"address": SOCKET}, "naru.test", "127.0.0.1", ""),
        # other machines
        ({"address": "tcp://b1.test:2375"}, "naru.test", "0.0.0.0", "http://b1.test:8080/"),
        ({"address": "tcp://b1.test:2375"}, "localhost", "127.0.0.1", ""),
        ({"address": "tcp://127.0.0.1:2375"}, "naru.test", "0.0.0.0", "http://naru.test:8080/"),
        ({"address": "agent://1", "called_from": "192.0.2.9"}, "naru.test", "0.0.0.0", "http://192.0.2.9:8080/"),
        ({"address": "agent://1"}, "naru.test", "0.0.0.0", ""),
    ],
)
def test_ports_lead_to_the_machine_that_has_them(
    of_host: dict[str, str], of_console: str, published_on: str, link: str
) -> None:
    port = {"host_address": published_on, "host_port": 8080, "container_port": 80, "protocol": "tcp"}
    request = RequestFactory().get("/", headers={"host": of_console})
    with override_settings(ALLOWED_HOSTS=["*"]):
        assert [one["link"] for one in linked_ports(request, Host(**of_host), [port])] == [link]


def test_ports_are_links() -> None:
    ports = [{"host_address": "0.0.0.0", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]
    make_container("web-1", ports=ports)
    assert 'href="http://testserver:8080/"' in page(Role.VIEWER, "")


def test_the_document_is_text_that_the_page_s_script_reads_back(
    container: Container, engine: Callable[..., None]
) -> None:
    engine(inspection(container.engine_id))
    client = sign_in_browser(Client(), make_user(Role.VIEWER))
    answer = client.get("/containers/local/web-1/inspect/download")
    assert json.loads(answer.content)["Config"]["User"] == "1000:1000"
    assert "attachment" in answer["Content-Disposition"]
