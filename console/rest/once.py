"""Idempotency keys: the same key with the same request is done once, and answered the same for a day.

A key belongs to who sent it, and there to the token it came with, so that a narrower token of the same person does not
learn what a wider one was answered. What was refused for the moment only (no proof, no permission, a part that is away)
is not kept: then nothing was done, and the request may come again.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import cast

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.rest.answers import NOT_KEPT
from console.rest.errors import OtherRequest
from console.rest.models import KeyedRequest
from console.rest.observations import begin, finish, forget

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
PASSING = frozenset({401, 403, 408, 429})
# whoever began longer ago than that is not at it any more
AT_IT = timedelta(minutes=2)
READ_BYTES = 1024 * 1024


def once(request: HttpRequest, actor: Actor, do: Callable[[], HttpResponse]) -> HttpResponse:
    """What ``do`` answers, or answered when the same request came before.

    Invalid when the key is malformed, OtherRequest when it came with another request, Conflict while the first one is
    still being done.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return do()
    if not KEY.fullmatch(key):
        raise Invalid(_("A key is 1 to 255 visible ASCII characters."), field=HEADER)
    asked = _request_hash(request)
    row, is_new = begin(actor, key_hash=_key_hash(actor, key), request_hash=asked)
    if not is_new:
        return _again(row, key, asked)
    try:
        answer = do()
    except BaseException:
        forget(actor, row)
        raise
    if _is_passing(answer):
        forget(actor, row)
    else:
        finish(actor, row, status=answer.status_code, sealed=_sealed(answer, key))
    return answer


def _is_passing(answer: HttpResponse) -> bool:
    """What is not answered the same again: refusals of the moment, and what is secret, which is asked for anew."""
    if answer.streaming or answer.status_code >= 500 or answer.status_code in PASSING:
        return True
    return answer.get("Cache-Control") == NOT_KEPT


def _again(row: KeyedRequest, key: str, asked: str) -> HttpResponse:
    if row.request_hash != asked:
        raise OtherRequest(_("This key came before with another request."), field=HEADER)
    if row.status == 0:
        if timezone.now() - row.began_at < AT_IT:
            raise Conflict(_("The first request with this key is still being done. Ask again in a moment."))
        raise Conflict(_("It is not known whether the first request with this key was done: look, then use a new key."))
    return _opened(row, key)


def _key_hash(actor: Actor, key: str) -> str:
    token = actor.limits.token_pk if actor.limits else 0
    return _digest(f"{actor.user_pk}:{token}:{key}".encode())


def _request_hash(request: HttpRequest) -> str:
    """Of what is asked: method, address and content; of a form its fields and files, whose boundaries differ."""
    parts = [request.method or "", request.get_full_path()]
    if request.content_type == "multipart/form-data":
        parts += [_digest(part) for part in _form_parts(request)]
    else:
        parts.append(_digest(request.body))
    # keyed: of a short secret in a body, a plain digest would tell who reads the database what to guess at
    return salted_hmac("naru requests", "\n".join(parts), algorithm="sha256").hexdigest()


def _form_parts(request: HttpRequest) -> Iterator[bytes]:
    for name, values in sorted(request.POST.lists()):
        yield json.dumps([name, values]).encode()
    for name in sorted(request.FILES):
        file = cast("UploadedFile[bytes]", request.FILES[name])
        digest = hashlib.sha256()
        for chunk in file.chunks(READ_BYTES):
            digest.update(chunk)
        file.seek(0)
        yield f"{name}\n{digest.hexdigest()}".encode()


def _sealed(answer: HttpResponse, key: str) -> str:
    headers = {name: answer[name] for name in KEPT_HEADERS if name in answer}
    content = base64.b64encode(answer.content).decode()
    return _fernet(key).encrypt(json.dumps([headers, content]).encode()).decode()


def _opened(row: KeyedRequest, key: str) -> HttpResponse:
    headers, content = json.loads(_fernet(key).decrypt(row.sealed.encode()))
    answer = HttpResponse(base64.b64decode(content), status=row.status, headers=headers)
    answer[REPLAYED] = "true"
    return answer


def _fernet(key: str) -> Fernet:
    """Who reads the database has neither the console's key nor the sender's."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=key.encode(), info=b"naru answers")
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
