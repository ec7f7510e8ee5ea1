"""The mail server an instance is told of."""

from pathlib import Path

import pytest

from console.project.mail import read_mail_server


def test_without_a_word_of_it_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NARU_SMTP", raising=False)
    assert read_mail_server() is None


@pytest.mark.parametrize(
    ("address", "port", "ssl", "starttls"),
    [
        ("smtp://naru@mail.example", 587, False, True),
        ("smtps://naru@mail.example", 465, True, False),
        ("smtp://naru@localhost:2525", 2525, False, False),
    ],
)
def test_what_goes_elsewhere_is_encrypted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, port: int, ssl: bool, starttls: bool
) -> None:
    (tmp_path / "password").write_text("quay-side\n")
    monkeypatch.setenv("NARU_SMTP", address)
    monkeypatch.setenv("NARU_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    found = read_mail_server()
    assert found is not None
    assert (found.port, found.ssl, found.starttls, found.user, found.password) == (
        port,
        ssl,
        starttls,
        "naru",
        "quay-side",
    )
    assert "quay-side" not in repr(found)


@pytest.mark.parametrize(
    "address", ["mail.example", "http://mail.example", "smtp://naru:canary@mail.example", "smtp://"]
)
def test_what_is_no_mail_server_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NARU_SMTP", address)
    with pytest.raises(ValueError, match="NARU_SMTP") as caught:
        read_mail_server()
    assert "canary" not in str(caught.value)


def test_a_user_without_a_password_is_half_a_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARU_SMTP", "smtp://naru@mail.example")
    monkeypatch.delenv("NARU_SMTP_PASSWORD_FILE", raising=False)
    with pytest.raises(ValueError, match="NARU_SMTP_PASSWORD_FILE"):
        read_mail_server()
