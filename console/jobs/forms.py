from collections.abc import Iterable

from django import forms
from django.utils.translation import gettext_lazy as _

from console.jobs.models import Job, JobRules
from console.jobs.queries import JobFilter
from console.web.forms import Form
from console.web.states import kind_name


class RulesForm(Form):
    """The fields are those of JobRules.CHOSEN."""

    most_running = forms.IntegerField(label=_("Running at once, at most"), min_value=0, max_value=10_000)
    most_waiting = forms.IntegerField(label=_("Waiting, at most"), min_value=0, max_value=1_000_000)
    keep_days = forms.IntegerField(label=_("Days they stay"), min_value=0, max_value=36_500)
    keep_count = forms.IntegerField(label=_("How many stay, at most"), min_value=0, max_value=100_000_000)

    @staticmethod
    def values(rules: JobRules) -> dict[str, int]:
        return {name: getattr(rules, name) for name in JobRules.CHOSEN}


class JobFilterForm(Form):
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any state")), *Job.State.choices])
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    actor_name = forms.CharField(label=_("Who"), required=False, max_length=150)
    host = forms.CharField(label=_("Host"), required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)

    def __init__(self, data: object, *, kinds: Iterable[str]) -> None:
        super().__init__(data)
        field = self.fields["kind"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("Any kind")), *((kind, kind_name(kind)) for kind in kinds)]

    def wanted(self) -> JobFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return JobFilter(**{name: value for name, value in self.cleaned_data.items() if value})
