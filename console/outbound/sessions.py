"""The client for libraries that want a ``requests.Session``: same checks, same limits, nothing from the environment."""

import io
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError, InvalidURL
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from console.operations.errors import Invalid, Unavailable
from console.outbound import client
from console.outbound.client import MOST_REDIRECTS, Answer, Call


def checked_session(*, trusted: frozenset[str] = frozenset()) -> requests.Session:
    """Redirects are followed by requests, which takes credentials off for another host; each passes the checks.

    ``trusted`` as for Call.
    """
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = MOST_REDIRECTS
    # what is small on its way may be without end once it is unpacked
    session.headers["Accept-Encoding"] = "identity"
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(trusted))
    return session


class _Adapter(BaseAdapter):
    def __init__(self, trusted: frozenset[str]) -> None:
        super().__init__()
        self._trusted = trusted

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - its shape is given
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise InvalidURL("only a body that is whole can be sent", request=request)
        call = Call(
            method=request.method or "GET",
            url=request.url or "",
            headers={name: _text(value) for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else body,
            redirects=0,
            trusted=self._trusted,
        )
        try:
            answer = client.request(call)
            if answer.header("content-encoding") not in ("", "identity"):
                raise ConnectionError("the answer is compressed, which was not asked for", request=request)
            return _response(request, answer)
        except Invalid as error:
            raise InvalidURL(str(error), request=request) from error
        except Unavailable as error:
            raise ConnectionError(str(error), request=request) from error

    def close(self) -> None:
        """Nothing is kept open."""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _response(asked: requests.PreparedRequest, answer: Answer) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = answer.status, answer.reason
    response.headers = CaseInsensitiveDict(answer.headers)
    response.raw = HTTPResponse(io.BytesIO(answer.body), headers=dict(answer.headers), preload_content=False)
    response.url, response.request = asked.url or "", asked
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response
