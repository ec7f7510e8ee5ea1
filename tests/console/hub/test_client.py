"""What a registry is asked, what it may answer, and who gets to see a password."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_django import Settings

from console.hub import client as client_module
from console.hub.client import Client
from console.hub.documents import Variant
from console.operations.errors import ConsoleError, Denied, Missing
from console.outbound.client import Answer, Call, Failed, Refused
from tests.engine.host.registry.servers import PASSWORD, USER, docker_registry, make_authority, token_server
from tests.fakes.scripted_registry import OCI_INDEX, Asked, Reply, ScriptedRegistry, digest_of, scripted_registry


@pytest.fixture
def near(settings: Settings) -> None:
    """The machine's administrator lets the console ask loopback addresses."""
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.0/8,::1/128"


@pytest.fixture
def registry(near: None) -> Iterator[ScriptedRegistry]:
    with scripted_registry() as running:
        yield running


def plain(registry: ScriptedRegistry, username: str = "", password: str = "") -> Client:
    return Client(registry.address, username, password, is_plain=True)


def says(registry: ScriptedRegistry, path: str, body: object, **headers: str) -> None:
    """Answer requests whose path begins so."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    registry.answerers.append(lambda asked: Reply(200, data, given) if asked.path.startswith(path) else None)


def test_a_real_registry_with_passwords_lets_in_who_has_one(near: None, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "r", passwords=True) as server:
        Client(server.address, USER, PASSWORD, is_plain=True).check()
        assert Client(server.address, USER, PASSWORD, is_plain=True).repositories().names == []
        with pytest.raises(Denied, match="user and password"):
            Client(server.address, USER, "wrong", is_plain=True).check()
        with pytest.raises(Denied):
            Client(server.address, is_plain=True).check()


def test_a_registry_of_an_own_authority_is_believed_by_its_certificate_alone(near: None, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with docker_registry(tmp_path / "r", authority=authority) as server:
        Client(server.address, ca_pem=authority.ca.read_text()).check()
        with pytest.raises(Failed, match="CERTIFICATE_VERIFY_FAILED"):
            Client(server.address).check()


def test_a_token_server_is_asked_for_what_is_needed_and_no_more(near: None, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with token_server(tmp_path, authority) as tokens, docker_registry(tmp_path / "r", tokens=tokens) as server:
        client = Client(server.address, USER, PASSWORD, is_plain=True)
        client.check()
        with pytest.raises(Missing):
            client.tags("shop/web")
        scopes = [query.get("scope") for _method, query, _given in tokens.requests]
        assert scopes == [None, ["repository:shop/web:pull"]]


def test_addresses_inside_are_not_asked(registry: ScriptedRegistry, settings: Settings) -> None:
    settings.NARU_OUTBOUND_ALLOW = ""
    with pytest.raises(Refused):
        plain(registry).check()
    assert registry.asked == []


def test_a_long_list_comes_in_pages(registry: ScriptedRegistry) -> None:
    says(registry, "/v2/_catalog", {"repositories": ["c"]})
    says(registry, "/v2/_catalog?n=100&", {"repositories": ["c"]})
    link = '<http://elsewhere.example/v2/_catalog?n=100&last=b>; rel="next"'
    says(registry, "/v2/_catalog?n=100", {"repositories": ["a", "b"]}, Link=link)
    registry.answerers.append(lambda asked: Reply(200, b'{"repositories": ["c"]}') if "last=b" in asked.path else None)
    first = plain(registry).repositories()
    assert (first.names, first.after) == (["a", "b"], "b")
    # where the link leads is not believed
    assert plain(registry).repositories(after=first.after).names == ["c"]


def test_a_search_looks_through_the_pages(registry: ScriptedRegistry) -> None:
    says(registry, "/v2/_catalog", {"repositories": ["shop/web", "shop/db", "other"]})
    assert plain(registry).search("SHOP").names == ["shop/web", "shop/db"]


def test_a_catalogue_without_end_is_searched_in_part(registry: ScriptedRegistry) -> None:
    says(registry, "/v2/_catalog", {"repositories": ["shop/web"]}, Link="</v2/_catalog?last=shop/web>; rel=next")
    found = plain(registry).search("web")
    assert found.is_cut
    assert len(registry.asked) == client_module.MOST_PAGES


def test_a_registry_that_hides_its_list_says_so(registry: ScriptedRegistry) -> None:
    with pytest.raises(Missing, match="does not list"):
        plain(registry).repositories()
    with pytest.raises(Missing, match="does not list"):
        Client("docker.io").repositories()


def test_a_tag_is_told_with_size_and_date(registry: ScriptedRegistry) -> None:
    registry.add_image("1.0", [b"a" * 1000, b"b" * 1000])
    listed = plain(registry).image("shop/web", "1.0")
    (variant,) = listed.variants
    assert (variant.platform, variant.layers, listed.is_index) == ("linux/amd64", 2, False)
    assert variant.size_bytes > 0
    assert str(variant.created_at) == "2024-01-02 03:04:05+00:00"


def test_an_index_is_told_platform_by_platform(registry: ScriptedRegistry) -> None:
    registry.add_image("arm", [b"a" * 500], architecture="arm64")
    entries = [
        {"digest": digest_of(registry.manifests["arm"][1]), "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:" + 64 * "0", "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    digest = registry.add_manifest("all", {"mediaType": OCI_INDEX, "manifests": entries}, OCI_INDEX)
    listed = plain(registry).image("shop/web", "all")
    assert (listed.digest, listed.is_index) == (digest, True)
    assert [(one.platform, one.size_bytes > 0) for one in listed.variants] == [("linux/arm64", True)]


def test_an_answer_that_is_not_what_its_digest_says_is_not_taken(registry: ScriptedRegistry) -> None:
    registry.add_image("1.0", [b"a"])
    asked = "sha256:" + 64 * "1"
    registry.manifests[asked] = registry.manifests["1.0"]
    with pytest.raises(Failed, match="digest"):
        plain(registry).image("shop/web", asked)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'{"repositories": "a"}',
        b"[" * 100_000,
        b'{"repositories": [1, null, "../x", "UPPER", "", "<script>", ' + b'"' + b"a" * 300 + b'"]}',
    ],
)
def test_a_misshapen_catalogue_gives_no_names(registry: ScriptedRegistry, body: bytes) -> None:
    says(registry, "/v2/_catalog", body)
    names: list[str] = []
    with suppress(Failed):
        names = plain(registry).repositories().names
    assert names == []


@pytest.mark.parametrize(
    "manifest",
    [
        {"config": {"digest": "sha256:short"}, "layers": []},
        {"config": {"digest": "sha256:" + 64 * "a"}, "layers": [{"size": -1}]},
        {"config": {"digest": "sha256:" + 64 * "a"}, "layers": [{"size": True}]},
        {"config": {"digest": "sha256:" + 64 * "a"}, "layers": {"a": 1}},
        {"manifests": [{"digest": "../../secrets"}]},
        {"manifests": ["x"]},
        {"mediaType": "text/html"},
        {},
    ],
)
def test_a_misshapen_manifest_is_refused(registry: ScriptedRegistry, manifest: object) -> None:
    registry.add_manifest("1.0", manifest)
    with pytest.raises(Failed):
        plain(registry).image("shop/web", "1.0")


CHALLENGED = {"Www-Authenticate": 'Bearer realm="https://{realm}/token",service="s"'}


@pytest.mark.parametrize(
    ("registry_host", "realm", "gets_it"),
    [
        ("registry.example.org", "auth.example.org", True),
        ("registry.example.org", "registry.example.org", True),
        ("registry.example.org", "auth.evil.org", False),
        ("registry.example.org", "example.org.evil.net", False),
        ("198.51.100.7", "198.51.99.7", False),
    ],
)
def test_a_password_goes_to_the_registry_s_own_domain_alone(
    monkeypatch: pytest.MonkeyPatch, registry_host: str, realm: str, gets_it: bool
) -> None:
    shown: list[tuple[str, str]] = []

    def answer(call: Call) -> Answer:
        shown.append((call.url, call.credentials.get("Authorization", "")))
        if "/token" in call.url:
            return Answer(200, (), b'{"token": "t"}', call.url)
        if call.credentials:
            return Answer(200, (), b"{}", call.url)
        challenge = CHALLENGED["Www-Authenticate"].format(realm=realm)
        return Answer(401, (("WWW-Authenticate", challenge),), b"", call.url)

    monkeypatch.setattr(client_module, "request", answer)
    Client(registry_host, "kim", "canary-password").check()
    token_url, given = shown[1]
    assert token_url.startswith(f"https://{realm}/token?service=s")
    assert given.startswith("Basic ") == gets_it
    assert shown[2] == (f"https://{registry_host}/v2/", "Bearer t")


def test_a_token_server_without_tls_gets_nothing_from_one_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Answer:
        return Answer(401, (("WWW-Authenticate", 'Bearer realm="http://registry.example/token"'),), b"", call.url)

    monkeypatch.setattr(client_module, "request", answer)
    with pytest.raises(Failed, match="https"):
        Client("registry.example", "kim", "canary-password").check()


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", None, 7, "t" * 20_000])
def test_a_token_that_is_none_is_not_sent(monkeypatch: pytest.MonkeyPatch, token: object) -> None:
    def answer(call: Call) -> Answer:
        if "/token" in call.url:
            return Answer(200, (), json.dumps({"token": token}).encode(), call.url)
        return Answer(401, (("WWW-Authenticate", 'Bearer realm="https://r.example/token"'),), b"", call.url)

    monkeypatch.setattr(client_module, "request", answer)
    with pytest.raises(Failed, match="no token"):
        Client("r.example").check()


def test_all_questions_of_a_page_have_one_limit(registry: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    client = plain(registry)
    monkeypatch.setattr(client, "_deadline", 0.0)
    with pytest.raises(Failed, match="in time"):
        client.check()


def test_a_redirect_does_not_carry_the_password(registry: ScriptedRegistry) -> None:
    with scripted_registry() as other:

        def lead_on(asked: Asked) -> Reply:
            if "Authorization" not in asked.headers:
                return Reply(401, b"", {"WWW-Authenticate": "Basic realm=x"})
            return Reply(302, b"", {"Location": f"http://{other.address}/v2/"})

        registry.answerers.append(lead_on)
        plain(registry, username="kim", password="canary-password").check()
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None]


def test_a_variant_without_facts_is_still_one() -> None:
    assert Variant("linux/amd64", "sha256:" + 64 * "a").created_at is None


def test_every_trouble_is_of_the_console_s_own_kind(registry: ScriptedRegistry) -> None:
    registry.answerers.append(lambda _asked: Reply(500, b"oops"))
    with pytest.raises(ConsoleError, match="500"):
        plain(registry).tags("shop/web")
