"""How long requests take, by route. Kept in this process: there is one web process (docs/architecture.md)."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

# routes are those of our own code; what has none of them is counted together, and so is what is no common method
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

DURATIONS = Histogram(
    "naru_http_request_duration_seconds",
    "From a request to the beginning of its answer.",
    ("route", "method", "status"),
    buckets=BUCKETS,
    registry=None,
)


class DurationMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        labels = (_route(request), _method(request), f"{response.status_code // 100}xx")
        DURATIONS.labels(*labels).observe(time.perf_counter() - began)
        return response


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.view_name or NO_ROUTE) if match else NO_ROUTE


def _method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "other"
