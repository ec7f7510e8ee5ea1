from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
EXAMPLE = """FROM hello-naru:latest
ENV GREETING="Good morning"
CMD ["/bin/sh", "-c", "while :; do echo $GREETING; sleep 1; done"]"""


SOURCES = [("dockerfile", _("Paste text")), ("context", _("Upload a folder"))]


class BuildForm(Form):
    """A Dockerfile pasted, or a context uploaded. What they may hold is decided by the operation."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    tag = forms.CharField(
        label=_("Tag"),
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop/web:1.0"}),
        help_text=_("The image’s name and version. Without a colon the version is “latest”."),
    )
    source = forms.ChoiceField(
        choices=SOURCES,
        widget=forms.RadioSelect,
        initial="dockerfile",
    )
    dockerfile = forms.CharField(
        label=_("Dockerfile"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**MONO, "wrap": "off", "rows": 18, "placeholder": EXAMPLE}),
    )
    context = forms.FileField(
        label=_("Archive"),
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".tar,.tar.gz,.tgz,.zip"}),
        help_text=_("A .tar, .tar.gz or .zip of the folder that holds the Dockerfile, at most 64 MiB."),
    )
    # the job whose uploaded files are built once more
    context_of = forms.IntegerField(required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput)
    dockerfile_path = forms.CharField(
        label=_("Path inside it"),
        required=False,
        max_length=255,
        initial="Dockerfile",
        widget=forms.TextInput(attrs=MONO),
    )

    secrets = forms.CharField(
        label=_("Secrets"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "npmrc=secret:npm-token"}),
        help_text=_("One id=secret:NAME on each line, for RUN --mount=type=secret,id=…"),
    )
    registries = forms.CharField(
        label=_("Registries that want a password"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "registry.example robot secret:registry-token"}),
        help_text=_("On each line an address, a user and secret:NAME."),
    )

    def __init__(self, *args: Any, hosts: list[str], workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)
        offer(self, "workspace", workspaces)
        if self["context_of"].value():
            source = self.fields["source"]
            assert isinstance(source, forms.ChoiceField)
            again = _("The same files as job %(number)s") % {"number": self["context_of"].value()}
            source.choices = [("again", again), *SOURCES]

    def clean_secrets(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["secrets"].splitlines(), start=1):
            name, equals, value = (part.strip() for part in line.partition("="))
            if line.strip() and not equals:
                raise forms.ValidationError(gettext("Line %(number)d has no “=”.") % {"number": number})
            if line.strip():
                found[name] = value
        return found

    def clean_registries(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for number, line in enumerate(self.cleaned_data["registries"].splitlines(), start=1):
            words = line.split()
            if words and len(words) != 3:
                raise forms.ValidationError(
                    gettext("Line %(number)d: write an address, a user and secret:NAME.") % {"number": number}
                )
            if words:
                found[words[0]] = {"username": words[1], "password": words[2]}
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("source") == "again":
            return cleaned | {"dockerfile": "", "context": None}
        cleaned["context_of"] = None
        if cleaned.get("source") == "context":
            if not cleaned.get("context") and "context" not in self.errors:
                self.add_error("context", _("Choose a file to upload."))
            cleaned["dockerfile"] = ""
        else:
            cleaned["context"] = None
        return cleaned


class ImageFilterForm(Form):
    text = forms.CharField(label=_("Name or id"), required=False, max_length=300)
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)

    def value(self, name: str) -> str:
        self.is_valid()
        return str(self.cleaned_data.get(name) or "")
