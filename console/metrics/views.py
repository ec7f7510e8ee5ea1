"""``/metrics``: for an API token that holds metrics.view, and for nothing else. No session, so no page can be used."""

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from console.metrics.families import Console, Hosts
from console.metrics.requests import DURATIONS
from console.operations.actor import Actor
from console.operations.errors import ConsoleError, Denied
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.door import require_no_token_in_address
from console.rest.errors import Unauthorised
from console.rest.problems import problem
from console.tokens.bearer import TokenBearers

# a scraper without the permission comes back every few seconds
REFUSED_EVERY_S = 3600


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """In the text format, or as OpenMetrics for whoever prefers that."""
    try:
        require_no_token_in_address(request)
        _require_metrics(_actor_of(request), request)
    except ConsoleError as error:
        return problem(request, error)
    registry = CollectorRegistry()
    for collector in (DURATIONS, Console(), Hosts()):
        registry.register(collector)
    ProcessCollector(namespace="naru_web", registry=registry)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def _actor_of(request: HttpRequest) -> Actor:
    """Being read is on record once an hour for each token and network, as for the API."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorised(_("Send a token: “Authorization: Bearer naru_…”."))
    address = str(request.META.get("REMOTE_ADDR") or "")
    return TokenBearers().actor_of(text.strip(), address=address, is_reading=True)


def _require_metrics(actor: Actor, request: HttpRequest) -> None:
    wanted = Permission.METRICS_VIEW
    if may(actor, wanted):
        return
    error = Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    token = actor.limits.token_pk if actor.limits else 0
    if cache.add(f"metrics:refused:{token}", 1, REFUSED_EVERY_S):
        TokenBearers().note_refusal(actor, error, asked=f"{request.method} {request.path}")
    raise error
