from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.networks.queries import NetworkFilter
from console.web.forms import Form, PlacedForm, named_texts

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}
DRIVERS = [("bridge", "bridge"), ("macvlan", "macvlan"), ("ipvlan", "ipvlan"), ("overlay", "overlay")]
SUBNET_WORDS = ("gateway", "range")


class NetworkForm(PlacedForm):
    """What to make. Names, drivers and addresses are judged by the operation."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Name"),
        max_length=128,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop_backend"}),
        help_text=_("Begins with the name of its workspace and “_”, unless the workspace’s rules allow others."),
    )
    driver = forms.ChoiceField(
        label=_("Driver"),
        choices=DRIVERS,
        initial="bridge",
        help_text=_("All but bridge put containers on the host’s own network: the workspace’s rules decide."),
    )
    subnets = forms.CharField(
        label=_("Subnets"),
        required=False,
        max_length=4_000,
        widget=forms.Textarea(
            attrs={**MONO, "rows": 3, "placeholder": "172.28.0.0/16 gateway=172.28.0.1 range=172.28.5.0/24"}
        ),
        help_text=_("One on each line, perhaps with gateway=… and range=…. The engine chooses one when this is empty."),
    )
    is_internal = forms.BooleanField(
        label=_("Internal: no way out of it, nor in"), required=False, widget=forms.CheckboxInput(attrs=CHECK)
    )
    has_ipv6 = forms.BooleanField(
        label=_("IPv6 addresses too"), required=False, widget=forms.CheckboxInput(attrs=CHECK)
    )
    is_attachable = forms.BooleanField(
        label=_("Attachable: single containers may join a swarm’s network"),
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
    )
    options = forms.CharField(
        label=_("Driver options"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "com.docker.network.driver.mtu=1400"}),
        help_text=_("One NAME=value on each line."),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "team=shop"}),
        help_text=_("One NAME=value on each line."),
    )

    def clean_subnets(self) -> list[dict[str, str]]:
        lines = [line.split() for line in self.cleaned_data["subnets"].splitlines() if line.strip()]
        return [_subnet(words) for words in lines]

    def clean_options(self) -> dict[str, str]:
        return named_texts(self.cleaned_data["options"])

    def clean_labels(self) -> dict[str, str]:
        return named_texts(self.cleaned_data["labels"])


class ConnectForm(Form):
    container = forms.CharField(label=_("Container"), max_length=255)
    aliases = forms.CharField(
        label=_("Aliases"),
        required=False,
        max_length=1_000,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "db database"}),
        help_text=_("Other names by which it is found on this network."),
    )
    ipv4 = forms.CharField(label=_("IPv4 address"), required=False, max_length=40, widget=forms.TextInput(attrs=MONO))

    def clean_aliases(self) -> list[str]:
        return [str(word) for word in self.cleaned_data["aliases"].replace(",", " ").split()]


class NetworkFilterForm(Form):
    text = forms.CharField(label=_("Name or id"), required=False, max_length=300)
    driver = forms.CharField(required=False, max_length=64)
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)
    gone = forms.BooleanField(label=_("Removed ones too"), required=False)

    def wanted(self) -> NetworkFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return NetworkFilter(**{name: value for name, value in self.cleaned_data.items() if value})


def _subnet(words: list[str]) -> dict[str, str]:
    found = {"subnet": words[0], "gateway": "", "ip_range": ""}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals or name not in SUBNET_WORDS:
            raise forms.ValidationError(gettext("“%(word)s” is neither gateway=… nor range=….") % {"word": word[:80]})
        found["gateway" if name == "gateway" else "ip_range"] = value
    return found
