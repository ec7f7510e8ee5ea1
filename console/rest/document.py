"""The OpenAPI document: what ninja derives from the handlers, and what the door adds to each of them."""

from typing import Any

from console.rest.once import HEADER, REPLAYED
from console.rest.problems import MEDIA_TYPE, Problem

REF = "#/components/schemas/{model}"
EVERYWHERE = {
    "400": "The request is malformed: `field` names the input.",
    "401": "It is not known who asks.",
    "403": "It may not be done: `permission` names what is missing, where one permission would be enough.",
    "404": "There is no such thing, or none that may be known of.",
    "429": "Too many requests with bad tokens came from there.",
    "500": "A fault of ours.",
    "503": "A part that is needed does not answer: try again.",
}
CHANGING = {
    "409": "It does not fit how things are now.",
    "413": "The body is too large.",
    "415": "The body is of the wrong media type.",
    "422": f"The {HEADER} came before with another request.",
}
KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "The same key with the same request is done once, and answered the same for 24 hours.",
}
NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of an answer that is there already.",
}
STATES = {"ETag": {"schema": {"type": "string"}, "description": "Changes when the answer does."}}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template=REF)
    schemas = document["components"].setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["Problem"] = schema
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["responses"] = {status: _refusal(text) for status, text in (EVERYWHERE | CHANGING).items()}
    document["paths"] = dict(sorted(document["paths"].items()))
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _complete(operation, is_reading=method == "get")
    return document


def _complete(operation: dict[str, Any], *, is_reading: bool) -> None:
    found = {str(status): answer for status, answer in operation["responses"].items()}
    parameters = operation.setdefault("parameters", [])
    if is_reading:
        is_tagged = "application/json" in found.get("200", {}).get("content", {})
        if is_tagged:
            found["200"]["headers"] = STATES
            found["304"] = {"description": "It is as it was."}
            parameters.append(NONE_MATCH)
    else:
        parameters.append(KEY)
        for status, answer in found.items():
            if status.startswith("2"):
                answer["headers"] = {REPLAYED: {"schema": {"const": "true"}, "description": "It was done before."}}
    refusals = EVERYWHERE if is_reading else EVERYWHERE | CHANGING
    found |= {status: {"$ref": f"#/components/responses/{status}"} for status in refusals}
    operation["responses"] = dict(sorted(found.items()))


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}}
