"""What is typed on a host so that its agent calls the console."""

from dataclasses import dataclass
from shlex import quote

from console.hosts.models import Host

REDIS = "rediss://…"
KEY_FILE = "/etc/naru/console.key"


@dataclass(frozen=True, slots=True)
class Commands:
    """``console``: its address, without a slash at the end. The key is in no command: it is pasted into a file."""

    console: str
    host: Host

    @property
    def keep_key(self) -> str:
        return f"sudo install -D -m 600 /dev/stdin {KEY_FILE}"

    @property
    def in_container(self) -> str:
        engine = self._engine or "unix:///run/naru-engine.sock"
        socket = engine.removeprefix("unix://")
        outside = self._socket or "/var/run/docker.sock"
        mounts = [f"-v {KEY_FILE}:/run/console.key:ro", "-v naru-agent:/var/lib/naru"]
        if engine.startswith("unix://"):
            mounts.append(f"-v {quote(outside)}:{quote(socket)}")
        facts = [f"-e {name}={value}" for name, value in self._environment(engine, "/run/console.key")]
        start = "sudo docker run -d --name naru-agent --restart unless-stopped"
        return " \\\n  ".join([start, *mounts, *facts, "naru/console tunnel,agent"])

    @property
    def from_checkout(self) -> str:
        engine = self._engine or "unix:///var/run/docker.sock"
        facts = [f"{name}={value}" for name, value in self._environment(engine, KEY_FILE)]
        return " \\\n  ".join(["sudo env", *facts, ".venv/bin/python manage.py up --only tunnel,agent"])

    @property
    def _engine(self) -> str:
        """Empty when the agent's own machine says where it is."""
        return "" if self.host.is_relayed else self.host.address

    @property
    def _socket(self) -> str:
        return self._engine.removeprefix("unix://") if self._engine.startswith("unix://") else ""

    def _environment(self, engine: str, key_file: str) -> list[tuple[str, str]]:
        plain = [("NARU_CONSOLE_PLAIN", "1")] if self.console.startswith("http://") else []
        return [
            ("NARU_CONSOLE", quote(self.console)),
            *plain,
            ("NARU_CONSOLE_KEY_FILE", key_file),
            ("NARU_ENGINE", quote(engine)),
            ("REDIS_URL", REDIS),
        ]
