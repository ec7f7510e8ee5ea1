from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.origins.facts import MOST_S, Given
from console.origins.models import Origin
from console.web.forms import Form, PlacedForm, named_texts

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class OriginForm(Form):
    """Fields are those of Given."""

    url = forms.CharField(
        label=_("Repository"),
        max_length=2000,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "https://git.example/shop/deploy.git"}),
        help_text=_("By https. The host fetches it: it needs git."),
    )
    ref = forms.CharField(
        label=_("Branch or tag"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "main"}),
    )
    paths = forms.CharField(
        label=_("Compose files"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={**MONO, "rows": 2, "placeholder": "compose.yaml"}),
        help_text=_(
            "One on each line, merged in this order. What they name comes along, from the folder of the first."
        ),
    )
    username = forms.CharField(label=_("User"), required=False, max_length=255, widget=forms.TextInput(attrs=MONO))
    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "secret:NAME"}),
        help_text=_("secret:NAME, a secret of the workspace. It goes to this repository’s server alone."),
    )
    variables = forms.CharField(
        label=_("Variables"),
        required=False,
        max_length=1 << 16,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "TAG=1.2"}),
        help_text=_("For ${NAME} in the files, one on each line; they go before those of .env in the repository."),
    )
    every_s = forms.IntegerField(
        label=_("Look every"),
        initial=300,
        min_value=0,
        max_value=MOST_S,
        help_text=_("Seconds, 30 at least; 0: only when a hook rings or you ask."),
    )
    on_change = forms.ChoiceField(
        label=_("A new commit"),
        choices=Origin.OnChange.choices,
        help_text=_("By itself: in your name, and never where the plan would lose data."),
    )

    def clean_variables(self) -> dict[str, str]:
        return named_texts(self.cleaned_data["variables"])

    def clean_paths(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["paths"].splitlines() if line.strip()] or ["compose.yaml"]

    @property
    def given(self) -> Given:
        return Given(**{name: self.cleaned_data[name] for name in GIVEN})

    @classmethod
    def facts_of(cls, origin: Origin) -> dict[str, Any]:
        variables = "".join(f"{name}={value}\n" for name, value in origin.stack.variables.items())
        return {**origin.facts, "paths": "\n".join(origin.paths), "variables": variables}


class NewOriginForm(PlacedForm, OriginForm):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop"}),
        help_text=_("Small letters, digits, “_” and “-”."),
    )


GIVEN = ("url", "ref", "paths", "username", "password", "every_s", "on_change", "variables")
