import pytest

from engine.build.instructions import Run
from engine.build.parser import parse_dockerfile
from engine.build.run_mounts import Kind, RunMount, Sharing, parse_mount, resolve_mount
from engine.model.errors import Invalid, Unsupported


def resolved(text: str, *, working_dir: str = "/w") -> RunMount:
    return resolve_mount(parse_mount(text), lambda value: value.replace("$X", "x"), working_dir=working_dir)


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("target=/a", RunMount(kind=Kind.BIND, target="/a", read_only=True)),
        (
            "type=bind,dst=a/../b,src=s,from=stage,rw",
            RunMount(kind=Kind.BIND, target="/w/b", source="s", source_stage="stage"),
        ),
        ("type=bind,destination=/a,readonly=false", RunMount(kind=Kind.BIND, target="/a")),
        ("type=cache,target=/c/$X", RunMount(kind=Kind.CACHE, target="/c/x", id="/c/x")),
        (
            "type=cache,target=/c,id=i,sharing=locked,mode=0700,uid=1,gid=2,ro",
            RunMount(
                kind=Kind.CACHE, target="/c", id="i", sharing=Sharing.LOCKED, mode=0o700, uid=1, gid=2, read_only=True
            ),
        ),
        ("type=tmpfs,target=/t,size=2m", RunMount(kind=Kind.TMPFS, target="/t", size_bytes=2 << 20)),
        (
            "type=secret,id=token",
            RunMount(kind=Kind.SECRET, target="/run/secrets/token", id="token", mode=0o400, read_only=True),
        ),
        (
            "type=secret,id=token,target=/t,required,uid=5",
            RunMount(kind=Kind.SECRET, target="/t", id="token", mode=0o400, read_only=True, is_required=True, uid=5),
        ),
        ('"type=bind","target=/a,b"', RunMount(kind=Kind.BIND, target="/a,b", read_only=True)),
    ],
)
def test_what_the_words_mean(text: str, mount: RunMount) -> None:
    assert resolved(text) == mount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=bind", "target is required"),
        ("type=bind,target=/", 'invalid mount target "/"'),
        ("type=bind,target=/a,sharing=locked", "unexpected key 'sharing' for mount type 'bind'"),
        ("type=nope,target=/a", 'unsupported mount type "nope"'),
        ("type=cache,target=/a,sharing=all", "sharing=all: use shared, private, locked"),
        ("type=cache,target=/a,mode=9", "invalid value 9 for mode"),
        ("type=cache,target=/a,mode=77777", "invalid value 77777 for mode"),
        ("type=cache,target=/a,uid=-1", "invalid value -1 for uid"),
        ("type=cache,target=/a,gid=4294967295", "invalid value 4294967295 for gid"),
        ("type=tmpfs,target=/a,size=1x", "invalid value 1x for size"),
        ("type=bind,target=/a,target=/b", "says target twice"),
        ("type=bind,target=/a,dst=/b", "says target twice"),
        ("type=bind,target=/a,ro,rw", "cannot be ro and rw at once"),
        ("type=bind,target=/a,ro=maybe", "invalid value for ro: maybe"),
        ("type=bind,target", "must be a key=value pair"),
        ("type=bind,target=/a,from=$X", "'from' doesn't support variable expansion"),
        ("type=secret", "a secret mount needs an id or a target"),
        ('"type=bind', "invalid mount"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_mount(text)
    assert message in str(refused.value)


def test_an_agent_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="type=ssh is not supported"):
        parse_mount("type=ssh")


def test_a_bad_mount_names_its_line() -> None:
    with pytest.raises(Invalid, match=r"^dockerfile parse error line 2: target is required$"):
        parse_dockerfile("FROM a\nRUN --mount=type=cache,id=x y\n")


def test_a_run_may_have_several_mounts() -> None:
    (run,) = (
        parse_dockerfile("FROM a\nRUN --mount=target=/a --mount=type=tmpfs,target=/b  cmd --mount=c\n")
        .stages[0]
        .instructions
    )
    assert isinstance(run, Run)
    assert [mount.kind for mount in run.mounts] == [Kind.BIND, Kind.TMPFS]
    assert run.command.words == ("cmd --mount=c",)
