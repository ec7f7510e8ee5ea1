"""SOURCE_DATE_EPOCH: two engines that share nothing come to the same image."""

import pytest

from tests.engine.host.build.conftest import BuilderProcess, running_builder
from tests.engine.unit.build.tars import Made

pytestmark = pytest.mark.host
EPOCH = 1_600_000_000
TEXT = (
    "FROM scratch AS base\nADD rootfs.tar /\nFROM base AS made\n"
    "RUN mkdir -p /made/d && echo x > /made/d/f && ln /made/d/f /made/g && ln -s f /made/d/l && touch /bin/new\n"
    "FROM base\nCOPY --from=made /made /copied\nCOPY f /w/f\nWORKDIR /new/dir\nRUN echo y > /out\nENV A=b\n"
    'LABEL l=m\nVOLUME /v\nCMD ["sh"]\n'
)


def build(builder: BuilderProcess, busybox_tar: bytes, epoch: str) -> dict[str, object]:
    files: dict[str, Made] = {"rootfs.tar": busybox_tar, "f": "f"}
    return builder.build(TEXT, files, build_args={"SOURCE_DATE_EPOCH": epoch}, no_cache=True)


def test_two_engines_build_the_same_image(builder: BuilderProcess, busybox_tar: bytes) -> None:
    first = build(builder, busybox_tar, str(EPOCH))
    assert "not consumed" not in repr(first["texts"])
    with running_builder() as other:
        second = build(other, busybox_tar, str(EPOCH))
        third = build(other, busybox_tar, str(EPOCH + 1))
    assert "error" not in first, first
    assert second["id"] == first["id"]
    assert third["id"] != first["id"]
    found = builder.files(str(first["id"]), "")
    assert {found[name][4] for name in ("copied/d/f", "copied/d", "w", "out", "new/dir")} == {EPOCH}
    assert found["w/f"][4] == 0, "what is older keeps its date"


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "99999999999"])
def test_what_is_no_epoch_is_refused(text: str, builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\n", build_args={"SOURCE_DATE_EPOCH": text})
    assert built["class"] == "Invalid"
    assert "SOURCE_DATE_EPOCH" in built["error"]
