"""A web server on loopback for builds: files, redirects, and git repositories by git's own http-backend."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

Answer = tuple[int, Mapping[str, str], bytes]


class Web:
    """``answers`` by path; what is below /git/ is a repository in ``repositories``, for who has the
    ``authorization`` where there is one. ``asked`` has every path.
    """

    def __init__(self, repositories: Path) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.repositories = repositories
        self.authorization = ""
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                if self.path.startswith("/git/"):
                    self._git(b"")
                    return
                status, headers, body = web.answers.get(urlsplit(self.path).path, (404, {}, b""))
                self._answer(status, headers, body)

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._git(data)

            def _git(self, data: bytes) -> None:
                if web.authorization and self.headers.get("Authorization") != web.authorization:
                    self._answer(401, {"WWW-Authenticate": "Basic"}, b"")
                    return
                url = urlsplit(self.path)
                environment = {
                    "GIT_PROJECT_ROOT": str(web.repositories),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "PATH_INFO": url.path.removeprefix("/git"),
                    "QUERY_STRING": url.query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(data)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }
                out = subprocess.run(["git", "http-backend"], env=environment, input=data, capture_output=True).stdout
                head, _, body = out.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
                self._answer(int(headers.pop("Status", "200 OK").split()[0]), headers, body)

            def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """By the name that the engine is allowed to visit."""
        return f"http://localhost:{self.server.server_port}"

    def repository(self, name: str, commits: list[Mapping[str, str]]) -> list[str]:
        """A repository of those commits, each tagged v1, v2 …; ``->`` before a content makes a symlink. Commit ids."""
        path = self.repositories / name
        path.mkdir(parents=True)
        run_git(path, "init", "-q", "-b", "main")
        ids = []
        for number, files in enumerate(commits, 1):
            for file, text in files.items():
                place = path / file
                place.parent.mkdir(parents=True, exist_ok=True)
                if text.startswith("->"):
                    place.symlink_to(text[2:])
                else:
                    place.write_text(text)
            run_git(path, "add", "-A")
            run_git(path, "commit", "-q", "-m", str(number))
            run_git(path, "tag", f"v{number}")
            ids.append(run_git(path, "rev-parse", "HEAD"))
        return ids


def run_git(path: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", "-C", str(path), *identity, *words], capture_output=True, check=True)
    return done.stdout.decode().strip()


@contextmanager
def serving(directory: Path) -> Iterator[Web]:
    web = Web(directory)
    thread = threading.Thread(target=web.server.serve_forever)
    thread.start()
    try:
        yield web
    finally:
        web.server.shutdown()
        web.server.server_close()
        thread.join()
