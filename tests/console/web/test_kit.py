"""What is made as HTML without a template: nothing that anybody has named gets into it as it is."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone, translation

from console.containers.buttons import Buttons
from console.web.kit import Action, Confirm
from tests.factories.console import make_container

EVIL = "\"'><script>alert(1)</script>&"
MADE = "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"


class Anything:
    """Whoever may do all that there is."""

    def refusal(self, _permission: str, *, on: object = None) -> str:
        return ""


def shown(text: str, **context: object) -> str:
    return Template("{% load naru containers %}" + text).render(Context(context))


def test_a_button_escapes_each_word_of_it() -> None:
    html = Action(EVIL, EVIL, "trash", id=EVIL, css=EVIL, confirm=Confirm(EVIL, EVIL, EVIL)).html(EVIL)
    assert "<script" not in html
    # the address twice, the token, id, css, the label three times, and what is asked first, its label among it
    assert html.count(MADE) == 11


def test_a_button_that_is_refused_says_why_and_cannot_be_sent() -> None:
    html = Action("/x/", "Stop", "player-stop", refusal=EVIL).html("token")
    assert "<form" not in html
    assert "disabled" in html
    assert html.count(MADE) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["running", "paused", "exited"])
def test_each_button_of_a_container_has_the_address_of_what_it_does(state: str) -> None:
    container = make_container("web-1", state=state)
    found = list(Buttons(container, Anything()).all())  # type: ignore[arg-type]
    place = [container.host.name, container.key]
    assert found
    for button in found:
        verb = button.id.partition("-")[0]
        assert button.url == reverse(f"containers:{verb}", args=place)


def test_ports_are_told_and_those_that_are_too_many_in_the_title() -> None:
    ports = [{"host_address": EVIL, "host_port": 8000 + n, "container_port": 80, "protocol": "tcp"} for n in range(5)]
    html = shown("{% port_list ports %}", ports=ports)
    assert "<script" not in html
    assert html.count(MADE) == 3
    assert "8004→80/tcp" in html
    assert "—" in shown("{% port_list ports %}", ports=[])


@pytest.mark.parametrize(
    ("ago_s", "words"),
    [
        (5, "5 seconds ago"),
        (119, "a minute ago"),
        (3 * 3600 + 59 * 60, "3 hours ago"),
        (90_000, "1 day, 1 hour ago"),
        (-5, "from now"),
    ],
)
def test_it_is_told_how_long_ago_it_was(ago_s: int, words: str) -> None:
    html = shown("{% when at %}", at=timezone.now() - timedelta(seconds=ago_s, milliseconds=500))
    assert words in html.replace("\xa0", " ")


def test_it_is_told_in_the_language_that_is_read() -> None:
    at = timezone.now() - timedelta(minutes=5, seconds=1)
    assert "minutes ago" in shown("{% when at %}", at=at).replace("\xa0", " ")
    with translation.override("ko"):
        assert "분" in shown("{% when at %}", at=at)
        assert "실행" in shown('{% state "running" %}')


def test_a_name_in_a_question_is_only_a_name() -> None:
    text = '{% about _("Pick {name}") name %}'
    assert MADE in shown(text, name=EVIL)
    assert shown(text, name="web %(name)s") == "Pick web %(name)s"
    with translation.override("ko"):
        assert shown(text, name="web") == "web 선택"
