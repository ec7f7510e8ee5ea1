"""Search over all that one may see: what the command palette shows."""

from typing import Self

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from console.rest.door import actor_of
from console.rest.schemas import Given, Shown
from console.web.hits import LONGEST, Hit, hits_for

router = Router()


class SearchQuery(Given):
    q: str = Field("", max_length=LONGEST, description="Words; empty: the usual pages.")


class HitShown(Shown):
    title: str
    under: str
    url: str = Field(description="A page's path; for what is done, the path to which a page posts.")
    is_act: bool

    @classmethod
    def of(cls, hit: Hit) -> Self:
        return cls(title=hit.title, under=str(hit.under), url=hit.url, is_act=hit.is_act)


class SearchShown(Shown):
    items: list[HitShown]


@router.get("search", response=SearchShown)
def search(request: HttpRequest, wanted: Query[SearchQuery]) -> SearchShown:
    """Containers, images, networks, volumes, jobs, hosts, workspaces and pages, the best first."""
    return SearchShown(items=[HitShown.of(hit) for hit in hits_for(actor_of(request), wanted.q)])
