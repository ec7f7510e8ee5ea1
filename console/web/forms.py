"""How forms of every app behave."""

from typing import Any

from django import forms
from django.utils.translation import gettext

from console.operations.errors import Conflict, Denied, Invalid


class Form(forms.Form):
    """Labels without colons, and a way for an operation's error to end beside the field that caused it."""

    status = 400

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("label_suffix", "")
        super().__init__(*args, **options)

    def blame(self, error: Invalid | Conflict | Denied) -> None:
        """Show ``error`` at its field, or above the form when it names none of ours."""
        self.status = error.status if isinstance(error, Denied) else 400
        field = "" if isinstance(error, Denied) else error.field
        self.add_error(field if field in self.fields else None, str(error))

    @property
    def answer(self) -> int:
        """The status of a page that shows this form."""
        return self.status if self.errors else 200


def offer(form: Form, name: str, choices: list[str]) -> None:
    """The choices of the form's field ``name``. Where there is only one, nobody is asked."""
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = [(choice, choice) for choice in choices]
    if len(choices) == 1:
        field.widget = forms.HiddenInput()
        form.initial.setdefault(name, choices[0])


class PlacedForm(Form):
    """Of what is made on a host and for a workspace: fields ``host`` and ``workspace``, with what may be chosen."""

    def __init__(self, *args: Any, hosts: list[str], workspaces: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        offer(self, "host", hosts)
        offer(self, "workspace", workspaces)


def named_texts(text: str) -> dict[str, str]:
    """``NAME=value`` on each line. A ValidationError names the line that has no “=”."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise forms.ValidationError(gettext("Line %(number)d has no “=”.") % {"number": number})
        found[name.strip()] = value.strip()
    return found
