"""``RUN --mount`` with real steps."""

import base64
from pathlib import Path

import pytest

from tests.engine.host.build.conftest import BuilderProcess
from tests.engine.unit.build.tars import link

pytestmark = pytest.mark.host


def said(built: dict[str, object]) -> list[str]:
    """What steps printed."""
    texts = built["texts"]
    assert isinstance(texts, list)
    return [text for text in texts if not text.startswith((" --->", "Step ", "Removing", "Success", "aux"))]


def test_a_bind_shows_the_context_and_leaves_nothing(builder: BuilderProcess) -> None:
    run = f"cat /src/deep/d/f && ! touch /src/deep/x 2>/dev/null && echo {builder.token} > /o"
    built = builder.build(f"FROM bb:1\nRUN --mount=target=/src/deep {run}\n", {"d/f": "shown\n"})
    assert said(built)[0] == "shown\n"
    assert list(builder.files(built["id"], "")) and "src" not in builder.files(built["id"], "")
    assert builder.files(built["id"], "")["o"][3] == f"{builder.token}\n"


def test_what_is_written_to_a_bind_is_discarded(builder: BuilderProcess) -> None:
    text = (
        f"FROM bb:1\nRUN --mount=target=/s,source=d,rw echo {builder.token} > /s/f && cat /s/f\n"
        "RUN --mount=target=/s,source=d,rw cat /s/f\nRUN --mount=target=/f,source=d/f cat /f\n"
    )
    built = builder.build(text, {"d/f": "old\n"})
    assert said(built) == [f"{builder.token}\n", "old\n", "old\n"]
    assert not {"s", "f"} & builder.files(built["id"], "").keys()


def test_a_bind_depends_on_what_it_shows(builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nRUN --mount=target=/s,source=d cat /s/f > /{builder.token}\n"
    first = builder.build(text, {"d/f": "1", "e": "1"})
    assert builder.build(text, {"d/f": "1", "e": "2"})["id"] == first["id"]
    assert builder.build(text, {"d/f": "2", "e": "2"})["id"] != first["id"]


def test_a_bind_from_a_stage_keeps_owners(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN mkdir /d && echo {builder.token} > /d/f && chmod 600 /d/f && chown 7:8 /d/f\n"
        "FROM bb:1\nRUN --mount=from=a,source=/d,target=/s cat /s/f && stat -c %u:%g /s/f\n"
        "RUN --mount=from=bb:1,target=/i ls /i/bin/busybox\n"
    )
    assert said(built) == [f"{builder.token}\n", "7:8\n", "/i/bin/busybox\n"]


@pytest.mark.parametrize("target", ["/", "../../../..", "/etc", "../../.."])
def test_a_symlink_does_not_lead_out_of_the_context(target: str, builder: BuilderProcess, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("host")
    built = builder.build(
        f"FROM bb:1\nRUN --mount=target=/s,source=l{canary},rw true {builder.token}\n", {"l": link(target), "etc/x": ""}
    )
    assert "not found" in built["error"]
    built = builder.build(
        f"FROM bb:1\nRUN --mount=target=/s,source=l,rw ls /s; echo {builder.token} > /s/passwd; :\n",
        {"l": link(target), "etc/x": ""},
    )
    assert "error" not in built
    assert "root:x" in Path("/etc/passwd").read_text()
    assert canary.read_text() == "host"


def test_a_symlink_in_a_stage_does_not_lead_to_the_host(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN echo {builder.token}; ln -s / /l\nFROM bb:1\n"
        "RUN --mount=from=a,source=/l,target=/s,rw ls /s/bin/busybox && ls -A /s | wc -l\n"
    )
    assert said(built)[-2] == "/s/bin/busybox\n"
    assert int(said(built)[-1]) < 12  # an image's root, not the host's


def test_a_symlink_as_target_stays_in_the_image(builder: BuilderProcess) -> None:
    run = f"RUN --mount=target=/t/{builder.token},source=f cat /t/{builder.token}"
    built = builder.build(f"FROM bb:1\nRUN ln -s /../../../../tmp /t\n{run}\n", {"f": "there\n"})
    assert said(built) == ["there\n"]
    assert not Path(f"/tmp/{builder.token}").exists()
    assert f"tmp/{builder.token}" not in builder.files(built["id"], "")


def test_a_cache_lasts_and_is_in_no_layer(builder: BuilderProcess) -> None:
    name = builder.token
    text = f"FROM bb:1\nARG N\nRUN --mount=type=cache,target=/c,id={name} echo $N >> /c/f; cat /c/f; stat -c %a /c\n"
    first = builder.build(text, build_args={"N": "1"})
    second = builder.build(text, build_args={"N": "2"})
    assert (said(first), said(second)) == (["1\n", "755\n"], ["1\n", "2\n", "755\n"])
    assert "c" not in builder.files(second["id"], "")
    other = builder.build(f"FROM bb:1\nRUN --mount=type=cache,target=/c,id={name}2,uid=3,mode=700 stat -c '%u %a' /c\n")
    assert said(other) == ["3 700\n"]


def test_a_cache_can_begin_as_a_copy(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1 AS a\nRUN mkdir /d && echo {builder.token} > /d/f\nFROM bb:1\n"
        f"RUN --mount=type=cache,target=/c,id={builder.token},from=a,source=d cat /c/f; echo more > /c/f\n"
        f"RUN --mount=type=cache,target=/c,id={builder.token},from=a,source=d cat /c/f\n"
    )
    assert said(built) == [f"{builder.token}\n", "more\n"]


def test_a_tmpfs_is_memory_and_gone(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1\nRUN --mount=type=tmpfs,target=/t,size=1m echo {builder.token} > /t/x; "
        "stat -f -c %T /t; df -k /t | tail -1 | awk '{print $2}'\n"
    )
    assert said(built) == ["tmpfs\n", "1024\n"]
    assert "t" not in builder.files(built["id"], "")


def test_a_secret_is_seen_by_its_step_only(builder: BuilderProcess, builder_root: Path) -> None:
    secret = f"secret-{builder.token}"
    text = (
        "FROM bb:1\nRUN --mount=type=secret,id=s cat /run/secrets/s | base64; stat -c '%a %u' /run/secrets/s\n"
        "RUN --mount=type=secret,id=s,target=/x,mode=0444,uid=9 stat -c '%a %u' /x; ls /run 2>/dev/null || echo none\n"
        "RUN ls /run/secrets 2>/dev/null || echo none\n"
    )
    built = builder.build(text, secrets={"s": secret})
    encoded = base64.b64encode(secret.encode()).decode()
    assert "".join(said(built)).replace("\n", "").startswith(encoded + "400 0444 9")
    assert not {"run", "x"} & builder.files(built["id"], "").keys()
    assert secret not in repr(built)
    assert builder.build(text, secrets={"s": "other"})["id"] == built["id"], "a secret is no part of the cache key"
    found = [
        path
        for path in builder_root.rglob("*")
        if path.is_file() and path.name != "ns" and secret.encode() in path.read_bytes()
    ]
    assert found == []
    assert list(Path("/dev/shm").glob("naru-*-*")) == []


def test_a_secret_that_was_not_sent_is_named(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nRUN --mount=type=secret,id=nope,required true\n")
    assert "secret nope: not found" in built["error"]
    assert "X-Build-Secrets" in built["error"]
    built = builder.build(
        f"FROM bb:1\nRUN --mount=type=secret,id=nope ls /run/secrets 2>/dev/null || echo {builder.token}\n"
    )
    assert said(built)[-1] == f"{builder.token}\n"


def test_a_heredoc_can_be_a_program_itself(builder: BuilderProcess) -> None:
    built = builder.build(f"FROM bb:1\nRUN <<EOF\n#!/bin/cat\n{builder.token}\nEOF\n")
    assert said(built) == ["#!/bin/cat\n", f"{builder.token}\n"]


def test_what_a_step_writes_to_a_volume_is_discarded(builder: BuilderProcess) -> None:
    built = builder.build(
        f"FROM bb:1\nRUN mkdir /v && echo {builder.token} > /v/kept\nVOLUME /v /new\n"
        "RUN cat /v/kept; echo x > /v/lost; echo x > /new/lost; ls /v /new\nCOPY f /v/copied\n",
        {"f": "c"},
    )
    assert said(built) == [f"{builder.token}\n", "/new:\n", "lost\n", "\n", "/v:\n", "kept\n", "lost\n"]
    assert set(builder.files(built["id"], "v")) == {"v/kept", "v/copied"}
    assert builder.files(built["id"], "new") == {}


def test_the_network_of_a_step(builder: BuilderProcess) -> None:
    built = builder.build(f"FROM bb:1\nRUN --network=none ls /sys/class/net; echo {builder.token}\n")
    assert said(built) == ["lo\n", f"{builder.token}\n"]
    refused = builder.build("FROM bb:1\nRUN --network=host true\n")
    assert "RUN --network=host" in refused["error"]
    assert refused["class"] == "Denied"
