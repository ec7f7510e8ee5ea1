from django import forms
from django.utils.translation import gettext_lazy as _

from console.web.forms import Form

HOURS = [(1, _("an hour")), (24, _("a day")), (168, _("a week")), (720, _("thirty days"))]


class ShareForm(Form):
    hours = forms.TypedChoiceField(label=_("Works for"), coerce=int, choices=HOURS, initial=24)
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": _("for the vendor")}),
        help_text=_("To tell links apart. Who opens the link does not see it."),
    )
