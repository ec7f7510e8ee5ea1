from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from console.blueprints.facts import ANYTHING, MOST_VARIABLES, Asked, Given
from console.blueprints.models import Blueprint
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.forms import told
from console.web.forms import Form, offer

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
CHECK = {"class": "form-check-input"}


class VariableForm(Form):
    """A row without a name is none."""

    name = forms.CharField(
        label=_("Variable"),
        required=False,
        max_length=63,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "IMAGE"}),
    )
    label = forms.CharField(label=_("Label"), required=False, max_length=80)
    default = forms.CharField(label=_("Default"), required=False, max_length=500, widget=forms.TextInput(attrs=MONO))
    pattern = forms.CharField(
        label=_("Pattern"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={**MONO, "placeholder": ANYTHING}),
    )
    is_secret = forms.BooleanField(label=_("A secret"), required=False, widget=forms.CheckboxInput(attrs=CHECK))


VariableForms: "type[BaseFormSet[VariableForm]]" = formset_factory(
    VariableForm, extra=3, max_num=MOST_VARIABLES, absolute_max=MOST_VARIABLES + 3
)


class BlueprintForm(Form):
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    title = forms.CharField(label=_("Title"), max_length=80)
    about = forms.CharField(label=_("What it is"), required=False, max_length=300)
    compose = forms.CharField(
        label="compose.yaml",
        strip=False,
        max_length=256 * 1024,
        widget=forms.Textarea(attrs={**MONO, "wrap": "off", "rows": 18}),
        help_text=_("${NAME} stands for what is asked for below."),
    )

    def __init__(self, *args: Any, workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "workspace", workspaces)

    def given(self, rows: "BaseFormSet[VariableForm]") -> Given:
        """Browsers send lines that end in CR LF."""
        asked = [Asked(**row.cleaned_data) for row in rows if row.cleaned_data.get("name")]
        compose = self.cleaned_data["compose"].replace("\r\n", "\n")
        return Given(self.cleaned_data["title"], compose, self.cleaned_data["about"], asked)

    def blame_file(self, error: ComposeInvalid) -> None:
        for problem in error.problems:
            self.add_error("compose", told(problem))


def initial_of(blueprint: Blueprint) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Of the form, and of its rows."""
    names = ("title", "about", "compose")
    return {name: getattr(blueprint, name) for name in names}, list(blueprint.variables)
