"""Bodies of requests: JSON read strictly, before anything else looks at it."""

import json
import math
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from ninja.parser import Parser

from console.operations.errors import Invalid
from console.rest.errors import TooLarge, UnsupportedMedia

DEEPEST = 32
JSON = "application/json"
FORM = "multipart/form-data"
_READ = "naru.body"


class StrictParser(Parser):
    """Hands on what ``read_body`` has read."""

    def parse_body(self, request: HttpRequest) -> Any:
        return request.META[_READ]


def read_body(request: HttpRequest, *, takes_form: bool) -> None:
    """Raises Invalid, saying what is wrong and where, UnsupportedMedia or TooLarge. Forms are left to be read later."""
    if takes_form and request.content_type == FORM:
        return
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise TooLarge(_("The body is larger than 1 MiB.")) from error
    except UnreadablePostError as error:
        raise Invalid(_("The body ended too early.")) from error
    if not body:
        return
    if request.content_type != JSON:
        raise UnsupportedMedia(_("Send the body as application/json."))
    request.META[_READ] = read_json(body)


def read_json(body: bytes) -> Any:
    try:
        value = _decoder.decode(body.decode())
    except UnicodeDecodeError as error:
        raise Invalid(_("The body is not UTF-8.")) from error
    except json.JSONDecodeError as error:
        words = {"line": error.lineno, "column": error.colno}
        raise Invalid(_("The body is no JSON: look at line %(line)d, column %(column)d.") % words) from error
    except RecursionError as error:
        raise Invalid(_too_deep()) from error
    _check(value, where="", depth=0)
    return value


def require_plain(text: str, *, field: str) -> None:
    """Neither a zero byte nor half a character, which no database keeps."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid(_("This is no text: it holds a zero byte or half a character."), field=field)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(_("“%(name)s” is there twice.") % {"name": twice[:80]}, field=twice[:80])
    return found


def _no_number(text: str) -> NoReturn:
    raise Invalid(_("“%(text)s” is no number in JSON.") % {"text": text})


def _whole(text: str) -> int:
    if len(text) > 20:
        raise Invalid(_("“%(text)s” is too large a number.") % {"text": f"{text[:20]}…"})
    return int(text)


def _fraction(text: str) -> float:
    if math.isinf(number := float(text)):
        raise Invalid(_("“%(text)s” is too large a number.") % {"text": text[:20]})
    return number


def _check(value: Any, *, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise Invalid(_too_deep())
    if isinstance(value, str):
        require_plain(value, field=where)
    elif isinstance(value, dict):
        for name, inner in value.items():
            require_plain(name, field=where)
            _check(inner, where=f"{where}.{name}".strip("."), depth=depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check(inner, where=f"{where}.{number}".strip("."), depth=depth + 1)


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_number, parse_int=_whole, parse_float=_fraction
)


def _too_deep() -> str:
    return _("The body is nested more than %(levels)d levels deep.") % {"levels": DEEPEST}
