from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.files.drift import KINDS, LONGEST_PATTERN, MOST_PATTERNS, DriftFilter
from console.files.freezing import LONGEST_AUTHOR, LONGEST_MESSAGE
from console.web.forms import Form

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class FreezeForm(Form):
    """What the image may be called and given is decided by the operation."""

    tag = forms.CharField(
        label=_("Tag"),
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop/web:frozen"}),
        help_text=_("The image’s name and version. Without a colon the version is “latest”."),
    )
    message = forms.CharField(label=_("Message"), required=False, max_length=LONGEST_MESSAGE)
    author = forms.CharField(label=_("Author"), required=False, max_length=LONGEST_AUTHOR)
    changes = forms.CharField(
        label=_("Changes to its configuration"),
        required=False,
        max_length=16_384,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": 'CMD ["/bin/server"]\nENV MODE=production'}),
        help_text=_("One instruction of a Dockerfile on each line: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER …"),
    )
    pause = forms.BooleanField(
        label=_("Hold it still meanwhile"),
        required=False,
        initial=True,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def clean_changes(self) -> list[str]:
        return str(self.cleaned_data["changes"]).splitlines()


class ResetForm(Form):
    """What cannot be undone is asked for by name."""

    confirmation = forms.CharField(label=_("Its name"), max_length=255, widget=forms.TextInput(attrs=MONO))

    def __init__(self, *args: Any, name: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = name

    def clean_confirmation(self) -> str:
        if self.cleaned_data["confirmation"].strip() != self._name:
            raise forms.ValidationError(gettext("Write the container’s name as it stands above."))
        return self._name


class NoiseForm(Form):
    patterns = forms.CharField(
        label=_("Not worth telling"),
        required=False,
        max_length=MOST_PATTERNS * LONGEST_PATTERN,
        widget=forms.Textarea(attrs={**MONO, "rows": 8, "wrap": "off"}),
        help_text=_("One path or pattern (*, ?, […]) on each line; all below it counts with it."),
    )

    def clean_patterns(self) -> list[str]:
        return str(self.cleaned_data["patterns"]).splitlines()


class DriftFilterForm(Form):
    kind = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Every kind of change")),
            ("added", _("added")),
            ("modified", _("modified")),
            ("removed", _("removed")),
        ],
    )
    text = forms.CharField(required=False, max_length=300)
    noise = forms.BooleanField(required=False)

    def wanted(self, noise: list[str]) -> DriftFilter:
        self.is_valid()
        given: dict[str, Any] = getattr(self, "cleaned_data", {})
        kind = given.get("kind") or ""
        hidden = () if given.get("noise") else noise
        return DriftFilter(noise=hidden, kind=kind if kind in KINDS else "", text=given.get("text") or "")
