from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from console.containers.forms import RunForm
from console.schedules.models import Schedule
from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}


class ScheduleForm(Form):
    """When it comes, and what becomes of times that cannot be kept. The expression is judged by the operation."""

    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"placeholder": _("Nightly build")})
    )
    cron = forms.CharField(
        label=_("When"),
        max_length=120,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "30 2 * * *"}),
        help_text=_("Minute, hour, day of the month, month, day of the week; or @hourly, @daily, @weekly."),
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        widget=forms.TextInput(attrs={**MONO, "list": "time-zones", "placeholder": "Asia/Seoul"}),
    )
    missed = forms.ChoiceField(label=_("Times that were missed"), choices=Schedule.Missed.choices)
    may_overlap = forms.BooleanField(
        label=_("May begin while an earlier job of it is still at work"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )

    @staticmethod
    def values(schedule: Schedule) -> dict[str, Any]:
        return {name: getattr(schedule, name) for name in ("name", "cron", "time_zone", "missed", "may_overlap")}


class InputsForm(Form):
    """What to do there. The fields besides ``host`` are the operation's own parameters."""

    host = forms.ChoiceField(label=_("Host"))

    def __init__(self, *args: Any, hosts: list[str], workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)
        if "workspace" in self.fields:
            offer(self, "workspace", workspaces)


class BuildInputs(InputsForm):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    tag = forms.CharField(
        label=_("Tag"), max_length=300, widget=forms.TextInput(attrs={**MONO, "placeholder": "shop/web:nightly"})
    )
    dockerfile = forms.CharField(
        label=_("Dockerfile"),
        strip=False,
        widget=forms.Textarea(attrs={**MONO, "wrap": "off", "rows": 12}),
    )


class ContainerInputs(InputsForm):
    name = forms.CharField(
        label=_("Container"), max_length=128, widget=forms.TextInput(attrs={**MONO, "placeholder": "web-1"})
    )


INPUTS: Mapping[str, type[Form]] = {
    "image.build": BuildInputs,
    "container.run": RunForm,
    "container.start": ContainerInputs,
    "container.stop": ContainerInputs,
}


def zones() -> list[str]:
    """To choose from: those that people know by a city."""
    return sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/")))
