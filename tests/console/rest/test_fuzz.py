"""Every operation of the API, asked at random by what the document allows and by what it forbids.

``NARU_FUZZ_EXAMPLES`` asks each more often than the few times that a run of the suite has time for. The seed is fixed.
"""

import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from console.containers import api as container_api
from console.containers import views as container_views
from console.operations.permissions import Role
from console.project.api import api
from tests.console.access.world import World, made_world, world
from tests.factories.console import bearer, make_api_token, make_user

__all__ = ["made_world", "world"]

pytestmark = [
    pytest.mark.django_db,
    # asked without a server, which would take what is made for one
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]
EXAMPLES = int(os.environ.get("NARU_FUZZ_EXAMPLES", "4"))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
SCHEMA = schemathesis.openapi.from_dict(api.document())
FOUND: list[Any] = [cast("Any", found).ok() for found in SCHEMA.get_all_operations()]
OPERATIONS = {operation.definition.raw["operationId"]: operation for operation in FOUND}


@pytest.fixture(autouse=True)
def connected() -> Iterator[None]:
    """An answer ends with the connection being closed, on which the test's transaction is: Django's client does this
    too."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


def known(world: World, path: str) -> dict[str, Any]:
    """What names something that is there."""
    things = world.things
    names = {**things["container"], "image_id": things["image"]["engine_id"], "number": things["failed"]["number"]}
    names |= {"slug": "shop", "seq": things["entry"]["seq"], "grant_id": things["grant"]["grant_id"]}
    for of in ("schedule", "rule", "channel", "delivery", "silence"):
        names |= things[of]
    if "secrets/" in path:
        names |= things["secret"]
    if "registries/" in path:
        names |= things["registry"]
    if "quarantine/" in path:
        names["image_id"] = things["held"]["engine_id"]
    return names | {"person_id": things["person"]["user_pk"], "token_id": things["token"]["token_pk"]}


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_asked_the_answer_is_one_of_the_document(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for read in ("log_piece", "whole_log"):
        monkeypatch.setattr(container_api, read, getattr(container_views, read))
    operation, app = OPERATIONS[name], get_wsgi_application()
    there = known(world, operation.path)
    headers = bearer(make_api_token(make_user(Role.ADMIN), is_confirmed=True))
    asked = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @given(case=asked, is_known=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, is_known: bool) -> None:
        if is_known and case.meta is not None and not case.meta.generation.mode.is_negative:
            case.path_parameters = {key: there.get(key, value) for key, value in case.path_parameters.items()}
        answer = case.call(app=app, headers=headers)
        # what is too large is refused before anybody looks at what is wrong in it
        is_looked_at = answer.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        checks = CHECKS if is_looked_at else [check for check in CHECKS if check is not negative_data_rejection]
        case.validate_response(answer, checks=checks)

    ask()
