from django import forms
from django.utils.translation import gettext_lazy as _

from console.terminals.models import Records, TerminalRules
from console.terminals.programs import MOST_COMMAND, MOST_PATH, MOST_USER
from console.terminals.queries import TerminalFilter
from console.web.forms import Form


class OpenForm(Form):
    command = forms.CharField(
        label=_("Command"), required=False, max_length=MOST_COMMAND, help_text=_("Empty: bash, ash or sh.")
    )
    user = forms.CharField(
        label=_("User"), required=False, max_length=MOST_USER, help_text=_("Empty: the container’s own.")
    )
    working_dir = forms.CharField(
        label=_("Working directory"), required=False, max_length=MOST_PATH, help_text=_("Empty: the container’s own.")
    )
    attach = forms.BooleanField(required=False)


class TerminalFilterForm(Form):
    state = forms.ChoiceField(
        required=False, choices=[("", _("Any state")), ("open", _("Open")), ("ended", _("Ended"))]
    )
    user_name = forms.CharField(required=False, max_length=150)
    container = forms.CharField(required=False, max_length=255)
    host = forms.CharField(required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)

    def wanted(self) -> TerminalFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return TerminalFilter(**{name: value for name, value in self.cleaned_data.items() if value})


class RulesForm(Form):
    """The fields are those of TerminalRules.CHOSEN."""

    records = forms.ChoiceField(label=_("What is recorded"), required=False, choices=Records.choices)
    idle_minutes = forms.IntegerField(label=_("Minutes without typing"), min_value=0, max_value=10_000)
    most_per_person = forms.IntegerField(label=_("Open at once, of one person"), min_value=0, max_value=1000)
    most_open = forms.IntegerField(label=_("Open at once, in all"), min_value=0, max_value=10_000)
    keep_days = forms.IntegerField(label=_("Days they stay on record"), min_value=0, max_value=36_500)

    @staticmethod
    def values(rules: TerminalRules) -> dict[str, object]:
        return {name: getattr(rules, name) for name in TerminalRules.CHOSEN}
