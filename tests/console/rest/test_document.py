"""The OpenAPI document: as committed, the same for everybody, and complete."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from console.project.api import api
from console.project.management.commands.openapi import SNAPSHOT, text


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in api.document()["paths"].items():
        for method, operation in found.items():
            yield method, path, operation


def test_the_committed_document_is_what_the_api_is() -> None:
    assert SNAPSHOT.read_text() == text(), "run `make openapi`, and look at what it changed"


def test_no_two_things_have_one_name_in_it() -> None:
    """Where definitions are put together, the last one of a name would stand for all."""
    found: dict[str, Any] = {}
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            for operation in view.operations:
                shown = [
                    (model, "serialization")
                    for model in operation.response_models.values()
                    if hasattr(model, "model_fields")
                ]
                for model, mode in [*((model, "validation") for model in operation.models), *shown]:
                    for name, definition in model.model_json_schema(mode=mode).get("$defs", {}).items():
                        assert found.setdefault(name, definition) == definition, name
    assert len(found) > 40


def test_it_is_served_to_everybody(client: Client, db: None) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == api.document()
    assert client.post("/api/v1/openapi.json").status_code == 405


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()), ids=lambda value: str(value)[:60])
def test_an_operation_says_all_that_it_answers(method: str, path: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    assert {"400", "401", "403", "404", "429", "500", "503"} <= answers.keys()
    good = next(answer for status, answer in answers.items() if status.startswith("2"))
    assert "204" in answers or good["content"]
    assert operation["security"]
    assert ("409" in answers) == (method != "get")
    names = [parameter["name"] for parameter in operation["parameters"]]
    assert ("Idempotency-Key" in names) == (method != "get")
    assert sorted(set(names)) == sorted(names)
