import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.containers.queries import ContainerFilter
from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", re.IGNORECASE)
UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
LARGEST_BYTES = 2**53


class SizeField(forms.CharField):
    """Bytes as Docker reads them: ``512m`` is 512 · 1024 · 1024."""

    def clean(self, value: Any) -> Any:
        text = str(super().clean(value) or "")
        if not text:
            return None
        match = SIZE.fullmatch(text)
        size_bytes = int(float(match[1]) * UNITS[match[2].lower()]) if match else -1
        if not 0 < size_bytes <= LARGEST_BYTES:
            raise forms.ValidationError(gettext("Write a size such as 512m or 2g."))
        return size_bytes


class RunForm(Form):
    """What to run. Names, ports and limits are judged by the operation, which knows what is taken."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    image = forms.CharField(
        label=_("Image"),
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "list": "known-images", "placeholder": "hello-naru:latest"}),
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=128,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "web-1"}),
        help_text=_("One is made up when this is empty."),
    )
    command = forms.CharField(
        label=_("Command"),
        required=False,
        max_length=32_768,
        widget=forms.TextInput(attrs={**MONO, "placeholder": 'sh -c "echo hello"'}),
        help_text=_("Replaces the image’s own command. Split at spaces; quotes keep words together."),
    )
    env = forms.CharField(
        label=_("Environment"),
        required=False,
        strip=False,
        max_length=262_144,
        widget=forms.Textarea(attrs={**MONO, "rows": 4, "placeholder": "GREETING=hello\nTZ=Asia/Seoul"}),
        help_text=_("One NAME=value on each line. The value secret:NAME refers to a secret."),
    )
    ports = forms.CharField(
        label=_("Ports"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 4, "placeholder": "8080:80\n0.0.0.0:8443:443"}),
        help_text=_("One on each line: host port, colon, container port. On 127.0.0.1 unless an address is given."),
    )
    memory_bytes = SizeField(
        label=_("Memory limit"), required=False, widget=forms.TextInput(attrs={**MONO, "placeholder": "512m"})
    )
    cpus = forms.FloatField(
        label=_("CPU limit"),
        required=False,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "1.5", "inputmode": "decimal"}),
    )

    def __init__(self, *args: Any, hosts: list[str], workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)
        offer(self, "workspace", workspaces)

    def clean_env(self) -> dict[str, str]:
        env: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["env"].splitlines(), start=1):
            if not line.strip():
                continue
            name, equals, value = line.partition("=")
            if not equals:
                raise forms.ValidationError(gettext("Line %(number)d has no “=”.") % {"number": number})
            env[name.strip()] = value
        return env

    def clean_ports(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["ports"].splitlines() if line.strip()]


class ContainerFilterForm(Form):
    text = forms.CharField(label=_("Name, image or id"), required=False, max_length=300)
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Any state")), *Container.State.choices]
    )
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)
    gone = forms.BooleanField(label=_("Removed ones too"), required=False)

    def wanted(self) -> ContainerFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return ContainerFilter(**{name: value for name, value in self.cleaned_data.items() if value})
