from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.notifications.models import Channel, Rule
from console.notifications.operations import ChannelFacts, RuleFacts
from console.notifications.words import NAMES
from console.operations.happenings import EventKind
from console.web.forms import Form

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}
WHOLE = ("", _("the whole console"))
LENGTHS = (
    ("1", _("an hour")),
    ("8", _("eight hours")),
    ("24", _("a day")),
    ("168", _("a week")),
    ("720", _("30 days")),
)


def choose(form: forms.Form, name: str, choices: list[Any]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
    # there is always a choice made: it is not "optional" to the eye
    vars(field)["is_one_of"] = True


class RuleForm(Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    workspace = forms.ChoiceField(label=_("For"), required=False)
    events = forms.MultipleChoiceField(
        label=_("When"),
        choices=[(kind.value, NAMES[kind]) for kind in EventKind],
        widget=forms.CheckboxSelectMultiple(attrs=CHECK),
    )
    name_pattern = forms.CharField(
        label=_("Only things named"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "web-*"}),
        help_text=_("With * for anything. Empty means all."),
    )
    label = forms.CharField(
        label=_("Only things labelled"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "tier=front"}),
    )
    tells_people = forms.BooleanField(
        label=_("In the console, everybody who may see it"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )
    channels = forms.MultipleChoiceField(
        label=_("By channels"), required=False, widget=forms.CheckboxSelectMultiple(attrs=CHECK)
    )
    is_active = forms.BooleanField(
        label=_("In force"), required=False, initial=True, widget=forms.CheckboxInput(attrs=CHECK)
    )

    def __init__(self, *args: Any, workspaces: list[str], whole: bool, channels: list[Channel], **options: Any) -> None:
        super().__init__(*args, **options)
        choose(self, "workspace", [*([WHOLE] if whole else []), *((slug, slug) for slug in workspaces)])
        shown = [(str(c.pk), f"{c.name} ({c.workspace.slug})" if c.workspace else c.name) for c in channels]
        choose(self, "channels", shown)

    @staticmethod
    def values(rule: Rule) -> dict[str, Any]:
        names = ("name", "events", "name_pattern", "label", "tells_people", "is_active")
        chosen = [str(channel.pk) for channel in rule.channels.all()]
        return {**{name: getattr(rule, name) for name in names}, "channels": chosen}

    def wanted(self) -> RuleFacts:
        given = dict(self.cleaned_data)
        return RuleFacts(**{**given, "channels": [int(pk) for pk in given["channels"]]})


class ChannelForm(Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    workspace = forms.ChoiceField(label=_("For"), required=False)
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(Channel.Kind.WEBHOOK.value, _("Webhook")), (Channel.Kind.EMAIL.value, _("Email"))],
        widget=forms.RadioSelect,
        initial=Channel.Kind.WEBHOOK.value,
    )
    url = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=2000,
        strip=False,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "https://hooks.example/naru"}),
        help_text=_("On the public internet, unless the machine’s administrator allows its network. Or secret:NAME."),
    )
    secret = forms.ChoiceField(
        label=_("Secret to sign with"),
        required=False,
        help_text=_("Requests carry its signature, so that the receiver knows they are from here."),
    )
    addresses = forms.CharField(
        label=_("Addresses"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "night-shift@example.org"}),
        help_text=_("One on each line."),
    )
    is_active = forms.BooleanField(
        label=_("In force"), required=False, initial=True, widget=forms.CheckboxInput(attrs=CHECK)
    )

    def __init__(
        self, *args: Any, workspaces: list[str], whole: bool, secrets: list[tuple[str, str]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        choose(self, "workspace", [*([WHOLE] if whole else []), *((slug, slug) for slug in workspaces)])
        choose(self, "secret", [("", "—"), *secrets])

    @staticmethod
    def values(channel: Channel) -> dict[str, Any]:
        names = ("name", "kind", "url", "addresses", "is_active")
        return {**{name: getattr(channel, name) for name in names}, "secret": str(channel.secret_id or "")}

    def wanted(self) -> ChannelFacts:
        given = dict(self.cleaned_data)
        return ChannelFacts(**{**given, "secret": int(given["secret"]) if given["secret"] else None})


class SilenceForm(Form):
    workspace = forms.ChoiceField(label=_("For"), required=False)
    rule = forms.ChoiceField(label=_("Rule"), required=False)
    kind = forms.ChoiceField(
        label=_("Event"), required=False, choices=[("", _("any")), *((kind.value, NAMES[kind]) for kind in EventKind)]
    )
    name_pattern = forms.CharField(
        label=_("Only things named"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "web-*"}),
    )
    hours = forms.ChoiceField(label=_("For how long"), choices=LENGTHS, initial="1")
    reason = forms.CharField(label=_("Why"), max_length=255)

    def __init__(self, *args: Any, workspaces: list[str], whole: bool, rules: list[Rule], **options: Any) -> None:
        super().__init__(*args, **options)
        choose(self, "workspace", [*([WHOLE] if whole else []), *((slug, slug) for slug in workspaces)])
        choose(self, "rule", [("", _("any")), *((str(rule.pk), rule.name) for rule in rules)])

    def wanted(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        rule, hours = given.pop("rule"), int(given.pop("hours"))
        return {**given, "until": timezone.now() + timedelta(hours=hours), "rule_id": int(rule) if rule else None}
