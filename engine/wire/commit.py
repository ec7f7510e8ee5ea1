"""``POST /commit``: the configuration in its body."""

from typing import Any, Final

import msgspec

from engine.model.image import ImageConfig
from engine.model.ports import Port
from engine.wire.container_config import HealthcheckJson
from engine.wire.json_body import decode, parse_object
from engine.wire.text import LONGEST_NAME, check_arguments, check_mapping, check_text, check_texts

_NOTHING: Final = (b"", b"null", b"{}")


class _ConfigJson(msgspec.Struct, rename="pascal", kw_only=True):
    """What of a container's configuration an image keeps; the rest (Hostname, Tty, …) is the container's alone."""

    user: str = ""
    exposed_ports: dict[str, dict[str, Any]] = {}
    env: list[str] = []
    cmd: str | list[str] | None = None
    healthcheck: HealthcheckJson | None = None
    volumes: dict[str, dict[str, Any]] = {}
    working_dir: str = ""
    entrypoint: str | list[str] | None = None
    on_build: list[str] = []
    labels: dict[str, str] = {}
    stop_signal: str = ""
    shell: list[str] = []


def decode_commit(body: bytes) -> ImageConfig | None:
    """None when the body says nothing. Raises Invalid or TooLarge, naming the member."""
    if body.strip() in _NOTHING:
        return None
    given = decode(parse_object(body), _ConfigJson)
    _check(given)
    return ImageConfig(
        entrypoint=_words(given.entrypoint),
        cmd=_words(given.cmd),
        env=tuple(given.env),
        working_dir=given.working_dir,
        user=given.user,
        labels=given.labels,
        exposed_ports=frozenset(Port.parse(text) for text in given.exposed_ports),
        volumes=frozenset(given.volumes),
        stop_signal=given.stop_signal,
        healthcheck=given.healthcheck.to_model() if given.healthcheck else None,
        shell=tuple(given.shell) or None,
        on_build=tuple(given.on_build),
    )


def _check(given: _ConfigJson) -> None:
    check_text("User", given.user, longest=LONGEST_NAME)
    check_text("StopSignal", given.stop_signal, longest=LONGEST_NAME)
    check_text("WorkingDir", given.working_dir, longest=4096)
    check_texts("Volumes", given.volumes, longest=4096)
    check_texts("OnBuild", given.on_build)
    check_mapping("Labels", given.labels, lines=True)
    for field, values in (("Env", given.env), ("Shell", given.shell)):
        check_arguments(field, values)
    for field, words in (("Cmd", given.cmd), ("Entrypoint", given.entrypoint)):
        check_arguments(field, _words(words) or ())


def _words(given: str | list[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)
