from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.images.build_options import BuildOptions
from console.web.forms import Form, PlacedForm

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
EXAMPLE = """FROM hello-naru:latest
ENV GREETING="Good morning"
CMD ["/bin/sh", "-c", "while :; do echo $GREETING; sleep 1; done"]"""


SOURCES = [("dockerfile", _("Paste text")), ("context", _("Upload a folder")), ("git", _("Git repository"))]


GIT = ("url", "ref", "directory", "username", "password")
OPTIONS = ("tags", "build_args", "labels", "target", "platform", "no_cache", "pull")
SHOWN = [("", _("All images")), ("tagged", _("With a tag")), ("dangling", _("Without a tag"))]


class BuildForm(PlacedForm):
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

    git_url = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "https://git.example/shop/web.git"}),
        help_text=_("The host fetches one commit, and looks at no submodules."),
    )
    git_ref = forms.CharField(
        label=_("Branch, tag or commit"), required=False, max_length=255, widget=forms.TextInput(attrs=MONO)
    )
    git_directory = forms.CharField(
        label=_("Folder in it"), required=False, max_length=255, widget=forms.TextInput(attrs=MONO)
    )
    git_dockerfile = forms.CharField(
        label=_("Path of the Dockerfile"),
        required=False,
        max_length=255,
        initial="Dockerfile",
        widget=forms.TextInput(attrs=MONO),
    )
    git_username = forms.CharField(label=_("User"), required=False, max_length=255, widget=forms.TextInput(attrs=MONO))
    git_password = forms.CharField(
        label=_("Password or token"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "secret:NAME"}),
    )

    tags = forms.CharField(
        label=_("More tags"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 2, "placeholder": "shop/web:latest"}),
        help_text=_("One on each line."),
    )
    build_args = forms.CharField(
        label=_("Build arguments"),
        required=False,
        max_length=32_768,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "VERSION=1.2"}),
        help_text=_("NAME=value on each line. They are on record in the job and in the image: no secrets here."),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        max_length=32_768,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "org.opencontainers.image.source=…"}),
        help_text=_("name=value on each line."),
    )
    target = forms.CharField(
        label=_("Stage to stop at"), required=False, max_length=128, widget=forms.TextInput(attrs=MONO)
    )
    platform = forms.CharField(
        label=_("Platform"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "linux/arm64"}),
    )
    no_cache = forms.BooleanField(label=_("Do every step anew"), required=False)
    pull = forms.BooleanField(label=_("Look for newer base images"), required=False)

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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self["context_of"].value():
            source = self.fields["source"]
            assert isinstance(source, forms.ChoiceField)
            again = _("The same files as job %(number)s") % {"number": self["context_of"].value()}
            source.choices = [("again", again), *SOURCES]

    def clean_tags(self) -> list[str]:
        return str(self.cleaned_data["tags"]).split()

    def clean_build_args(self) -> dict[str, str]:
        return _pairs(self.cleaned_data["build_args"])

    def clean_labels(self) -> dict[str, str]:
        return _pairs(self.cleaned_data["labels"])

    def clean_secrets(self) -> dict[str, str]:
        return _pairs(self.cleaned_data["secrets"])

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
        if cleaned.get("source") == "git":
            if not cleaned.get("git_url") and "git_url" not in self.errors:
                self.add_error("git_url", _("Where is the repository?"))
            cleaned["dockerfile_path"] = cleaned.get("git_dockerfile") or "Dockerfile"
            return cleaned | {"dockerfile": "", "context": None}
        if cleaned.get("source") == "context":
            if not cleaned.get("context") and "context" not in self.errors:
                self.add_error("context", _("Choose a file to upload."))
            cleaned["dockerfile"] = ""
        else:
            cleaned["context"] = None
        return cleaned

    @property
    def git(self) -> dict[str, str] | None:
        """The repository, where that is what to build from."""
        if self.cleaned_data["source"] != "git":
            return None
        return {name: self.cleaned_data[f"git_{name}"] for name in GIT}

    @property
    def options(self) -> BuildOptions:
        return BuildOptions(**{name: self.cleaned_data[name] for name in OPTIONS})


class PullForm(PlacedForm):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    reference = forms.CharField(
        label=_("Image"),
        max_length=400,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "registry.example/shop/web:1.0"}),
        help_text=_("With a tag, or a digest behind “@”. Without a registry’s address it is Docker Hub’s."),
    )
    platform = forms.CharField(
        label=_("Platform"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "linux/arm64"}),
        help_text=_("Empty: the host’s own."),
    )
    all_tags = forms.BooleanField(label=_("Every tag of the repository"), required=False)


class LoadForm(PlacedForm):
    """An archive of images, or of files that are to be one."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    kind = forms.ChoiceField(
        choices=[("images", _("Images that were saved")), ("files", _("Files for a new image"))],
        widget=forms.RadioSelect,
        initial="images",
    )
    archive = forms.FileField(
        label=_("Archive"),
        widget=forms.ClearableFileInput(attrs={"accept": ".tar,.tar.gz,.tgz"}),
        help_text=_("A .tar or .tar.gz of at most 2 GiB. Beyond 64 MiB the host has to share the console’s disk."),
    )
    tag = forms.CharField(
        label=_("Tag"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop/base:1.0"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == "files" and not cleaned.get("tag") and "tag" not in self.errors:
            self.add_error("tag", _("A new image needs a name."))
        return cleaned


class ImageFilterForm(Form):
    text = forms.CharField(label=_("Name or id"), required=False, max_length=300)
    show = forms.ChoiceField(choices=SHOWN, required=False)
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)

    def value(self, name: str) -> str:
        self.is_valid()
        return str(self.cleaned_data.get(name) or "")


def _pairs(text: str) -> dict[str, str]:
    """A name, “=” and a value on each line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if line.strip() and not equals:
            raise forms.ValidationError(gettext("Line %(number)d has no “=”.") % {"number": number})
        if line.strip():
            found[name] = value
    return found
