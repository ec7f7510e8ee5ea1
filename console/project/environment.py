"""What an instance is told by its environment, read once. Settings of console and agent share it.

NARU_DATA        /var/lib/naru            everything that must survive
NARU_RUN         /run/naru                sockets, pids, heartbeats
NARU_HTTP        127.0.0.1:8000           where the web server listens
NARU_HOST_NAME   local                    this machine's name in the console
NARU_ENGINE      unix://NARU_RUN/engine.sock   an engine that is not ours to start
NARU_CONSOLE     https://… of the console that this host's agent calls; empty on the console's own machine
NARU_CONSOLE_KEY or in NARU_CONSOLE_KEY_FILE (NARU_DATA/console.key): the key that the console gave for this host
NARU_CONSOLE_PLAIN   1: call an http:// console, too, and let the key be read on the way
NARU_ALLOWED_HOSTS   comma-separated names the web server answers to, besides local ones
NARU_AUDIT_WITNESS   where signed heads of the audit log go: file:/PATH, syslog, syslog:HOST:PORT, by commas
NARU_AUDIT_KEEP_DAYS   0    after how many days audit entries move from the database to files; 0: never
NARU_TOKEN_DAYS  90    how long an API token lasts when nobody says
NARU_TOKEN_MOST_DAYS   365   and how long at most
NARU_TIMELINE_DAYS   90   for how many days it is told what changed
NARU_CRASH_DAYS  30    for how many days what was left of crashes is kept
NARU_BACKUP_MOST_MIB   4096   how large a backup of a volume may be
NARU_BACKUP_DAYS 30    how long a backup is kept when nobody says; 0: until somebody removes it
NARU_CAPSULE_MOST_MIB  8192   how large a capsule of a stack may be; it is kept as long as a backup
NARU_OUTBOUND_ALLOW  networks, by commas, to which requests for addresses that people typed may go beside the internet
NARU_HTTPS       1 when browsers come by https (a proxy in front): cookies and headers become strict
DATABASE_URL     SQLite under NARU_DATA   |   REDIS_URL   a private Redis on a socket under NARU_RUN
"""

import hashlib
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


@dataclass(frozen=True, slots=True)
class Environment:
    data: Path
    run: Path
    http: str
    host_name: str
    engine: str
    console: str
    console_plain: bool
    allowed_hosts: tuple[str, ...]
    https: bool
    audit_witness: str
    audit_keep_days: int
    token_days: int
    token_most_days: int
    timeline_days: int
    crash_days: int
    backup_most_mib: int
    backup_days: int
    capsule_most_mib: int
    outbound_allow: str
    database_url: str
    redis_url: str
    is_setup: bool

    @classmethod
    def read(cls) -> Self:
        data = Path(os.environ.get("NARU_DATA") or "/var/lib/naru").absolute()
        run = Path(os.environ.get("NARU_RUN") or "/run/naru").absolute()
        is_setup = os.environ.get("NARU_SETUP") == "1"
        # set-up commands must leave nothing outside the checkout
        database_url = "sqlite://:memory:" if is_setup else f"sqlite:///{data}/console.sqlite3"
        return cls(
            data=data,
            run=run,
            http=os.environ.get("NARU_HTTP") or "127.0.0.1:8000",
            host_name=os.environ.get("NARU_HOST_NAME") or "local",
            engine=os.environ.get("NARU_ENGINE") or f"unix://{run}/engine.sock",
            console=os.environ.get("NARU_CONSOLE", ""),
            console_plain=os.environ.get("NARU_CONSOLE_PLAIN") == "1",
            allowed_hosts=_names(os.environ.get("NARU_ALLOWED_HOSTS", "")),
            https=os.environ.get("NARU_HTTPS") == "1",
            audit_witness=os.environ.get("NARU_AUDIT_WITNESS", ""),
            audit_keep_days=_days("NARU_AUDIT_KEEP_DAYS", 0),
            token_days=max(_days("NARU_TOKEN_DAYS", 90), 1),
            token_most_days=max(_days("NARU_TOKEN_MOST_DAYS", 365), 1),
            timeline_days=max(_days("NARU_TIMELINE_DAYS", 90), 1),
            crash_days=max(_days("NARU_CRASH_DAYS", 30), 1),
            backup_most_mib=max(_number("NARU_BACKUP_MOST_MIB", 4096), 1),
            backup_days=_days("NARU_BACKUP_DAYS", 30),
            capsule_most_mib=max(_number("NARU_CAPSULE_MOST_MIB", 8192), 1),
            outbound_allow=_networks(os.environ.get("NARU_OUTBOUND_ALLOW", "")),
            database_url=os.environ.get("DATABASE_URL") or database_url,
            redis_url=os.environ.get("REDIS_URL") or f"unix://{run}/redis.sock",
            is_setup=is_setup,
        )

    @property
    def instance(self) -> str:
        """Tells apart instances on one machine: cookies are shared by all ports of a host name."""
        return hashlib.sha256(str(self.data).encode()).hexdigest()[:8]

    @property
    def http_address(self) -> tuple[str, int]:
        """What to bind. An IPv6 address is written with brackets in ``http``, and stands here without."""
        host, _colon, port = self.http.rpartition(":")
        if not port.isdecimal() or int(port) > 65535 or (":" in host and not host.startswith("[")):
            raise ValueError(f"NARU_HTTP is {self.http!r}; write address:port, as 127.0.0.1:8000 or [::1]:8000")
        return host.strip("[]") or "127.0.0.1", int(port)

    @property
    def names(self) -> list[str]:
        """Host names a browser may have typed."""
        host, _port = self.http_address
        local = ["localhost", "127.0.0.1", "[::1]"]
        bound = [] if host in EVERY_ADDRESS else [_bracketed(host)]
        return list(dict.fromkeys([*local, *bound, *self.allowed_hosts]))

    @property
    def url(self) -> str:
        """Where a browser finds this instance, for links that are printed. No slash at its end."""
        host, port = self.http_address
        public = next((name for name in self.allowed_hosts if not name.startswith((".", "*"))), "")
        if self.https and public:
            return f"https://{public}"
        if host in EVERY_ADDRESS:
            host = public or "127.0.0.1"
        return f"http://{_bracketed(host)}:{port}"

    @property
    def secret_key_path(self) -> Path:
        return self.data / "secret.key"

    @property
    def host_key_path(self) -> Path:
        return Path(os.environ.get("NARU_HOST_KEY_FILE") or self.run / "agent.key")

    @property
    def console_key(self) -> str:
        """Empty when there is none."""
        path = Path(os.environ.get("NARU_CONSOLE_KEY_FILE") or self.data / "console.key")
        return os.environ.get("NARU_CONSOLE_KEY", "").strip() or read_key(path)

    @property
    def known_as_path(self) -> Path:
        """What the console has told an agent that calls it."""
        return self.data / "host.json"

    @property
    def celery_broker_url(self) -> str:
        return self.redis_url.replace("unix://", "redis+socket://", 1)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, text.split(",")) if name)


def _days(name: str, default: int) -> int:
    return _number(name, default, of="a number of days")


def _number(name: str, default: int, *, of: str = "a number") -> int:
    text = os.environ.get(name, "")
    if text and not text.isdecimal():
        raise ValueError(f"{name} is {text!r}; write {of}")
    return int(text) if text else default


def _networks(text: str) -> str:
    for part in _names(text):
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(f"NARU_OUTBOUND_ALLOW: {error}; write networks such as 10.1.2.0/24") from error
    return text


def _bracketed(host: str) -> str:
    """As a URL and Django's ALLOWED_HOSTS write it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def read_key(path: Path) -> str:
    """Empty when there is none: Django then refuses whatever needs a key."""
    try:
        return path.read_text().strip()
    except (FileNotFoundError, PermissionError):
        return ""
