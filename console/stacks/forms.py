from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.stacks.catalogue.templates import Template
from console.stacks.compose.problems import ComposeInvalid, Problem
from console.stacks.reconciling.words import CHOICES
from console.web.forms import Form, PlacedForm

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
EXAMPLE = """services:
  web:
    image: hello-naru:latest
    depends_on: [cache]
  cache:
    image: hello-naru:latest
"""


class FilesForm(Form):
    """The two files that most stacks have. ``problems`` are those of what was given, each with its place."""

    compose = forms.CharField(
        label="compose.yaml",
        strip=False,
        max_length=1 << 20,
        widget=forms.Textarea(attrs={**MONO, "wrap": "off", "rows": 22, "placeholder": EXAMPLE}),
    )
    env = forms.CharField(
        label=".env",
        required=False,
        strip=False,
        max_length=1 << 16,
        widget=forms.Textarea(attrs={**MONO, "rows": 3, "placeholder": "TAG=1.2"}),
        help_text=_("Variables for ${NAME} in the file, one on each line. Secrets are referred to by secret:NAME."),
    )
    problems: tuple[Problem, ...] = ()

    def blame_files(self, error: ComposeInvalid) -> None:
        self.problems = error.problems
        for problem in error.problems:
            self.add_error("env" if problem.mark.file.endswith("/.env") else "compose", told(problem))

    @property
    def first_line(self) -> int:
        """Of the first problem; 0 without one."""
        return next((one.mark.line for one in self.problems if not one.mark.file.endswith("/.env")), 0)


class AnywhereForm(PlacedForm):
    """Where there is more than one host, none means: the best of them."""

    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"), required=False)

    def __init__(self, *args: Any, hosts: list[str], **options: Any) -> None:
        super().__init__(*args, hosts=hosts, **options)
        field = self.fields["host"]
        if len(hosts) > 1 and isinstance(field, forms.ChoiceField):
            field.choices = [("", _("Choose for me")), *((name, name) for name in hosts)]


class NewStackForm(AnywhereForm, FilesForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop"}),
        help_text=_("Small letters, digits, “_” and “-”."),
    )


class TemplateForm(AnywhereForm):
    """One field for each of the template's variables, under its name."""

    stack = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs=MONO),
        help_text=_("Small letters, digits, “_” and “-”."),
    )

    def __init__(self, *args: Any, template: Template, **options: Any) -> None:
        super().__init__(*args, **options)
        self.variables = [variable.name for variable in template.variables]
        self.fields["stack"].initial = template.slug
        for one in template.variables:
            widget = forms.TextInput(attrs=MONO)
            # lazy texts are words by now: a form lives as long as a request
            field = forms.CharField(label=str(one.label), initial=one.default, max_length=500, widget=widget)
            field.help_text = str(one.help)
            self.fields[one.name] = field

    @property
    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.variables}

    @property
    def variable_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.variables]


class RestoringForm(Form):
    restores = forms.MultipleChoiceField(
        label=_("Replaced by a fresh container"),
        required=False,
        choices=list(CHOICES.items()),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )


class AdoptForm(FilesForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        widget=forms.TextInput(attrs=MONO),
        help_text=_("Small letters, digits, “_” and “-”."),
    )
    directory = forms.CharField(
        label=_("Directory"),
        max_length=4000,
        required=False,
        widget=forms.TextInput(attrs=MONO),
        help_text=_("What paths in the file are relative to, on the host."),
    )


def told(problem: Problem) -> str:
    """Without the file's name, which stands above."""
    place = _("Line %(line)d, column %(column)d") % {"line": problem.mark.line, "column": problem.mark.column}
    return ": ".join(part for part in (place if problem.mark.line else "", problem.path, problem.message) if part)
