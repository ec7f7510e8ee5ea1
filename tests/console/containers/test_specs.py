"""One specification and its four spellings: each way there has its way back."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.containers.ports import PublishedPort
from console.containers.specs.checks import checked
from console.containers.specs.command_line import run_line, run_words
from console.containers.specs.differences import differences
from console.containers.specs.docker import as_docker
from console.containers.specs.flags import FLAGS
from console.containers.specs.inputs import inputs_of
from console.containers.specs.pasted import read_line
from console.containers.specs.reading import of_docker
from console.containers.specs.shell_words import shell_words
from console.containers.specs.spec import BASICS, NAMES, ContainerSpec, Join, Mount, MountKind
from console.containers.specs.texts import pairs_text, read_pairs
from console.operations.errors import Invalid

text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
path = st.from_regex(r"/[a-z0-9/ ,='\"]{0,6}[a-z0-9]", fullmatch=True)
ENV = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True), text, max_size=3)
SIZES = st.sampled_from([0, 6 << 20, (6 << 20) + 1, 512 << 20, 2 << 30])
PORTS = st.lists(
    st.builds(
        PublishedPort,
        host_address=st.sampled_from(["", "127.0.0.1", "0.0.0.0", "::1"]),
        host_port=st.sampled_from([0, 80, 8080, 65535]),
        container_port=st.integers(1, 65535),
        protocol=st.sampled_from(["tcp", "udp"]),
    ),
    max_size=3,
    unique_by=lambda port: (port.container_port, port.protocol),
).map(lambda ports: tuple(sorted(ports, key=lambda port: (port.container_port, port.protocol))))
MOUNTS = st.one_of(
    st.builds(
        Mount, st.just(MountKind.BIND), path, path, st.booleans(), st.just(True), st.sampled_from(["", "rslave"])
    ),
    st.builds(
        Mount, st.just(MountKind.VOLUME), path, name, st.booleans(), st.just(True), st.sampled_from(["", "nocopy"])
    ),
    st.builds(
        Mount,
        st.just(MountKind.TMPFS),
        path,
        st.just(""),
        st.booleans(),
        st.just(True),
        st.sampled_from(["", "size=1024,mode=1777"]),
    ),
    st.builds(
        Mount,
        st.sampled_from([MountKind.VOLUME]),
        path,
        name,
        st.booleans(),
        st.just(False),
        st.sampled_from(["", "z,nocopy"]),
    ),
    st.builds(
        Mount, st.just(MountKind.BIND), path, path, st.booleans(), st.just(False), st.sampled_from(["", "rslave"])
    ),
    st.builds(
        Mount,
        st.just(MountKind.TMPFS),
        path,
        st.just(""),
        st.booleans(),
        st.just(False),
        st.sampled_from(["", "size=64m"]),
    ),
    st.builds(Mount, st.just(MountKind.VOLUME), path),
)
JOINS = st.one_of(
    st.just(()),
    st.sampled_from(["host", "none", "container:web"]).map(lambda one: (Join(one),)),
    st.lists(
        st.builds(
            Join,
            name.map(lambda one: f"n{one}"),
            st.lists(name, max_size=2).map(tuple),
            st.sampled_from(["", "10.0.0.9"]),
            st.sampled_from(["", "fd00::9"]),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda join: join.name,
    ).map(tuple),
)
LISTS = {
    "expose": ["53/udp"],
    "volumes_from": ["db", "db:ro"],
    "dns": ["10.0.0.2", "::1"],
    "dns_search": ["example.org", "."],
    "dns_options": ["ndots:2"],
    "extra_hosts": ["db:10.0.0.5", "up:host-gateway"],
    "links": ["db:storage"],
    "ulimits": ["nofile=1024:2048", "core=0"],
    "cap_add": ["NET_ADMIN", "ALL"],
    "cap_drop": ["MKNOD"],
    "security_opt": ["no-new-privileges", "apparmor=x y"],
    "group_add": ["audio", "7"],
    "devices": ["/dev/fuse", "/dev/snd:/dev/snd:r", "/dev/a:/dev/b"],
}
WORDS = {
    "workdir": ["/app", "/a b"],
    "user": ["1000:1000", "web"],
    "hostname": ["web"],
    "domainname": ["example.org"],
    "mac_address": ["02:42:ac:11:00:05"],
    "stop_signal": ["SIGINT", "9"],
    "cpuset_cpus": ["0-1,3"],
    "cpuset_mems": ["0"],
    "restart": ["always", "on-failure", "on-failure:3"],
    "health_command": ["curl -f http://localhost/ || exit 1"],
    "userns": ["host"],
    "pid_mode": ["host", "container:web"],
    "ipc_mode": ["host", "shareable"],
    "cgroupns": ["host"],
    "log_driver": ["local", "none"],
}
NUMBERS = {
    "memory_reservation_bytes": [6 << 20],
    "memory_swap_bytes": [-1],
    "cpu_shares": [2, 1024],
    "cpu_period_us": [100_000],
    "pids_limit": [7],
    "shm_bytes": [1 << 20, 1000],
    "blkio_weight": [500],
    "oom_score_adj": [-7, 500],
    "health_interval_ms": [1500, 90_000],
    "health_timeout_ms": [1],
    "health_retries": [3],
}
FLAGS_ONLY = ["tty", "stdin", "publish_all", "oom_kill_disable", "privileged", "read_only", "init"]
OPTIONAL = {"entrypoint": ["", "/bin/sh"], "stop_timeout_s": [0, 5], "memory_swappiness": [0, 60]}


@st.composite
def specs(draw: st.DrawFn) -> ContainerSpec:
    """Each field says something now and then."""
    plain: dict[str, Any] = {**WORDS, **NUMBERS, **OPTIONAL}
    wanted: dict[str, Any] = {one: draw(st.sampled_from(plain[one])) for one in draw(_some(plain))}
    for one in draw(_some(LISTS)):
        wanted[one] = tuple(draw(st.lists(st.sampled_from(LISTS[one]), min_size=1, unique=True)))
    wanted |= dict.fromkeys(draw(_some(FLAGS_ONLY)), True)
    mounts = draw(st.lists(MOUNTS, max_size=3, unique_by=lambda mount: mount.target.rstrip("/")))
    return ContainerSpec(
        image="shop/web:1",
        command=tuple(draw(st.lists(text, max_size=3))),
        env=draw(ENV),
        ports=draw(PORTS),
        memory_bytes=draw(SIZES),
        cpus=draw(st.integers(0, 4000)) / 1000,
        labels=draw(st.dictionaries(name, text, max_size=2)),
        sysctls=draw(st.sampled_from([{}, {"net.core.somaxconn": "1024"}])),
        log_options=draw(st.sampled_from([{}, {"max-size": "10m"}])) if "log_driver" in wanted else {},
        mounts=tuple(mounts),
        networks=draw(JOINS),
        **wanted,
    )


def _some(choices: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(sorted(choices)), max_size=6, unique=True)


@settings(max_examples=150, deadline=None)
@given(specs())
def test_every_spelling_reads_back_as_it_was(spec: ContainerSpec) -> None:
    assert ContainerSpec.from_json(spec.as_json()) == spec
    pasted = read_line(run_line(spec, name="web"))
    assert (pasted.spec, pasted.name) == (spec, "web")
    assert shell_words(run_line(spec)) == run_words(spec)
    assert normal(of_docker(inspected(spec)).spec) == normal(spec)
    assert of_docker(inspected(spec)).lost == ()


def inspected(spec: ContainerSpec) -> dict[str, Any]:
    """As an engine would show what was asked of it."""
    body = as_docker(spec)
    host = body.pop("HostConfig")
    endpoints = body.pop("NetworkingConfig", {}).get("EndpointsConfig", {})
    networks = endpoints or ({} if host.get("NetworkMode") else {"bridge": {}})
    return {
        "Id": "ab" * 32,
        "Name": "/web",
        "Config": body,
        "HostConfig": host,
        "NetworkSettings": {"Networks": networks},
    }


def normal(spec: ContainerSpec) -> dict[str, Any]:
    """Mounts come back by kind, and a memory without an own word for swap has none."""
    found = spec.as_json()
    found["mounts"] = sorted(found.get("mounts", []), key=lambda mount: str(mount["target"]))
    return found


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]{1,4}", fullmatch=True), text, max_size=4))
@settings(deadline=None)
def test_values_with_line_breaks_survive_a_textarea(pairs: dict[str, str]) -> None:
    sent = pairs_text(pairs).replace("\n", "\r\n")
    assert read_pairs(sent, field="env") == pairs


@given(st.text(max_size=40))
@settings(deadline=None)
def test_any_text_is_a_command_line_or_invalid(line: str) -> None:
    for begun in (line, f"docker run {line}"):
        with contextlib.suppress(Invalid):
            assert isinstance(read_line(begun).spec, ContainerSpec)


def test_every_field_has_a_flag() -> None:
    larger = {"image", "command", "ports", "mounts", "networks"}
    assert {flag.field for flag in FLAGS} | larger == set(NAMES)
    assert len({flag.long for flag in FLAGS}) == len(FLAGS)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("docker run -itd a", {"tty": True, "stdin": True}),
        ("sudo docker container create --init=false --rm=true a", {"init": False, "auto_remove": True}),
        ("podman run -m512m --cpus=.5 a", {"memory_bytes": 512 << 20, "cpus": 0.5}),
        ("$ docker -H tcp://x run -e 'A=b c' -eB= a", {"env": {"A": "b c", "B": ""}}),
        ("docker run -p 8080:80/udp a", {"ports": (PublishedPort("", 8080, 80, "udp"),)}),
        ("docker run -p [::1]:8080:80 a", {"ports": (PublishedPort("::1", 8080, 80),)}),
        ("docker run -p 8000-8001:80-81 a", {"ports": (PublishedPort("", 8000, 80), PublishedPort("", 8001, 81))}),
        ("docker run -p 80 a", {"ports": (PublishedPort("", 0, 80),)}),
        (
            "docker run --mount type=bind,src=/a,dst=/b,ro --net front a",
            {"mounts": (Mount(MountKind.BIND, "/b", "/a", True, True),), "networks": (Join("front"),)},
        ),
        (
            "docker run --network front --network-alias x --ip 10.0.0.9 a",
            {"networks": (Join("front", ("x",), "10.0.0.9"),)},
        ),
        (
            "docker run \\\n  --name w \\\r\n  -v d:/d:ro \\\n a b -c",
            {"command": ("b", "-c"), "mounts": (Mount(MountKind.VOLUME, "/d", "d", True),)},
        ),
        ('docker run a sh -c "echo \\"hi\\" $ x"  # says hi', {"command": ("sh", "-c", 'echo "hi" $ x')}),
        (
            "docker run --health-interval 1m30s --pull always --entrypoint '' a",
            {"health_interval_ms": 90_000, "entrypoint": ""},
        ),
        ("docker run -- a -x", {"command": ("-x",)}),
    ],
)
def test_what_people_paste_is_read_as_docker_reads_it(line: str, wanted: dict[str, Any]) -> None:
    spec = read_line(line).spec
    assert spec == ContainerSpec("a", **wanted)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docker ps", "begins with docker run"),
        ("", "begins with docker run"),
        ("docker run", "no image"),
        ("docker run --turbo a", "--turbo"),
        ("docker run -Z a", "-Z"),
        ("docker run --env-file x a", "--env-file reads a file"),
        ("docker run -e HOME a", "takes its value from your shell"),
        ("docker run -v $(pwd):/x a", "for a shell to fill in"),
        ("docker run -v $PWD:/x a", "for a shell to fill in"),
        ("docker run `id` a", "for a shell to fill in"),
        ("docker run a | tee x", "without what a shell does besides"),
        ("docker run 'a", "quote is open"),
        ("docker run --memory lots a", "Write a size"),
        ("docker run --pids-limit x a", "wants a number"),
        ("docker run --name", "wants a value"),
        ("docker run -p 1-3:1-2 a", "as many ports"),
        ("docker run --mount type=bind,surce=/a,target=/b a", "surce=/a"),
        ("docker run --mount type=volume,target=/b,volume-driver=nfs a", "volume-driver"),
        ("docker run --tty=perhaps a", "true or false"),
    ],
)
def test_what_cannot_be_read_is_named(line: str, words: str) -> None:
    with pytest.raises(Invalid, match=words.replace("(", r"\(")) as refused:
        read_line(line)
    assert refused.value.field == "line"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mounts", (Mount(MountKind.BIND, "/x", "relative"),)),
        ("mounts", (Mount(MountKind.VOLUME, "x", "data"),)),
        ("mounts", (Mount(MountKind.VOLUME, "/", "data"),)),
        ("mounts", (Mount(MountKind.VOLUME, "/x", "data"), Mount(MountKind.TMPFS, "/x/"))),
        ("mounts", (Mount(MountKind.VOLUME, "/x:ro", "data"),)),
        ("networks", (Join("host"), Join("front"))),
        ("networks", (Join("front"), Join("front"))),
        ("networks", (Join("front", ipv4="ten"),)),
        ("restart", "sometimes"),
        ("cap_add", ("net admin",)),
        ("devices", ("fuse",)),
        ("ulimits", ("nofile",)),
        ("extra_hosts", ("db",)),
        ("dns", ("dns.example",)),
        ("memory_bytes", 1024),
        ("memory_swap_bytes", 1 << 20),
        ("blkio_weight", 5),
        ("workdir", "app"),
        ("pid_mode", "mine"),
        ("labels", {"naru.job": "7"}),
        ("env", {"A B": ""}),
        ("env", {"A": "\0"}),
        ("hostname", "a b"),
        ("sysctls", {"no": "1"}),
    ],
)
def test_what_makes_no_sense_is_blamed_on_its_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        checked(ContainerSpec("a", **{field: value}))
    assert refused.value.field == field


def test_what_the_image_says_is_not_asked_for() -> None:
    image = {
        "Config": {
            "Env": ["PATH=/bin"],
            "Cmd": ["serve"],
            "Entrypoint": ["/init", "--"],
            "Labels": {"from": "image"},
            "WorkingDir": "/app",
            "User": "web",
            "ExposedPorts": {"80/tcp": {}},
            "Volumes": {"/data": {}},
            "Healthcheck": {"Test": ["CMD", "true"]},
            "StopSignal": "SIGQUIT",
        }
    }
    document = inspected(ContainerSpec("a:1"))
    document["Config"] = {**image["Config"], "Image": "a:1", "Hostname": "ab" * 6}
    reading = of_docker(document, image)
    assert (reading.spec, reading.lost) == (ContainerSpec("a:1"), ())
    # without its image nobody knows what was asked for
    assert of_docker(document).spec.command == ("--", "serve")


@pytest.mark.parametrize(
    ("host", "lost"),
    [
        ({"CgroupParent": "/x"}, "HostConfig.CgroupParent"),
        ({"DeviceRequests": [{"Driver": "nvidia"}]}, "HostConfig.DeviceRequests"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "8000-8010"}]}}, "HostConfig.PortBindings 80/tcp: 8000-8010"),
        ({"Mounts": [{"Type": "npipe", "Target": "/x"}]}, "HostConfig.Mounts /x"),
    ],
)
def test_what_no_specification_says_is_told(host: dict[str, Any], lost: str) -> None:
    document = inspected(ContainerSpec("a:1"))
    document["HostConfig"] |= host
    assert of_docker(document).lost == (lost,)


def test_values_of_the_environment_are_in_no_difference() -> None:
    before, after = ContainerSpec("a", env={"A": "sesame", "B": "1"}), ContainerSpec("b", env={"A": "open", "C": "1"})
    found = differences(before, after)
    assert [one.name for one in found] == ["image", "env"]
    assert (found[1].before, found[1].after) == ("A=…\nB=…", "A=…\nC=…")


def test_basics_are_always_told() -> None:
    assert set(ContainerSpec("a").as_json()) == set(BASICS)
    assert inputs_of(ContainerSpec("a", entrypoint=""))["entrypoint"] == "none"
