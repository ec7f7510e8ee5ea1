from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.access.models import Grant
from console.access.queries import GrantFilter
from console.access.wishes import Wish
from console.operations.permissions import Permission, Role
from console.web.forms import Form
from console.web.states import ROLES

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
SLUG_HINT = _("Small letters, digits and “-”. It stays as it is.")


class TeamForm(Form):
    slug = forms.CharField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "night-shift"}),
        help_text=SLUG_HINT,
    )
    title = forms.CharField(label=_("Title"), required=False, max_length=80)


class MemberForm(Form):
    username = forms.CharField(
        label=_("User name"), max_length=150, widget=forms.TextInput(attrs={**MONO, "list": "known-people"})
    )


class RoleForm(Form):
    """A role of one's own. ``slug`` is asked for a new one only."""

    slug = forms.CharField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "log-reader"}),
        help_text=SLUG_HINT,
    )
    title = forms.CharField(label=_("Title"), required=False, max_length=80)
    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        choices=[(one.value, one.value) for one in Permission],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        required=False,
    )

    def __init__(self, *args: Any, is_new: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not is_new:
            del self.fields["slug"]

    @property
    def wanted(self) -> list[Permission]:
        return [Permission(value) for value in self.cleaned_data["permissions"]]


class GrantForm(Form):
    """Who gets which role where. Whether the actor may give it is judged by the operation."""

    kind = forms.ChoiceField(
        label=_("To whom"),
        choices=[("user", _("A person")), ("team", _("A team"))],
        widget=forms.RadioSelect,
        initial="user",
    )
    user = forms.CharField(
        label=_("Person"),
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={**MONO, "list": "known-people"}),
    )
    team = forms.ChoiceField(label=_("Team"), required=False)
    role = forms.ChoiceField(label=_("Role"))
    scope = forms.ChoiceField(label=_("Where"), choices=Grant.Scope.choices, widget=forms.RadioSelect)
    workspace = forms.ChoiceField(label=_("Workspace"), required=False)
    host = forms.ChoiceField(label=_("Host"), required=False)
    label = forms.CharField(
        label=_("Label"),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "tier=web"}),
        help_text=_("Containers that carry it, in any workspace."),
    )
    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text=_("UTC. Empty: for good. It ends by itself."),
    )
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=500, help_text=_("Needed when it ends by itself.")
    )

    def __init__(
        self, *args: Any, teams: list[str], roles: list[str], workspaces: list[str], hosts: list[str], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._offer("role", [(role.value, ROLES[role]) for role in Role] + [(name, name) for name in roles])
        for name in ("user", "team", "workspace", "host", "label"):
            # needed where it is shown, so its label does not say that it is optional
            vars(self.fields[name])["is_one_of"] = True
        for name, values in (("team", teams), ("workspace", workspaces), ("host", hosts)):
            self._offer(name, [("", "—"), *((value, value) for value in values)])

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def wanted(self) -> Wish:
        """What is not meant by the two choices is left out, whatever the page still held."""
        given = self.cleaned_data
        scope = given["scope"]
        narrow = {name: given[name] for name in ("workspace", "host", "label") if name == scope}
        holder = {given["kind"]: given[given["kind"]]}
        return Wish(role=given["role"], scope=scope, until=given["until"], reason=given["reason"], **narrow, **holder)


class GrantFilterForm(Form):
    holder = forms.CharField(label=_("Person or team"), required=False, max_length=150)
    workspace = forms.CharField(required=False, max_length=40)
    role = forms.ChoiceField(label=_("Role"), required=False)

    def __init__(self, data: object, *, roles: list[str]) -> None:
        super().__init__(data)
        field = self.fields["role"]
        if isinstance(field, forms.ChoiceField):
            named = [(role.value, ROLES[role]) for role in Role]
            field.choices = [("", _("Any role")), *named, *((name, name) for name in roles)]

    def wanted(self) -> GrantFilter:
        """A value nobody offered narrows nothing."""
        self.is_valid()
        return GrantFilter(**{name: value for name, value in self.cleaned_data.items() if value})


class WhyForm(Form):
    who = forms.CharField(
        label=_("Person"), max_length=150, widget=forms.TextInput(attrs={**MONO, "list": "known-people"})
    )
    permission = forms.ChoiceField(label=_("Permission"), choices=[(one.value, one.value) for one in Permission])
    thing = forms.CharField(
        label=_("On what"),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={**MONO, "placeholder": "shop/web"}),
        help_text=_("A container or image as workspace/name, a workspace as shop/, a job as #7. Empty: everything."),
    )

    @property
    def wanted(self) -> dict[str, Any]:
        return {**self.cleaned_data, "permission": Permission(self.cleaned_data["permission"])}
