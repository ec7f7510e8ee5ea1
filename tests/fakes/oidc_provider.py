"""A small OpenID provider on a loopback port: discovery, keys, token and user information, with knobs for lies.

There is no page of its own: :meth:`OidcProvider.answer` does what a browser and its owner would do there.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, SECRET = "naru-console", "oidc-secret-canary"


class OidcProvider:
    """``claims`` is whoever signs in there. ``lies`` change what is said: see each place that looks them up."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "ada-1", "preferred_username": "ada", "email": "ada@example.org"}
        self.lies: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._key = rsa.generate_private_key(65537, 2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, location: str) -> str:
        """Sign in at the address the console sent the browser to; the path and query it is sent back with."""
        url = urlsplit(location)
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{self.issuer}/authorize"
        self.asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert self.asked["client_id"] == CLIENT_ID
        assert self.asked["response_type"] == "code"
        code = secrets.token_hex(8)
        self._codes[code] = self.asked
        back = urlsplit(self.asked["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': self.asked['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or form["client_secret"] != SECRET or challenge != asked["code_challenge"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims}
        key = rsa.generate_private_key(65537, 2048) if self.lies.get("key") else self._key
        id_token = jwt.encode({**said, **self.lies.get("token", {})}, key, "RS256", headers={"kid": "one"})
        return {"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}

    def document(self, path: str) -> Any:
        match path:
            case "/.well-known/openid-configuration":
                places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
                found = {f"{name}_endpoint": f"{self.issuer}/{place}" for name, place in places.items()}
                methods = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
                issuer = self.lies.get("issuer", self.issuer)
                return {"issuer": issuer, "jwks_uri": f"{self.issuer}/keys", **methods, **found}
            case "/keys":
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
                return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}
            case "/userinfo":
                return {**self.claims, **self.lies.get("userinfo", {})}
        return None

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's own self is another
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say(provider.document(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._say(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _say(self, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(404 if document is None else 400 if "error" in document else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_facts: Any) -> None:
                pass

        return Handler
