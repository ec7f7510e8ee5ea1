from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class UnseenText(forms.Textarea):
    """What was typed is not sent back, whatever else was wrong."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:  # noqa: ARG002
        return super().get_context(name, "", attrs)


def value_field() -> forms.CharField:
    return forms.CharField(
        label=_("Value"),
        strip=False,
        max_length=32 * 1024,
        widget=UnseenText(attrs={**MONO, "rows": 4}),
        help_text=_("As it is, with any line breaks. It is not shown again."),
    )


class ValueForm(Form):
    secret_value = value_field()

    def clean_secret_value(self) -> str:
        # browsers send line breaks as two characters
        return str(self.cleaned_data["secret_value"]).replace("\r\n", "\n")


class SecretForm(ValueForm):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    name = forms.CharField(
        label=_("Name"), max_length=63, widget=forms.TextInput(attrs={**MONO, "placeholder": "db-password"})
    )
    note = forms.CharField(label=_("What it is for"), required=False, max_length=200)
    secret_value = value_field()

    def __init__(self, *args: Any, workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "workspace", workspaces)
