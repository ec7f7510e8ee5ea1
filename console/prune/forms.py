from django import forms
from django.utils.translation import gettext_lazy as _

from console.prune.operations import HELD_DAYS, LEAST_HELD_DAYS, MOST_DAYS, MOST_HELD_DAYS, OLDER_DAYS
from console.prune.planning import Kind
from console.web.forms import Form


class AgeForm(Form):
    """How old things have to be to go."""

    days = forms.IntegerField(
        label=_("Older than days"), min_value=0, max_value=MOST_DAYS, initial=OLDER_DAYS, required=False
    )

    @property
    def chosen(self) -> int:
        days = self.cleaned_data.get("days") if self.is_valid() else None
        return OLDER_DAYS if days is None else int(days)


class PruneForm(AgeForm):
    """``items`` is what was shown, a line each; ``kinds`` what of it is to go."""

    kinds = forms.MultipleChoiceField(choices=[(kind.value, kind.value) for kind in Kind])
    items = forms.CharField(widget=forms.HiddenInput, max_length=2_000_000)
    held_days = forms.IntegerField(
        label=_("Hold images for days"), min_value=LEAST_HELD_DAYS, max_value=MOST_HELD_DAYS, initial=HELD_DAYS
    )

    def clean_items(self) -> list[str]:
        # browsers send line breaks as two characters
        return [line for line in self.cleaned_data["items"].splitlines() if line]

    @property
    def wanted(self) -> list[str]:
        kinds = set(self.cleaned_data["kinds"])
        return [token for token in self.cleaned_data["items"] if token.partition(":")[0] in kinds]
