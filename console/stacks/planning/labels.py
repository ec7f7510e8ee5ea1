"""The labels by which Compose knows what belongs to a project, read and written as ``docker compose`` does."""

from collections.abc import Mapping

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
CONFIG_HASH = "com.docker.compose.config-hash"
IMAGE = "com.docker.compose.image"
DEPENDS_ON = "com.docker.compose.depends_on"
DIRECTORY = "com.docker.compose.project.working_dir"
FILES = "com.docker.compose.project.config_files"
NETWORK = "com.docker.compose.network"
VOLUME = "com.docker.compose.volume"
VERSION = "com.docker.compose.version"
# ours: which release made it; its hash is then one of ours, too
RELEASE = "naru.release"
# containers that carry the same group share their published ports, where the engine can do that; those that can say so
# among the labels of their own
SHARED_PORTS = "naru.shared-ports"
CAN_SHARE_PORTS = "naru.shared-ports=1"
CONSOLES = "naru."
OWN_PREFIXES = ("com.docker.compose.", CONSOLES)


def number_of(labels: Mapping[str, str]) -> int:
    """0 where there is none."""
    text = labels.get(NUMBER, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def is_one_off(labels: Mapping[str, str]) -> bool:
    """Made by ``docker compose run``: it belongs to who made it."""
    return labels.get(ONE_OFF, "").lower() == "true"


def sharing_group(project: str, service: str) -> str:
    return f"{project}/{service}"


def is_own(name: str) -> bool:
    return name.startswith(OWN_PREFIXES)
