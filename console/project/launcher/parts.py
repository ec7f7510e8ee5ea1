"""What an instance consists of, as data: command lines, readiness, order.

Everything global to an instance comes from ``Places``, so instances with different places do not meet.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where one instance lives. ``http`` is what to bind, ``host:port``; ``url`` is where a browser finds it.

    ``redis_url`` empty means a private one.

    ``engine`` is an engine's address; empty, or the address of our own socket, means one of our own.
    ``console``: another machine's console, which this host's agent calls; then only the host's own parts are started.
    ``trusts_proxy``: a proxy in front says by X-Forwarded-For who asks.
    """

    data: Path
    run: Path
    http: str
    redis_url: str = ""
    host_name: str = "local"
    engine: str = ""
    trusts_proxy: bool = False
    console: str = ""
    url: str = ""

    @property
    def engine_socket(self) -> Path:
        return self.run / "engine.sock"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def own_engine(self) -> bool:
        return self.engine in ("", f"unix://{self.engine_socket}")

    def alive_file(self, part: str) -> Path:
        return self.run / "alive" / part

    def environ(self) -> dict[str, str]:
        return {
            "NARU_DATA": str(self.data),
            "NARU_RUN": str(self.run),
            "NARU_HTTP": self.http,
            "NARU_HOST_NAME": self.host_name,
            "NARU_ENGINE": self.engine or f"unix://{self.engine_socket}",
            "REDIS_URL": self.redis_url or f"unix://{self.redis_socket}",
            # Celery's threads otherwise keep one heap arena each, some 60 MB together
            "MALLOC_ARENA_MAX": "2",
            "PYTHONUNBUFFERED": "1",
            # Celery's parts otherwise import every page and all of the API at their start, only to have them checked
            "CELERY_SKIP_CHECKS": "1",
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running.

    It is ready when the first of these that it has says so: ``ready_socket`` answers ``ready_request`` with
    ``ready_reply``, or ``alive_file`` was touched after its start. A part with an ``alive_file`` that stays untouched
    is hung, and is restarted.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    ready_address: Path | tuple[str, int] | None = None
    ready_request: bytes = b""
    ready_reply: bytes = b""
    alive_file: Path | None = None


def parts_of(places: Places) -> list[Part]:
    """In the order of starting; they stop in the reverse."""
    agent = _worker(places, "agent", app="console.project.agent", queue=f"host.{places.host_name}", threads=8)
    engine = [_engine(places)] if places.own_engine else []
    if places.console:
        return [*engine, Part("tunnel", (sys.executable, "-m", "console.project.tunnel")), agent]
    worker = _worker(places, "worker", app="console.project.celery", queue="console", threads=4)
    parts = [*engine, _web(places), worker, agent, _beat(places)]
    if not places.redis_url:
        parts.insert(0, _redis(places))
    return parts


def _engine(places: Places) -> Part:
    return Part(
        "engine",
        (sys.executable, "-m", "engine", "serve", "--data-root", str(places.data / "engine"))
        + ("--run-root", str(places.run), "--socket", str(places.engine_socket)),
        ready_address=places.engine_socket,
        ready_request=b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n",
        ready_reply=b" 200 ",
    )


def _web(places: Places) -> Part:
    host, _, port = places.http.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    return Part(
        "web",
        (sys.executable, "-m", "uvicorn", "console.project.asgi:application", "--host", host, "--port", port)
        + ("--ws", "websockets-sansio", "--ws-max-size", "65536", "--no-access-log", "--log-level", "warning")
        + ("--timeout-graceful-shutdown", "3")
        # without a proxy in front anybody could say whose request it is, and be somebody else in the audit log
        + ("--proxy-headers" if places.trusts_proxy else "--no-proxy-headers",),
        ready_address=(host, int(port)),
        # a name it always answers to, and as if by https, which it may insist on
        ready_request=b"GET /sign-in/ HTTP/1.0\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n\r\n",
        ready_reply=b" 200 ",
    )


def _beat(places: Places) -> Part:
    return Part(
        "beat",
        (sys.executable, "-m", "celery", "--quiet", "-A", "console.project.celery", "beat", "--loglevel", "warning")
        + ("--schedule", str(places.run / "beat"), "--pidfile", ""),
    )


def _redis(places: Places) -> Part:
    keep = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction")
    return Part(
        "redis",
        ("redis-server", "--port", "0", "--unixsocket", str(places.redis_socket), "--unixsocketperm", "700")
        + ("--dir", str(places.data / "redis"), "--loglevel", "warning", *keep),
        ready_address=places.redis_socket,
        ready_request=b"PING\r\n",
        ready_reply=b"+PONG",
    )


def _worker(places: Places, name: str, *, app: str, queue: str, threads: int) -> Part:
    alive_file = places.alive_file(name)
    return Part(
        name,
        (sys.executable, "-m", "celery", "--quiet", "-A", app, "worker", "--queues", queue, "--hostname", f"{name}@%h")
        + ("--pool", "threads", "--concurrency", str(threads), "--prefetch-multiplier", "1")
        + ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning"),
        # messages are JSON and signed: what Celery warns root of is pickle
        environ={
            "NARU_ALIVE_FILE": str(alive_file),
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        },
        alive_file=alive_file,
    )
