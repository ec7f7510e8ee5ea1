"""Builds with real steps: containers, layers and the confined unpacker, through ``Builder``."""

import os
import re
import tarfile

import pytest

from tests.engine.host.build.conftest import BuilderProcess
from tests.engine.unit.build.tars import Made, link, tar_with

pytestmark = pytest.mark.host
NOT_FOUND = "file not found in build context or excluded by .dockerignore"


def test_the_messages_of_a_build(builder: BuilderProcess) -> None:
    built = builder.build(
        f'ARG V=1\nFROM bb:$V AS a\nARG W=2\nENV A={builder.token}\nRUN echo hi $W; echo err >&2\nCMD ["sh"]\n',
        tags=["e:1", "e", "e:1"],
        build_args={"W": "3", "unused": "x"},
        labels={"l": "m"},
    )
    pattern = [
        "Step 1/7 : ARG V=1\n",
        "Step 2/7 : FROM bb:$V AS a\n",
        " ---> SHORT\n",
        "Step 3/7 : ARG W=2\n",
        " ---> SHORT\n",
        f"Step 4/7 : ENV A={builder.token}\n",
        " ---> SHORT\n",
        "Step 5/7 : RUN echo hi $W; echo err >&2\n",
        " ---> Running in SHORT\n",
        "hi 3\n",
        "\x1b[91merr\n\x1b[0m",
        "Removing intermediate container SHORT\n",
        " ---> SHORT\n",
        'Step 6/7 : CMD ["sh"]\n',
        " ---> SHORT\n",
        "Step 7/7 : LABEL l=m\n",
        " ---> SHORT\n",
        "aux sha256:DIGEST",
        "[Warning] One or more build-args [unused] were not consumed\n",
        "Successfully built SHORT\n",
        "Successfully tagged e:1\n",
        "Successfully tagged e:latest\n",
    ]
    texts = [re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text) for text in built["texts"]]
    assert [re.sub(r"\b[0-9a-f]{12}\b", "SHORT", text) for text in texts] == pattern
    assert built["tags"] == ["e:1", "e:latest"]
    assert built["labels"] == {"l": "m"}
    assert built["history"][1:] == [
        ["/bin/sh -c #(nop)  ARG W=2", True],
        [f"/bin/sh -c #(nop)  ENV A={builder.token}", True],
        ["|1 W=3 /bin/sh -c echo hi $W; echo err >&2", True],
        ['/bin/sh -c #(nop)  CMD ["sh"]', True],
        ["/bin/sh -c #(nop)  LABEL l=m", True],
    ]


def test_a_second_build_is_the_same_image_out_of_the_cache(builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nCOPY f /f\nRUN echo {builder.token} > /g\nWORKDIR /w/x\nENV a=b\n"
    first = builder.build(text, {"f": "1"})
    second = builder.build(text, {"f": "1", "other": "2"})
    assert second["id"] == first["id"]
    assert [text for text in second["texts"] if "Running" in text] == []
    assert second["texts"].count(" ---> Using cache\n") == 4
    changed = builder.build(text, {"f": "2"})
    assert changed["id"] != first["id"]
    assert changed["texts"].count(" ---> Using cache\n") == 0
    fresh = builder.build(text, {"f": "1"}, no_cache=True)
    assert fresh["id"] != first["id"]
    assert fresh["texts"].count(" ---> Using cache\n") == 0


def test_a_build_argument_is_part_of_what_a_run_depends_on(builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nARG A\nRUN echo $A {builder.token} > /a\n"
    ids = {builder.build(text, build_args={"A": value})["id"] for value in ("1", "2", "1")}
    assert len(ids) == 2


def test_a_cached_image_whose_layer_is_gone_is_not_used(builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nRUN echo {builder.token} > /a\n"
    first = builder.build(text)
    builder.ask("lose_layer", image=first["id"])
    second = builder.build(text)
    assert " ---> Using cache\n" not in second["texts"]
    assert builder.files(second["id"], "")["a"][3] == f"{builder.token}\n"


@pytest.mark.parametrize(
    ("line", "message", "code"),
    [
        ("RUN exit 3", "The command '/bin/sh -c exit 3' returned a non-zero code: 3", 3),
        ('RUN ["sh", "-c", "exit 4"]', "The command 'sh -c exit 4' returned a non-zero code: 4", 4),
        ("RUN nosuch", "The command '/bin/sh -c nosuch' returned a non-zero code: 127", 127),
        (
            "RUN sh -c 'kill -9 $$'; exit $?",
            "The command '/bin/sh -c sh -c 'kill -9 $$'; exit $?' returned a non-zero code: 137",
            137,
        ),
    ],
)
def test_a_step_that_fails_ends_the_build(line: str, message: str, code: int, builder: BuilderProcess) -> None:
    built = builder.build(f"FROM bb:1\n{line}\nRUN echo never\n", tags=[f"never:{code}"])
    assert (built["error"], built["class"], built["code"]) == (message, "StepFailed", code)
    assert not any("never" in text for text in built["texts"])


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("FROM bb:1\n# c\nRUN true && \\\n  exit 3\n", "Dockerfile:3: RUN true &&   exit 3"),
        ("FROM bb:1\nENV a=b\nCOPY nope /x\n", "Dockerfile:3: COPY nope /x"),
        ("FROM localhost:1/nope\n", "Dockerfile:1: FROM localhost:1/nope"),
        ("FROM bb:1\nENV a=${b:?no}\n", "Dockerfile:2: ENV a=${b:?no}"),
    ],
)
def test_the_line_of_a_failing_step_is_shown(text: str, pointer: str, builder: BuilderProcess) -> None:
    built = builder.build(text)
    assert built["texts"][-1] == f"\x1b[91m{pointer}\n\x1b[0m"
    assert "error" in built


def test_a_program_that_is_not_there_is_named(builder: BuilderProcess) -> None:
    built = builder.build('FROM bb:1\nRUN ["/nosuch"]\n')
    assert "/nosuch" in built["error"]
    assert built["code"] is None


def test_output_without_a_newline_and_of_any_bytes_arrives(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nRUN printf 'a\\nb\\n\\nc\\303\\251\\377'; exit 1\n")
    start = next(index for index, text in enumerate(built["texts"]) if "Running in" in text)
    assert "".join(built["texts"][start + 1 : -1]) == "a\nb\n\nc\u00e9\ufffd"
    assert built["texts"][start + 1] == "a\n"


def test_run_sees_environment_user_and_directory(builder: BuilderProcess) -> None:
    built = builder.build(
        "FROM bb:1\nENV A=1\nARG B=2\nARG A=hidden\nUSER 12:34\nWORKDIR /w\n"
        "RUN echo $A $B $http_proxy $(id -u) $(id -g) $PWD; exit 1\n",
        build_args={"http_proxy": "p"},
    )
    assert "1 2 p 12 34 /w\n" in built["texts"]


def test_copied_files_have_the_right_place_owner_mode_and_time(builder: BuilderProcess) -> None:
    tool = tarfile.TarInfo()
    tool.mode = 0o4755
    tool.uid = tool.gid = 77
    built = builder.build(
        "FROM bb:1\n"
        "RUN echo 'www:x:33:44::/:/bin/sh' >> /etc/passwd && echo 'www:x:55:' >> /etc/group && ln -s /real /lnk"
        " && mkdir -m 1777 /real && chown 9:9 /real\n"
        "COPY d /c/d\nCOPY --chown=www d/f /c/own/\nCOPY --chown=5:6 --chmod=640 d /c/both/\n"
        "COPY d/f /lnk/\nCOPY d/f d/l /c/many/\nCOPY d/* /c/wild/\nCOPY <<EOF /c/here\n$HOME\nEOF\n",
        {"d/f": "data", "d/l": link("f"), "d/tool": tool, "d/sub": None},
    )
    files = builder.files(built["id"], "c")
    files |= builder.files(built["id"], "real")
    places = {path: tuple(facts[:4]) for path, facts in files.items()}
    assert places == {
        "c/d": ("drwxr-xr-x", 0, 0, ""),
        "c/d/f": ("-rw-r--r--", 0, 0, "data"),
        "c/d/l": ("lrwxrwxrwx", 0, 0, "f"),
        "c/d/sub": ("drwxr-xr-x", 0, 0, ""),
        "c/d/tool": ("-rwsr-xr-x", 0, 0, ""),
        "c/own": ("drwxr-xr-x", 33, 55, ""),
        "c/own/f": ("-rw-r--r--", 33, 55, "data"),
        "c/both": ("drwxr-xr-x", 5, 6, ""),
        "c/both/f": ("-rw-r-----", 5, 6, "data"),
        "c/both/l": ("lrwxrwxrwx", 5, 6, "f"),
        "c/both/sub": ("drw-r-----", 5, 6, ""),
        "c/both/tool": ("-rw-r-----", 5, 6, ""),
        "c/many": ("drwxr-xr-x", 0, 0, ""),
        "c/many/f": ("-rw-r--r--", 0, 0, "data"),
        "c/many/l": ("-rw-r--r--", 0, 0, "data"),
        "c/wild": ("drwxr-xr-x", 0, 0, ""),
        "c/wild/f": ("-rw-r--r--", 0, 0, "data"),
        "c/wild/l": ("-rw-r--r--", 0, 0, "data"),
        "c/wild/tool": ("-rwsr-xr-x", 0, 0, ""),
        "c/here": ("-rw-r--r--", 0, 0, "\n"),
        "real/f": ("-rw-r--r--", 0, 0, "data"),
    }
    assert files["c/d/f"][4] == 0
    root = builder.files(built["id"], "")
    assert root["real"][:3] == ["drwxrwxrwt", 9, 9]


def test_add_unpacks_archives_and_copies_the_rest(builder: BuilderProcess) -> None:
    inner = tarfile.TarInfo()
    inner.uid, inner.gid, inner.mode = 5, 6, 0o600
    archive: dict[str, Made] = {"x/f": "in", "x/l": link("f"), "own": inner, "e": link("../../../../../../etc/evil")}
    built = builder.build(
        "FROM bb:1\nADD a.tar /t1\nADD b.tgz c.tar /t2/\nCOPY a.tar /t3/\nADD --chown=1:2 plain /t4\n",
        {"a.tar": tar_with(archive), "b.tgz": tar_with(archive, mode="w:gz"), "c.tar": "no tar", "plain": "p"},
    )
    for top in ("t1", "t2"):
        files = builder.files(built["id"], top)
        assert files[f"{top}/x/f"][3] == "in"
        assert files[f"{top}/own"][:3] == ["-rw-------", 5, 6]
        assert files[f"{top}/e"][3] == "../../../../../../etc/evil"
    assert builder.files(built["id"], "t2")["t2/c.tar"][3] == "no tar"
    assert list(builder.files(built["id"], "t3")) == ["t3/a.tar"]
    assert builder.files(built["id"], "")["t4"][1:4] == [1, 2, "p"]


def test_nothing_in_a_context_or_archive_reaches_the_host(builder: BuilderProcess) -> None:
    escape = tar_with({"d": link("/tmp"), "d/naru-build-canary": "x"})
    built = builder.build(
        "FROM bb:1\nRUN ln -s ../../../../../../../../tmp /up && ln -s / /root-of-all\n"
        "COPY f /up/naru-build-canary\nCOPY f /root-of-all/tmp/naru-build-canary2\nADD a.tar /x/\n",
        {"f": "inside", "a.tar": escape},
    )
    files = builder.files(built["id"], "tmp")
    assert sorted(files) == ["tmp/naru-build-canary", "tmp/naru-build-canary2"]
    assert not any(name.startswith("naru-build-canary") for name in _host_tmp())


def _host_tmp() -> list[str]:
    return os.listdir("/tmp")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "COPY missing /x",
            f"COPY failed: {NOT_FOUND}: stat missing: file does not exist",
        ),
        (
            "ADD hidden /x",
            f"ADD failed: {NOT_FOUND}: stat hidden: file does not exist",
        ),
        ("COPY miss* /x", "COPY failed: no source files were specified"),
        ("COPY ../f /x", "COPY failed: forbidden path outside the build context: ../f ()"),
        (
            "COPY f g /x",
            "When using COPY with more than one source file, the destination must be a directory and end with a /",
        ),
        ("COPY --from=bb:1 nothing /x", "COPY failed: stat nothing: file does not exist"),
        (
            "COPY --chown=nobodyx f /x",
            "unable to convert uid/gid chown string to host mapping: "
            "can't find uid for user nobodyx: no such user: nobodyx",
        ),
        ("COPY f /bin/busybox/", "failed to copy files: mkdir /bin/busybox: not a directory"),
        ("COPY .wh.x /x/", "'x/.wh.x': names that begin with .wh. are reserved"),
        ("STOPSIGNAL FOO", "Invalid signal: FOO"),
        ("ENV x=${y", "failed to process \"${y\": missing ':' in substitution"),
    ],
)
def test_a_step_that_cannot_be_says_why(line: str, message: str, builder: BuilderProcess) -> None:
    files = {"f": "1", "g": "2", "hidden": "3", ".wh.x": "4", ".dockerignore": "hidden\n"}
    built = builder.build(f"FROM bb:1\n{line}\n", files)
    assert built["error"] == message
    assert built["texts"][-2:] == [f"Step 2/2 : {line}\n", f"\x1b[91mDockerfile:2: {line}\n\x1b[0m"]


@pytest.mark.parametrize(
    ("dockerfile", "request_", "message"),
    [
        ("FOO bar\n", {}, "dockerfile parse error line 1: unknown instruction: FOO"),
        ("FROM bb:1\nRUN echo\nFOO bar\n", {}, "dockerfile parse error line 3: unknown instruction: FOO"),
        ("", {}, "the Dockerfile (Dockerfile) cannot be empty"),
        ("FROM bb:1\n", {"dockerfile": "no/such"}, "Cannot locate specified Dockerfile: no/such"),
        ("FROM bb:1\n", {"dockerfile": "../x"}, "forbidden path outside the build context: ../x ()"),
        ("FROM bb:1\n", {"target": "x"}, "failed to reach build target x in Dockerfile"),
    ],
)
def test_a_bad_dockerfile_is_refused_before_the_first_message(
    dockerfile: str, request_: dict[str, str], message: str, builder: BuilderProcess
) -> None:
    built = builder.build(dockerfile, **request_)
    assert (built["error"], built["texts"]) == (message, [])


def test_an_image_that_is_not_here_is_asked_for_at_its_registry(builder: BuilderProcess) -> None:
    built = builder.build("FROM localhost:1/nope:1\n")
    assert "localhost:1/v2/" in built["error"]
    assert built["class"] == "Unreachable"
    built = builder.build("FROM bb:1\nCOPY --from=localhost:1/nope /a /b\n")
    assert built["error"].startswith("invalid from flag value localhost:1/nope: ")


def test_an_id_that_is_not_here_is_asked_for_nowhere(builder: BuilderProcess) -> None:
    built = builder.build(f"FROM {'0' * 64}\n")
    assert (built["class"], built["error"]) == ("Missing", f"No such image: {'0' * 64}")


def test_stages_feed_each_other_and_unused_ones_are_skipped(builder: BuilderProcess) -> None:
    built = builder.build(
        "FROM bb:1 AS make\n"
        f"RUN mkdir /out && echo {builder.token} > /out/f && ln /out/f /out/hard && ln -s f /out/soft\n"
        "FROM bb:1 AS unused\nRUN exit 1\n"
        "FROM scratch\nCOPY --from=make /out /o\nCOPY --from=0 /out/f /deep/er/\nCOPY --from=bb:1 /etc/passwd /p\n"
    )
    files = builder.files(built["id"], "")
    assert {path: facts[3] for path, facts in files.items()} == {
        "deep": "", "deep/er": "", "deep/er/f": f"{builder.token}\n", "o": "", "o/f": f"{builder.token}\n",
        "o/hard": f"{builder.token}\n", "o/soft": "f", "p": "root:x:0:0:root:/root:/bin/sh\n",
    }  # fmt: skip
    assert built["layers"] == 3
    assert any(text.startswith("Step 6/6 : COPY --from=bb:1") for text in built["texts"])


def test_a_target_stops_before_later_stages(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1 AS one\nENV a=1\nFROM bb:1\nRUN exit 1\n", target="one")
    assert "a=1" in built["env"]


def test_triggers_of_the_base_run_first_and_do_not_pass_on(builder: BuilderProcess) -> None:
    builder.build("FROM bb:1\nONBUILD COPY f /onb\nONBUILD RUN echo [$(cat /onb)]\n", tags=["onb"])
    built = builder.build("FROM onb\nENV a=b\n", {"f": builder.token}, tags=["onb2"])
    assert "# Executing 2 build triggers\n" in built["texts"]
    assert f"[{builder.token}]\n" in built["texts"]
    again = builder.build("FROM onb2\nENV c=d\n")
    assert not any("trigger" in text for text in again["texts"])


def test_workdir_makes_a_layer_only_when_it_makes_a_directory(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nWORKDIR /etc\nWORKDIR new/dir\n")
    assert built["working_dir"] == "/etc/new/dir"
    assert built["history"][1:] == [
        ["/bin/sh -c #(nop) WORKDIR /etc", True],
        ["/bin/sh -c #(nop) WORKDIR /etc/new/dir", False],
    ]


def test_copy_and_run_are_told_apart_in_history(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nCOPY f /f\nADD --chown=1:2 f f /g/\nRUN echo > /x\nRUN true\n", {"f": "1"})
    texts = [re.sub(r"[0-9a-f]{64}", "HEX", text) for text, _ in built["history"][1:]]
    assert texts == [
        "/bin/sh -c #(nop) COPY file:HEX in /f ",
        "/bin/sh -c #(nop) ADD --chown=1:2 multi:HEX in /g/ ",
        "/bin/sh -c echo > /x",
        "/bin/sh -c true",
    ]
    assert [empty for _, empty in built["history"][1:]] == [False, False, False, True]


def test_a_quiet_build_says_its_id_and_a_failed_one_all(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nRUN true\n", quiet=True)
    assert built["texts"] == [f"{built['id']}\n"]
    failed = builder.build(f"FROM bb:1\nRUN echo {builder.token}; false\n", quiet=True)
    assert f"{builder.token}\n" in failed["texts"]


def test_from_alone_is_the_base_image(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\n", tags=["same"])
    assert "bb:1" in built["tags"]
    assert "same:latest" in built["tags"]
    empty = builder.build("FROM scratch\n")
    assert empty["error"] == "No image was generated. Is your Dockerfile empty?"
    configured = builder.build("FROM scratch\nENV a=b\n")
    assert configured["layers"] == 0


def test_a_platform_that_does_not_fit_is_refused(builder: BuilderProcess) -> None:
    builder.build("FROM bb:1\n", tags=["localhost:1/bb:1"])  # a registry that is not there: nothing is asked of others
    built = builder.build("FROM --platform=linux/s390x localhost:1/bb:1\n")
    assert "does not match the specified platform: wanted linux/s390x, actual: linux/amd64" in built["error"]


def test_run_without_a_network_has_none(builder: BuilderProcess) -> None:
    built = builder.build("FROM bb:1\nRUN --network=none ls /sys/class/net; exit 1\n")
    assert "lo\n" in built["texts"]
    assert "eth0\n" not in built["texts"]


def test_a_cancelled_build_leaves_nothing_and_is_no_image(builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nRUN echo begun {builder.token}; sleep 60\n"
    before = builder.ask("images")
    cancelled = builder.build(text, tags=["cancelled"], cancel_at=f"begun {builder.token}\n")
    assert cancelled["cancelled"]
    assert builder.ask("images") == before


@pytest.mark.parametrize("cancel_at", ["Step 2/", "Step 3/", "Running in"])
def test_a_build_can_be_cancelled_at_any_step(cancel_at: str, builder: BuilderProcess) -> None:
    text = f"FROM bb:1\nCOPY f /{builder.token}\nRUN sleep 60\n"
    assert builder.build(text, {"f": "x" * 5_000_000}, cancel_at=cancel_at)["cancelled"]


def test_mount_points_of_the_runtime_do_not_get_into_the_image(builder: BuilderProcess) -> None:
    built = builder.build(f'FROM scratch\nCOPY --from=bb:1 /bin /bin\nRUN ["/bin/touch", "/{builder.token}"]\n')
    assert "error" not in built, built
    top = {path for path in builder.files(built["id"], "") if not path.startswith("bin/")}
    # a directory that the runtime had to make cannot be told from one the step made
    assert top - {"etc"} == {"bin", builder.token}
