from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.hub.facts import Given
from console.hub.models import Registry
from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class RegistryForm(Form):
    address = forms.CharField(
        label=_("Address"),
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "registry.example:5000"}),
        help_text=_("As image names begin with it. Docker Hub is docker.io."),
    )
    username = forms.CharField(label=_("User"), required=False, max_length=255, widget=forms.TextInput(attrs=MONO))
    password = forms.CharField(
        label=_("Password or token"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "secret:NAME"}),
        help_text=_("secret:NAME, a secret of the workspace. Jobs get it on the host, pages never show it."),
    )
    is_plain = forms.BooleanField(
        label=_("Speaks plain http"),
        required=False,
        help_text=_("Passwords and images go over the network as they are."),
    )
    ca_pem = forms.CharField(
        label=_("Certificates to trust"),
        required=False,
        strip=False,
        max_length=64 * 1024,
        widget=forms.Textarea(attrs={**MONO, "rows": 4, "placeholder": "-----BEGIN CERTIFICATE-----"}),
        help_text=_("In PEM, for the console's own questions. Each host's engine has its own."),
    )

    @property
    def given(self) -> Given:
        return Given(**{name: self.cleaned_data[name] for name in GIVEN})

    @classmethod
    def facts_of(cls, registry: Registry) -> dict[str, Any]:
        return {name: getattr(registry, name) for name in GIVEN}


class NewRegistryForm(RegistryForm):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    name = forms.CharField(
        label=_("Name"), max_length=63, widget=forms.TextInput(attrs={**MONO, "placeholder": "company"})
    )

    def __init__(self, *args: Any, workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "workspace", workspaces)


GIVEN = ("address", "username", "password", "is_plain", "ca_pem")
