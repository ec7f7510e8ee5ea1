from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}


def _days() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Keep it for"),
        min_value=0,
        max_value=3650,
        required=False,
        help_text=_("Days. 0: until somebody removes it."),
    )


class VerifyForm(Form):
    """An env.lock, or another stack; neither: the newest fingerprint."""

    lock = forms.FileField(
        label="env.lock",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".lock,.json,application/json"}),
    )
    stack = forms.TypedChoiceField(label=_("Another stack"), required=False, coerce=int, empty_value=None)

    def __init__(self, *args: Any, stacks: Sequence[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["stack"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "—"), *stacks]


class TakeForm(Form):
    volumes = forms.MultipleChoiceField(
        label=_("Volumes"), required=False, widget=forms.CheckboxSelectMultiple(attrs=CHECK)
    )
    stops = forms.BooleanField(
        label=_("Stop the containers that have them meanwhile"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
        help_text=_("Without it, files that are being written may be torn."),
    )
    keep_days = _days()

    def __init__(self, *args: Any, volumes: Sequence[str], **options: Any) -> None:
        options.setdefault("initial", {"keep_days": settings.NARU_BACKUP_DAYS, "volumes": list(volumes)})
        super().__init__(*args, **options)
        field = self.fields["volumes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in volumes]


class UploadForm(Form):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    capsule = forms.FileField(
        label=_("Capsule"),
        widget=forms.FileInput(attrs={"accept": ".tar"}),
        help_text=_("A file *.capsule.tar that “Take along” made, here or on another console."),
    )

    def __init__(self, *args: Any, workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "workspace", workspaces)


class RestoreForm(Form):
    """``missing`` are names of secrets, each of which gets a field."""

    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs=MONO),
        help_text=_("Small letters, digits, “_” and “-”."),
    )
    volumes = forms.BooleanField(
        label=_("With what is in its volumes"), required=False, widget=forms.CheckboxInput(attrs=CHECK)
    )
    over = forms.BooleanField(
        label=_("Make volumes anew that are there: what is in them is lost"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )
    moves_names = forms.BooleanField(
        label=_("Have these names mean the capsule’s images from now on"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )

    def __init__(self, *args: Any, hosts: list[str], missing: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)
        self.missing = list(missing)
        for number, name in enumerate(self.missing):
            self.fields[f"secret-{number}"] = forms.CharField(
                label=name,
                strip=False,
                max_length=32 * 1024,
                widget=forms.PasswordInput(attrs={**MONO, "autocomplete": "new-password"}),
            )

    @property
    def secret_fields(self) -> list[Any]:
        return [self[f"secret-{number}"] for number in range(len(self.missing))]

    @property
    def secrets(self) -> dict[str, str]:
        """Values that were given, by name."""
        given = {name: self.cleaned_data.get(f"secret-{number}", "") for number, name in enumerate(self.missing)}
        return {name: value for name, value in given.items() if value}
