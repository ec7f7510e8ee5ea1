"""The provider that the environment names: whole, or an error that says what is missing."""

from pathlib import Path

import pytest

from console.operations.permissions import Role
from console.project.oidc import read_providers

WHOLE = {"NARU_OIDC_ISSUER": "https://id.example.org/realm", "NARU_OIDC_CLIENT_ID": "naru"}


def configure(monkeypatch: pytest.MonkeyPatch, **facts: str) -> None:
    for name, value in {**WHOLE, **facts}.items():
        monkeypatch.setenv(name, value)


def test_without_an_issuer_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, NARU_OIDC_ISSUER="")
    assert read_providers() == ()


def test_what_is_not_said_is_cautious(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch)
    (provider,) = read_providers()
    assert (provider.id, provider.name, provider.role) == ("sso", "id.example.org", None)


def test_everything_can_be_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary\n")
    named = {"NARU_OIDC_ID": "harbour", "NARU_OIDC_NAME": "Harbour", "NARU_OIDC_ROLE": "operator"}
    configure(monkeypatch, **named, NARU_OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"))
    (provider,) = read_providers()
    assert (provider.id, provider.name, provider.role) == ("harbour", "Harbour", Role.OPERATOR)
    assert provider.secret == "canary"
    assert "canary" not in repr(provider)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NARU_OIDC_ISSUER", "http://id.example.org"),
        ("NARU_OIDC_ISSUER", "id.example.org"),
        ("NARU_OIDC_CLIENT_ID", ""),
        ("NARU_OIDC_ID", "Two Words"),
        ("NARU_OIDC_ROLE", "emperor"),
        ("NARU_OIDC_CLIENT_SECRET_FILE", "/nowhere/secret"),
    ],
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    configure(monkeypatch, **{name: value})
    with pytest.raises(ValueError, match=name):
        read_providers()
