from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from console.operations.permissions import NEVER_BY_TOKEN, Permission
from console.tokens.models import ApiToken
from console.tokens.operations import NAME_LIMIT
from console.web.forms import Form

CHECK = {"class": "form-check-input"}
LIFETIMES = (1, 7, 30, 90, 180, 365)
DAYS = ngettext_lazy("%(n)d day", "%(n)d days", "n")


class TokenForm(Form):
    """What a new token is for. Whether its maker holds what they chose is judged by the operation."""

    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "ci"}),
        help_text=_("To tell it apart: what will use it, and where."),
    )
    scope = forms.ChoiceField(
        label=_("What for"), choices=ApiToken.Scope.choices, widget=forms.RadioSelect, initial=ApiToken.Scope.READ
    )
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    days = forms.TypedChoiceField(label=_("Lasts"), coerce=int)
    permissions = forms.MultipleChoiceField(
        label=_("Permissions"), required=False, widget=forms.CheckboxSelectMultiple(attrs=CHECK)
    )
    is_confirmed = forms.BooleanField(
        label=_("Also for what otherwise asks who you are"), required=False, widget=forms.CheckboxInput(attrs=CHECK)
    )

    def __init__(
        self, *args: Any, workspaces: list[str], held: list[Permission], usual_days: int, most_days: int, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        offered = {days for days in LIFETIMES if days <= most_days} | {usual_days, most_days}
        self._offer("workspace", [("", _("Every workspace")), *((slug, slug) for slug in workspaces)])
        self._offer("days", [(days, DAYS % {"n": days}) for days in sorted(offered)])
        self._offer("permissions", [(one.value, one.value) for one in held if one not in NEVER_BY_TOKEN])
        self.initial.setdefault("days", usual_days)
        # its first choice says what leaving it means
        vars(self.fields["workspace"])["is_one_of"] = True

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    @property
    def wanted(self) -> dict[str, Any]:
        """The parameters of make_token."""
        given = dict(self.cleaned_data)
        given["scope"] = ApiToken.Scope(given["scope"])
        given["permissions"] = [Permission(one) for one in given["permissions"]]
        return given
