from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form
from console.workspaces.rules import NAMESPACES, Rules

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}
MIB = 2**20


class WorkspaceForm(Form):
    slug = forms.CharField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop"}),
        help_text=_("Small letters, digits and “-”. It stays as it is."),
    )
    title = forms.CharField(label=_("Title"), required=False, max_length=80)


class TitleForm(Form):
    title = forms.CharField(label=_("Title"), required=False, max_length=80)


class ListField(forms.CharField):
    """One entry on each line."""

    def __init__(self, **options: Any) -> None:
        example = options.pop("example", "")
        widget = forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": example})
        super().__init__(required=False, max_length=20_000, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        lines = str(super().clean(value) or "").splitlines()
        return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


class RulesForm(Form):
    """The fields are those of Rules. The operation judges whether each entry is well-formed."""

    privileged = forms.BooleanField(
        label=_("Privileged containers"), required=False, widget=forms.CheckboxInput(attrs=CHECK)
    )
    host_namespaces = forms.MultipleChoiceField(
        label=_("Namespaces of the host"),
        required=False,
        choices=[(name, name) for name in NAMESPACES],
        widget=forms.CheckboxSelectMultiple(attrs=CHECK),
    )
    bind_prefixes = ListField(
        label=_("Paths of the host that may be mounted"),
        example="/srv/shop",
        help_text=_("With all that lies below. Links in it are followed, so only trusted people may write there."),
    )
    capabilities = ListField(label=_("Capabilities besides the usual ones"), example="NET_ADMIN")
    devices = ListField(label=_("Devices"), example="/dev/fuse")
    addresses = ListField(
        label=_("Addresses on which ports may be published"),
        example="127.0.0.0/8",
        help_text=_("Networks. 0.0.0.0/0 and ::/0 allow every address."),
    )
    registries = ListField(
        label=_("Registries"), example="docker.io", help_text=_("From which images may come. “*” is any; empty, none.")
    )
    subnets = ListField(
        label=_("Addresses that networks may have"),
        example="10.0.0.0/8",
        help_text=_("A network made on other addresses would hide from its host what is there."),
    )
    hosts = ListField(label=_("Hosts"), help_text=_("Empty means every host."))
    volumes = ListField(
        label=_("Volumes"), help_text=_("Beginnings of names, besides the workspace’s own name and “_”.")
    )
    networks = ListField(
        label=_("Networks"), help_text=_("Beginnings of names, besides the workspace’s own name and “_”.")
    )
    most_containers = forms.IntegerField(label=_("Containers at most"), min_value=0, max_value=100_000)
    memory_mib = forms.IntegerField(label=_("Memory in MiB"), min_value=0, max_value=2**33)
    cpus = forms.FloatField(
        label=_("CPUs"),
        min_value=0,
        max_value=100_000,
        widget=forms.TextInput(attrs={**MONO, "inputmode": "decimal"}),
    )

    @staticmethod
    def values(rules: Rules) -> dict[str, Any]:
        """What the form shows of ``rules``."""
        lists = {name: "\n".join(value) for name, value in rules.as_json().items() if isinstance(value, list)}
        plain = {name: getattr(rules, name) for name in ("privileged", "host_namespaces", "most_containers")}
        return {**lists, **plain, "cpus": f"{rules.cpus:g}", "memory_mib": rules.memory_bytes // MIB}

    def wanted(self) -> Rules:
        given = dict(self.cleaned_data)
        given["host_namespaces"] = tuple(given["host_namespaces"])
        given["capabilities"] = tuple(name.upper().removeprefix("CAP_") for name in given["capabilities"])
        return Rules(memory_bytes=given.pop("memory_mib") * MIB, **given)

    def clean_cpus(self) -> float:
        cpus = float(self.cleaned_data["cpus"])
        if cpus != cpus or cpus == float("inf"):
            raise forms.ValidationError(gettext("Give a number from 0 on; 0 means no limit."))
        return cpus
