from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class Reach(models.TextChoices):
    AGENT = "agent", _("By its agent, which calls here")
    DIRECT = "direct", _("Directly, at an address")


class HostForm(Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "b1"}),
        help_text=_("Small letters, digits and “-”."),
    )
    reach = forms.ChoiceField(
        label=_("How the console reaches its engine"),
        choices=Reach.choices,
        initial=Reach.AGENT,
        widget=forms.RadioSelect(),
    )
    address = forms.CharField(
        label=_("Address of the engine"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "unix:///run/docker.sock"}),
        help_text=_("A socket of this machine, or tcp://host:port. Only for a host that is reached directly."),
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("reach") == Reach.DIRECT and not found.get("address"):
            self.add_error("address", _now("Write unix:///path/of/the.sock or tcp://host:port."))
        return found

    @property
    def given(self) -> dict[str, Any]:
        """As ``add_host`` takes it."""
        direct = self.cleaned_data["reach"] == Reach.DIRECT
        return {"name": self.cleaned_data["name"], "address": self.cleaned_data["address"] if direct else ""}


class RenameForm(Form):
    new_name = forms.CharField(label=_("New name"), max_length=63, widget=forms.TextInput(attrs=MONO))


class RemoveForm(Form):
    typed = forms.CharField(label=_("Its name, to be sure"), max_length=63, widget=forms.TextInput(attrs=MONO))
    force = forms.BooleanField(
        label=_("Also when stacks, schedules or jobs are there"),
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, name: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = name

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        if typed != self._name:
            raise forms.ValidationError(_now("This is not its name."))
        return typed
