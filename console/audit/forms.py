from collections.abc import Iterable

from django import forms
from django.utils.translation import gettext_lazy as _

from console.audit.models import AuditEntry
from console.audit.queries import AuditFilter
from console.web.forms import Form


class AuditFilterForm(Form):
    target = forms.CharField(label=_("Target"), required=False, max_length=255)
    actor_name = forms.CharField(label=_("Who"), required=False, max_length=150)
    action = forms.ChoiceField(label=_("Action"), required=False)
    outcome = forms.ChoiceField(
        label=_("Outcome"), required=False, choices=[("", _("Any outcome")), *AuditEntry.OutcomeChoice.choices]
    )

    def __init__(self, data: object, *, actions: Iterable[str]) -> None:
        super().__init__(data)
        choices = [("", _("Any action")), *((action, action) for action in actions)]
        field = self.fields["action"]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def wanted(self) -> AuditFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return AuditFilter(**{name: value for name, value in self.cleaned_data.items() if value})
