from datetime import datetime, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.logs.queries import MOST_SOURCES, Choice
from console.logs.searching import LONGEST_QUERY, Wanted
from console.web.forms import Form

AGES = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}


class LogsForm(Form):
    """Which logs, and from when on."""

    text = forms.CharField(required=False, max_length=300)
    workspace = forms.CharField(required=False, max_length=40)
    label = forms.CharField(required=False, max_length=300)
    gone = forms.BooleanField(label=_("Removed ones too"), required=False)
    since = forms.ChoiceField(
        label=_("From when on"),
        required=False,
        choices=[
            ("1h", _("the last hour")),
            ("15m", _("the last 15 minutes")),
            ("1d", _("the last day")),
            ("7d", _("the last 7 days")),
            ("all", _("the beginning")),
        ],
    )

    def choice(self) -> Choice:
        self.is_valid()
        keys = tuple(self.data.getlist("c"))[: MOST_SOURCES * 2] if hasattr(self.data, "getlist") else ()
        given = {name: str(self.cleaned_data.get(name) or "") for name in ("text", "workspace", "label")}
        return Choice(**given, gone=bool(self.cleaned_data.get("gone")), keys=keys)

    @property
    def begins_at(self) -> datetime | None:
        """None for the beginning."""
        self.is_valid()
        word = str(self.cleaned_data.get("since") or "1h")
        return None if word == "all" else timezone.now() - AGES.get(word, AGES["1h"])


class SearchForm(LogsForm):
    query = forms.CharField(
        label=_("Look for"), required=False, max_length=LONGEST_QUERY, strip=False, widget=forms.TextInput
    )
    pattern = forms.BooleanField(label=_("Pattern"), required=False)
    case = forms.BooleanField(label=_("Mind the case"), required=False)

    def wanted(self) -> Wanted:
        self.is_valid()
        return Wanted(
            query=str(self.cleaned_data.get("query") or ""),
            is_pattern=bool(self.cleaned_data.get("pattern")),
            minds_case=bool(self.cleaned_data.get("case")),
            since=self.begins_at,
        )
