from collections.abc import Callable, Iterator
from typing import Any, cast

from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from console.containers.cloning import MOST as MOST_CLONES
from console.containers.cloning import PORTS_WORDS
from console.containers.models import Container
from console.containers.queries import ContainerFilter
from console.containers.specs.flags import Takes
from console.containers.specs.inputs import read_field, read_lines
from console.containers.specs.texts import read_pairs, read_size
from console.containers.wishes import GROUPS, MONO, RESTARTS, field_of
from console.operations.errors import Invalid
from console.web.forms import Form, PlacedForm

# among the states that one can look for, though it is one of health
UNHEALTHY = "unhealthy"


class SizeField(forms.CharField):
    """Bytes as Docker reads them: ``512m`` is 512 · 1024 · 1024."""

    def clean(self, value: Any) -> Any:
        text = str(super().clean(value) or "")
        if not text:
            return None
        try:
            size_bytes = read_size(text, field="")
        except Invalid as error:
            raise forms.ValidationError(str(error)) from error
        if not size_bytes:
            raise forms.ValidationError(gettext("Write a size such as 512m or 2g."))
        return size_bytes


class SpecForm(Form):
    """What a container is to be: what most need, and below it, by groups, all else. Judged by the operation."""

    image = forms.CharField(
        label=_("Image"),
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "list": "known-images", "placeholder": "hello-naru:latest"}),
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
        widget=forms.Textarea(
            attrs={**MONO, "rows": 4, "data-lines": "pairs", "placeholder": "GREETING=hello\nTZ=Asia/Seoul"}
        ),
        help_text=_("One NAME=value on each line. The value secret:NAME refers to a secret."),
    )
    ports = forms.CharField(
        label=_("Ports"),
        required=False,
        max_length=8_192,
        widget=forms.Textarea(
            attrs={**MONO, "rows": 4, "data-lines": "words", "placeholder": "8080:80\n0.0.0.0:8443:443"}
        ),
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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for group in GROUPS:
            for wish in group.wishes:
                self.fields[wish.name] = field_of(wish)
        policy = self["restart"].value()
        if policy and policy not in dict(RESTARTS):
            # one with another number: judged by the operation, and not lost
            cast("forms.ChoiceField", self.fields["restart"]).choices = [*RESTARTS, (policy, policy)]

    def clean_env(self) -> dict[str, str]:
        return cast("dict[str, str]", self._read("env", read_pairs, self.cleaned_data["env"], field="env"))

    def clean_ports(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["ports"].splitlines() if line.strip()]

    def clean(self) -> dict[str, Any]:
        """Words of the groups as what they say; what says nothing is left out."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for wish in (wish for group in GROUPS for wish in group.wishes):
            value = given.get(wish.name)
            if wish.takes is None and value:
                given[wish.name] = self._read(wish.name, read_lines, wish.name, value)
            elif isinstance(value, str) and value:
                given[wish.name] = self._read(wish.name, read_field, wish.name, wish.takes, value)
            elif not value and value != 0:
                given.pop(wish.name, None)
            if wish.takes is Takes.NOTHING and not value:
                given.pop(wish.name, None)
        return {name: value for name, value in given.items() if name not in self.errors}

    def _read(self, name: str, read: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return read(*args, **options)
        except Invalid as error:
            self.add_error(name, str(error))
            return None

    @property
    def inputs(self) -> dict[str, Any]:
        """As run_container takes them."""
        return dict(self.cleaned_data)

    @property
    def groups(self) -> Iterator[dict[str, Any]]:
        """To be drawn. One that says something, or something wrong, is open."""
        for group in GROUPS:
            bound = [self[wish.name] for wish in group.wishes]
            is_open = any(one.errors or is_given(one.value()) for one in bound)
            yield {"title": group.title, "fields": bound, "is_open": is_open}


def is_given(value: Any) -> bool:
    """A number of nought is, though it equals False."""
    return value is not False and value not in (None, "")


class RunForm(PlacedForm, SpecForm):
    """What to run, and where. Names, ports and limits are judged by the operation, which knows what is taken."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"))
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=128,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "web-1"}),
        help_text=_("One is made up when this is empty."),
    )
    field_order = ("workspace", "host", "image", "name", "command", "env", "ports", "memory_bytes", "cpus")


class EditForm(SpecForm):
    """``with_env``: the person may see the values of its environment; who may not leaves it as it is."""

    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput())
    restores = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput())

    def __init__(self, *args: Any, with_env: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not with_env:
            del self.fields["env"]

    @property
    def inputs(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in ("seen", "restores")}


class LineForm(Form):
    line = forms.CharField(
        label=_("docker run …"),
        max_length=200_000,
        widget=forms.Textarea(
            attrs={**MONO, "rows": 3, "placeholder": "docker run -d -p 8080:80 -e TZ=Asia/Seoul nginx:1.27"}
        ),
        help_text=_("Also docker create and podman run, over several lines. Nothing is run yet."),
    )


class CloneForm(Form):
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=MOST_CLONES, initial=1)
    pattern = forms.CharField(
        label=_("Names"),
        max_length=128,
        widget=forms.TextInput(attrs=MONO),
        help_text=_("{n} is the next free number."),
    )
    ports = forms.ChoiceField(label=_("Ports"), choices=list(PORTS_WORDS.items()))


class LimitsForm(Form):
    """What can be changed as it runs; what is left empty stays."""

    memory_bytes = SizeField(label=_("Memory limit"), required=False, widget=forms.TextInput(attrs=MONO))
    cpus = forms.FloatField(label=_("CPU limit"), required=False, min_value=0.01, widget=forms.TextInput(attrs=MONO))
    pids_limit = forms.IntegerField(label=_("Processes at most"), required=False, min_value=1)
    cpu_shares = forms.IntegerField(label=_("CPU shares"), required=False, min_value=2)
    restart = forms.ChoiceField(label=_("Restart policy"), required=False, choices=RESTARTS)


class ContainerFilterForm(Form):
    text = forms.CharField(label=_("Name, image or id"), required=False, max_length=300)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Any state")), *Container.State.choices, (UNHEALTHY, pgettext_lazy("state", "unhealthy"))],
    )
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)
    gone = forms.BooleanField(label=_("Removed ones too"), required=False)

    def wanted(self) -> ContainerFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        if given.get("state") == UNHEALTHY:
            given["health"] = given.pop("state")
        return ContainerFilter(**given)
