from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from console.operations.permissions import Role
from console.web.forms import Form
from console.web.states import ROLES


class CredentialField(forms.JSONField):
    """What a browser's passkey answered; a script puts it in."""

    def __init__(self) -> None:
        super().__init__(max_length=16_384, widget=forms.HiddenInput())

    def clean(self, value: Any) -> dict[str, Any]:
        try:
            found = super().clean(value)
        except RecursionError:
            found = None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("The passkey was not accepted. Try again."))
        return found


class SignInForm(Form):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": ""}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SecondFactorForm(Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": ""}),
        help_text=_("The six digits of your app, or a recovery code."),
    )


class ConfirmForm(Form):
    """One of these is enough; which are asked for depends on what the person has."""

    # a passkey may be shown while both are empty
    use_required_attribute = False

    password = forms.CharField(
        label=_("Password"),
        required=False,
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": ""}),
    )
    code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class NewPasswordField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(max_length=1024, strip=False, widget=widget, **options)


LONG_ENOUGH = _("At least 15 characters. A sentence is easier to remember than a riddle.")


class SaidAgain(Form):
    """For a password that is chosen in the field named ``chosen_in``, and typed a second time."""

    chosen_in: ClassVar[str]
    again = NewPasswordField(label=_("Password again"))

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get(self.chosen_in, again):
            raise forms.ValidationError(_("The two passwords differ."))
        return again


class NewPasswordForm(SaidAgain):
    chosen_in = "new"
    new = NewPasswordField(label=_("New password"), help_text=LONG_ENOUGH)
    field_order = ["new", "again"]


class ChangePasswordForm(NewPasswordForm):
    current = forms.CharField(
        label=_("Present password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["current", "new", "again"]


class TotpForm(Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=16,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": ""}),
        help_text=_("The six digits that the app shows now."),
    )


class PasskeyForm(Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": ""}),
        help_text=_("To tell it apart: the device or the key it is on."),
    )
    credential = CredentialField()


class CredentialForm(Form):
    credential = CredentialField()


class ResetForm(Form):
    drops_factors = forms.BooleanField(label=_("Remove second factors too"), required=False)


class JoinForm(SaidAgain):
    chosen_in = "password"
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": ""}),
    )
    password = NewPasswordField(label=_("Password"), help_text=LONG_ENOUGH)
    field_order = ["username", "password", "again"]


class RoleForm(Form):
    role = forms.ChoiceField(label=_("Role"), choices=[(role.value, ROLES[role]) for role in Role])

    @property
    def chosen(self) -> Role:
        return Role(self.cleaned_data["role"])


class SettingsForm(Form):
    """How the console looks to oneself. What is empty is as the browser has it."""

    theme = forms.ChoiceField(
        label=_("Theme"),
        required=False,
        choices=[("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the browser")), ("ko", "한국어"), ("en", "English")]
    )
    density = forms.ChoiceField(
        label=_("Density of tables"),
        required=False,
        choices=[("", _("Comfortable")), ("compact", _("Compact"))],
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "placeholder": "Asia/Seoul", "autocomplete": "off"}),
        help_text=_("Of the exact times. Empty is UTC."),
    )
