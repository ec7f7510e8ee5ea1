from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from console.volumes.queries import VolumeFilter
from console.web.forms import Form, PlacedForm, named_texts, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}


class VolumeForm(PlacedForm):
    """What to make. Names and options are judged by the operation."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Name"),
        max_length=128,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop_data"}),
        help_text=_("Begins with the name of its workspace and “_”, unless the workspace’s rules allow others."),
    )
    driver = forms.CharField(label=_("Driver"), max_length=64, initial="local", widget=forms.TextInput(attrs=MONO))
    options = forms.CharField(
        label=_("Driver options"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "type=tmpfs\ndevice=tmpfs\no=size=100m"}),
        help_text=_("One NAME=value on each line. What they mount of the host is judged by the workspace’s rules."),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "team=shop"}),
        help_text=_("One NAME=value on each line."),
    )

    def clean_options(self) -> dict[str, str]:
        return named_texts(self.cleaned_data["options"])

    def clean_labels(self) -> dict[str, str]:
        return named_texts(self.cleaned_data["labels"])


class BackupForm(Form):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": _("before the upgrade")}),
    )
    keep_days = forms.IntegerField(
        label=_("Keep for days"),
        min_value=0,
        max_value=3650,
        help_text=_("0 means until somebody removes it."),
    )
    stops = forms.BooleanField(
        label=_("Stop the containers that have it meanwhile"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
        help_text=_("Without it, files that are being written may be torn."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("initial", {"keep_days": settings.NARU_BACKUP_DAYS})
        super().__init__(*args, **options)


class CloneForm(Form):
    to = forms.CharField(
        label=_("Name of the clone"),
        max_length=128,
        widget=forms.TextInput(attrs=MONO),
    )


class TypedForm(Form):
    """The name once more, of what is going to be lost."""

    typed = forms.CharField(label=_("Its name"), max_length=255, widget=forms.TextInput(attrs=MONO))


class RestoreForm(Form):
    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Volume"),
        max_length=255,
        widget=forms.TextInput(attrs={**MONO, "list": "volumes"}),
        help_text=_("A new name makes a new volume. The name of one that is there writes over it."),
    )
    typed = forms.CharField(required=False, max_length=255, widget=forms.TextInput(attrs=MONO), label=_("Its name"))
    stops = forms.BooleanField(
        label=_("Stop the containers that have it meanwhile"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )

    def __init__(self, *args: Any, hosts: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)


class VolumeFilterForm(Form):
    text = forms.CharField(label=_("Name or label"), required=False, max_length=300)
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)
    gone = forms.BooleanField(label=_("Removed ones too"), required=False)

    def wanted(self) -> VolumeFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return VolumeFilter(**{name: value for name, value in self.cleaned_data.items() if value})
