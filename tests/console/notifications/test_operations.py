"""Rules, channels and silences: who may make them, and what cannot be."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.audit.models import AuditEntry
from console.notifications.models import Channel, Rule
from console.notifications.operations import (
    ChannelFacts,
    RuleFacts,
    add_silence,
    delete_channel,
    delete_rule,
    save_channel,
    save_rule,
)
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from console.secrets.operations import remove_secret
from console.secrets.uses import uses_of
from tests.factories.console import actor_of, make_grant, make_secret, make_user, make_workspace
from tests.factories.notifications import make_channel, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Actor:
    return actor_of(make_user(Role.ADMIN))


def of_shop(role: Role) -> Actor:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace("shop"))
    return actor_of(user)


def facts(**given: Any) -> ChannelFacts:
    return ChannelFacts(**{"name": "pager", "url": "https://hooks.example/T0/token-canary", **given})


def test_a_channel_is_on_record_without_what_its_address_may_hide(admin: Actor) -> None:
    channel = save_channel(admin, facts(secret=make_secret("hook-key").pk))
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.details["where"]) == ("notification.manage", "https://hooks.example")
    assert "token-canary" not in f"{entry.details} {entry.target_name}"
    assert channel.where == "https://hooks.example"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"url": "ftp://hooks.example/"}, "url"),
        ({"url": "https://user:word@hooks.example/"}, "url"),
        ({"secret": None}, "secret"),
        ({"secret": 987_654}, "secret"),
        ({"kind": "pigeon"}, "kind"),
        ({"kind": "email", "addresses": ""}, "addresses"),
        ({"kind": "email", "addresses": "not an address"}, "addresses"),
        ({"kind": "email", "addresses": "a@example.org " * 3 + "b@example.org\x00"}, "addresses"),
    ],
)
def test_a_channel_that_cannot_be_names_its_field(admin: Actor, given: dict[str, Any], field: str) -> None:
    secret = make_secret("hook-key")
    with pytest.raises(Invalid) as caught:
        save_channel(admin, facts(**{"secret": secret.pk, **given}))
    assert caught.value.field == field
    assert not Channel.objects.exists()


def test_a_channel_signs_with_a_secret_of_its_own_workspace(admin: Actor) -> None:
    theirs = make_secret("theirs", workspace=make_workspace("depot"))
    make_workspace("shop")
    with pytest.raises(Invalid):
        save_channel(admin, facts(workspace="shop", secret=theirs.pk))
    with pytest.raises(Invalid):
        save_channel(of_shop(Role.ADMIN), facts(workspace="shop", secret=theirs.pk))


def test_an_administrator_of_a_workspace_stays_in_it() -> None:
    shop, boss = make_workspace("shop"), of_shop(Role.ADMIN)
    secret = make_secret("hook-key", workspace=shop)
    with pytest.raises(Denied):
        save_channel(boss, facts(secret=secret.pk))
    channel = save_channel(boss, facts(workspace="shop", secret=secret.pk))
    with pytest.raises(Denied):
        save_rule(boss, RuleFacts("all", events=["job.failed"], tells_people=True))
    rule = save_rule(boss, RuleFacts("ours", "shop", events=["job.failed"], channels=[channel.pk]))
    assert list(rule.channels.all()) == [channel]
    with pytest.raises(Missing):
        save_rule(boss, RuleFacts("theirs", events=["job.failed"], tells_people=True), rule_id=make_rule("x").pk)


def test_a_rule_tells_by_channels_of_its_own_workspace_alone(admin: Actor) -> None:
    elsewhere = make_channel("elsewhere", workspace=make_workspace("depot"))
    make_workspace("shop")
    for workspace in ("shop", ""):
        with pytest.raises(Invalid) as caught:
            save_rule(admin, RuleFacts("all", workspace, events=["job.failed"], channels=[elsewhere.pk]))
        assert caught.value.field == "channels"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"events": []}, "events"),
        ({"events": ["no.such"]}, "events"),
        ({"tells_people": False}, "channels"),
        ({"name_pattern": "a" * 256}, "name_pattern"),
        ({"label": "a" * 256}, "label"),
    ],
)
def test_a_rule_that_cannot_be_names_its_field(admin: Actor, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        save_rule(admin, RuleFacts(**{"name": "all", "events": ["job.failed"], "tells_people": True, **given}))
    assert caught.value.field == field


def test_what_is_used_stays(admin: Actor) -> None:
    secret = make_secret("hook-key")
    channel = make_channel("pager", secret=secret)
    rule = make_rule("all", channel)
    assert uses_of(admin, secret) == ["channel pager"]
    with pytest.raises(Conflict, match="channel pager"):
        remove_secret(admin, "main", "hook-key")
    with pytest.raises(Conflict, match="all"):
        delete_channel(admin, channel.pk)
    delete_rule(admin, rule.pk)
    delete_channel(admin, channel.pk)
    remove_secret(admin, "main", "hook-key")
    assert not Rule.objects.filter(pk=rule.pk).exists()


def test_an_operator_may_be_silent_and_says_why() -> None:
    operator, soon = of_shop(Role.OPERATOR), timezone.now() + timedelta(hours=1)
    make_workspace("shop")
    silence = add_silence(operator, workspace="shop", until=soon, reason="moving house", name_pattern="web-*")
    assert silence.by_name == operator.name
    assert AuditEntry.objects.latest("seq").details["reason"] == "moving house"
    with pytest.raises(Denied):
        add_silence(operator, until=soon, reason="everywhere")
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"reason": " "}, "reason"),
        ({"until": timezone.now()}, "until"),
        ({"kind": "x"}, "kind"),
    ]
    for wrong, field in wrongs:
        with pytest.raises(Invalid) as caught:
            add_silence(operator, **{"workspace": "shop", "until": soon, "reason": "why", **wrong})
        assert caught.value.field == field
    with pytest.raises(Denied):
        add_silence(of_shop(Role.VIEWER), workspace="shop", until=soon, reason="why")
