"""Rules, channels, deliveries and silences. One's own list is in own_views."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.notifications import operations
from console.notifications.forms import ChannelForm, RuleForm, SilenceForm
from console.notifications.queries import (
    get_channel,
    get_rule,
    visible_channels,
    visible_deliveries,
    visible_rules,
    visible_silences,
)
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.secrets.queries import usable_secrets
from console.web.permits import require
from console.web.rendering import go_to, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import workspaces_for

MANAGE = Permission.NOTIFICATION_MANAGE
NAMED = {"name": "name"}
DELIVERIES = {"number": "pk", "state": "state"}
STATES = ("waiting", "sent", "dead")


def _choices(actor: Actor, permission: Permission = MANAGE) -> dict[str, Any]:
    """For whom something can be made: workspaces, and the whole console."""
    return {
        "workspaces": [workspace.slug for workspace in workspaces_for(actor, permission)],
        "whole": may(actor, permission),
    }


# --- rules ---


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    table = table_of(request, visible_rules(actor), sortable=NAMED, default="name")
    context = {"table": table, "tab": "rules"}
    return page_or_part(request, "notifications/rules.html", "notifications/_rules_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_rule(request: HttpRequest) -> HttpResponse:
    return _rule(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    return _rule(request, rule_id)


def _rule(request: HttpRequest, rule_id: int | None) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    found = get_rule(actor, rule_id) if rule_id is not None else None
    channels = visible_channels(actor)
    if found is not None:
        channels = channels.filter(workspace=found.workspace)
    initial = RuleForm.values(found) if found is not None else {}
    form = RuleForm(request.POST or None, **_choices(actor), channels=list(channels), initial=initial)
    if found is not None:
        del form.fields["workspace"]
    elif request.method != "POST":
        require(request, MANAGE)
    if request.method == "POST":
        require(request, MANAGE, on=found)
    if form.is_valid():
        try:
            operations.save_rule(actor, form.wanted(), rule_id=rule_id)
        except (Invalid, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("notifications:rules")
    context = {"form": form, "rule": found, "has_channels": bool(channels)}
    return render(request, "notifications/rule.html", context, status=form.answer)


@require_POST
def delete_rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    operations.delete_rule(Actor.of_request(request), rule_id)
    return go_to(request, "/alerts/")


# --- channels ---


@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    table = table_of(request, visible_channels(actor), sortable=NAMED, default="name")
    context = {"table": table, "tab": "channels"}
    return page_or_part(request, "notifications/channels.html", "notifications/_channels_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_channel(request: HttpRequest) -> HttpResponse:
    return _channel(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    return _channel(request, channel_id)


def _channel(request: HttpRequest, channel_id: int | None) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    found = get_channel(actor, channel_id) if channel_id is not None else None
    secrets = [
        (str(secret.pk), f"{secret.workspace.slug}/{secret.name}")
        for secret in usable_secrets(actor)
        if found is None or found.workspace_id in (None, secret.workspace_id)
    ]
    initial = ChannelForm.values(found) if found is not None else {}
    form = ChannelForm(request.POST or None, **_choices(actor), secrets=secrets, initial=initial)
    if found is not None:
        del form.fields["workspace"], form.fields["kind"]
    elif request.method != "POST":
        require(request, MANAGE)
    if request.method == "POST":
        require(request, MANAGE, on=found)
    if form.is_valid():
        try:
            saved = operations.save_channel(actor, form.wanted(), channel_id=channel_id)
        except (Invalid, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("notifications:channel", saved.pk)
    rows = visible_deliveries(actor, channel=found)[:10] if found is not None else []
    context = {"form": form, "channel": found, "deliveries": rows, "may_look": _may_look(actor, found)}
    return render(request, "notifications/channel.html", context, status=form.answer)


def _may_look(actor: Actor, found: object) -> bool:
    """An address may hold a secret: who does not look after channels is not shown it."""
    return found is None or may(actor, MANAGE, on=found)  # type: ignore[arg-type]


@require_POST
def delete_channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    operations.delete_channel(Actor.of_request(request), channel_id)
    return go_to(request, "/alerts/channels/")


@require_POST
def try_channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    operations.send_test(Actor.of_request(request), channel_id)
    messages.success(request, _("A test is on its way. Its answer is shown below."))
    return go_to(request, f"/alerts/channels/{channel_id}/")


# --- deliveries ---


@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    state = request.GET.get("state", "")
    rows = visible_deliveries(actor, state=state if state in STATES else "")
    table = table_of(request, rows, sortable=DELIVERIES, default="-number")
    context = {"table": table, "tab": "deliveries", "state": state}
    return page_or_part(request, "notifications/deliveries.html", "notifications/_deliveries_rows.html", context)


@require_POST
def resend(request: HttpRequest, delivery_id: int) -> HttpResponse:
    operations.resend_delivery(Actor.of_request(request), delivery_id)
    messages.success(request, _("It is on its way again."))
    return go_to(request, "/alerts/deliveries/")


# --- silences ---


@require_safe
def silences(request: HttpRequest) -> HttpResponse:
    return _silences(request, None)


@require_POST
def new_silence(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_SILENCE)
    form = _silence_form(request, actor)
    if form.is_valid():
        try:
            operations.add_silence(actor, **form.wanted())
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Silent from now on."))
            return redirect("notifications:silences")
    return _silences(request, form)


@require_POST
def end_silence(request: HttpRequest, silence_id: int) -> HttpResponse:
    operations.end_silence(Actor.of_request(request), silence_id)
    return go_to(request, "/alerts/silences/")


def _silences(request: HttpRequest, form: SilenceForm | None) -> HttpResponse:
    actor = require(request, Permission.NOTIFICATION_VIEW)
    form = form or _silence_form(request, actor)
    context = {"silences": visible_silences(actor), "form": form, "tab": "silences"}
    response = page_or_part(request, "notifications/silences.html", "notifications/_silences_rows.html", context)
    response.status_code = form.answer
    return response


def _silence_form(request: HttpRequest, actor: Actor) -> SilenceForm:
    choices = _choices(actor, Permission.NOTIFICATION_SILENCE)
    return SilenceForm(request.POST or None, **choices, rules=list(visible_rules(actor)))
