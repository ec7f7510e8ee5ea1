"""How forms of every app behave."""

from typing import Any

from django import forms

from console.operations.errors import Conflict, Invalid


class Form(forms.Form):
    """Labels without colons, and a way for an operation's error to end beside the field that caused it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("label_suffix", "")
        super().__init__(*args, **options)

    def blame(self, error: Invalid | Conflict) -> None:
        """Show ``error`` at its field, or above the form when it names none of ours."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


def offer_hosts(form: Form, hosts: list[str]) -> None:
    """The choices of the form's ``host``. Where there is only one, nobody is asked."""
    field = form.fields["host"]
    if isinstance(field, forms.ChoiceField):
        field.choices = [(name, name) for name in hosts]
    if len(hosts) == 1:
        field.widget = forms.HiddenInput()
        form.initial.setdefault("host", hosts[0])
