"""What an image that was made from a container says about how to run it."""

from dataclasses import replace

import pytest

from engine.containers.commit import CommitRequest, committed_config
from engine.model.container import ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import ImageConfig

SPEC = ContainerSpec(
    image_id=Digest("0" * 64),
    image_name="base",
    entrypoint=("/entry",),
    cmd=("run",),
    env=("A=1", "B=2"),
    labels={"of": "container"},
    user="1000",
    working_dir="/srv",
)


def committed(**more: object) -> ImageConfig:
    return committed_config(SPEC, replace(CommitRequest(), **more))  # type: ignore[arg-type]


def test_an_image_says_what_the_container_was_asked_to_be() -> None:
    config = committed()
    assert (config.entrypoint, config.cmd, config.env) == (("/entry",), ("run",), ("A=1", "B=2"))
    assert (config.user, config.working_dir, config.labels) == ("1000", "/srv", {"of": "container"})


def test_the_client_s_configuration_goes_before_the_container_s() -> None:
    config = committed(config=ImageConfig(cmd=("other",), env=("B=3",), labels={"mine": "1"}))
    assert (config.entrypoint, config.cmd) == (("/entry",), ("other",))
    assert config.env == ("B=3", "A=1")
    assert config.labels == {"of": "container", "mine": "1"}


def test_a_new_entrypoint_drops_the_old_command() -> None:
    assert committed(changes=('ENTRYPOINT ["/new"]',)).cmd is None
    config = committed(changes=('CMD ["new"]', 'ENTRYPOINT ["/new"]'))
    assert (config.entrypoint, config.cmd) == (("/new",), ("new",))


def test_a_change_that_is_no_instruction_is_refused() -> None:
    with pytest.raises(Invalid, match="FOO is not a valid change command"):
        committed(changes=("FOO bar",))
