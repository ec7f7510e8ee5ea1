from django import forms
from django.utils.translation import gettext_lazy as _

from console.timeline.queries import ChangeFilter, Group
from console.web.forms import Form

GROUPS = (
    ("", _("Everything")),
    (Group.TROUBLE.value, _("Trouble")),
    (Group.LIFE.value, _("Starts and ends")),
    (Group.CONFIG.value, _("Configuration and images")),
    (Group.INSIDE.value, _("What was run inside")),
    (Group.PEOPLE.value, _("What people did")),
)


class ChangeFilterForm(Form):
    """Whatever cannot be understood narrows nothing."""

    text = forms.CharField(required=False, max_length=255)
    host = forms.CharField(required=False, max_length=63)
    workspace = forms.CharField(required=False, max_length=40)
    group = forms.ChoiceField(required=False, choices=GROUPS)

    def wanted(self) -> ChangeFilter:
        self.is_valid()
        given = self.cleaned_data
        words = {name: given.get(name, "") for name in ("text", "host", "workspace")}
        return ChangeFilter(group=Group(given["group"]) if given.get("group") else None, **words)
