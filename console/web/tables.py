"""Sorted, keyset-paged lists: what the next page starts after is in the URL, not how many rows to skip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext, gettext_lazy

from console.operations.errors import Invalid
from console.web.keyset import Damaged, page_of

# as many as are made within the time that a list may take (docs/performance.md)
PAGE_ROWS = 30
DAMAGED = gettext_lazy("This address is damaged: “after” names no place in this list.")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """One page of rows, and the links that lead elsewhere."""

    rows: Sequence[Row]
    sort: str
    sortable: Mapping[str, str]
    query: QueryDict
    next_after: str
    is_first: bool
    is_filtered: bool

    def link(self, **changes: str) -> str:
        """This page's query string with ``changes``; an empty value removes the key."""
        query = self.query.copy()
        for key, value in changes.items():
            query.pop(key, None)
            if value:
                query[key] = value
        return f"?{query.urlencode()}"

    @property
    def next_link(self) -> str:
        return self.link(after=self.next_after)

    @property
    def first_link(self) -> str:
        return self.link(after="")


def table_of(request: HttpRequest, rows: QuerySet[Row], *, sortable: Mapping[str, str], default: str) -> Table[Row]:
    """The page that ``?sort=`` and ``?after=`` ask for.

    ``sortable`` maps the names used in URLs to fields that are never null; ``default`` is such a name, "-" first for
    descending. Ties are broken by primary key. Raises Invalid for a sort or a position nobody was given.
    """
    sort = request.GET.get("sort", "") or default
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name not in sortable:
        raise Invalid(gettext("This list cannot be sorted by “%(name)s”.") % {"name": name[:80]})
    after = request.GET.get("after", "")
    try:
        page = page_of(rows, field=sortable[name], descending=descending, after=after, limit=PAGE_ROWS)
    except Damaged as error:
        raise Invalid(str(DAMAGED)) from error
    filters = {key for key, value in request.GET.items() if value} - {"sort", "after"}
    return Table(
        rows=page.rows,
        sort=sort,
        sortable=sortable,
        query=request.GET,
        next_after=page.next_after,
        is_first=not after,
        is_filtered=bool(filters),
    )
