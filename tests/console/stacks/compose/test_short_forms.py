"""Every short form says the same as its long one."""

import pytest

from console.stacks.compose.parts import (
    Attachment,
    BindOptions,
    Dependency,
    Device,
    FileReference,
    Healthcheck,
    Mount,
    Port,
    TmpfsOptions,
    Ulimit,
    VolumeOptions,
)
from console.stacks.compose.units import duration_ns, duration_text, size_bytes
from tests.fakes.compose_files import problem, project

MORE = """
volumes: {v: }
networks: {n: , m: }
secrets: {s: {file: ./s}}
configs: {c: {content: hi}}
"""


def service(text, **more):
    return project(f"services:\n  a: {{image: x, {text}}}\n  b: {{image: x}}\n{MORE}", **more).services["a"]


@pytest.mark.parametrize(
    ("short", "ports"),
    [
        ("8080:80", [Port(80, "8080")]),
        ("80", [Port(80)]),
        ("8080:80/udp", [Port(80, "8080", protocol="udp")]),
        ("127.0.0.1:8080:80", [Port(80, "8080", host_ip="127.0.0.1")]),
        ("127.0.0.1::80", [Port(80, host_ip="127.0.0.1")]),
        ("[::1]:8080:80", [Port(80, "8080", host_ip="::1")]),
        ("::1:8080:80", [Port(80, "8080", host_ip="::1")]),
        ("3000-3001", [Port(3000), Port(3001)]),
        ("9090-9091:8080-8081", [Port(8080, "9090"), Port(8081, "9091")]),
        ("49100-49110:22", [Port(22, "49100-49110")]),
    ],
)
def test_ports(short, ports):
    found = service(f"ports: ['{short}']").ports
    assert list(found) == ports
    long = ", ".join(
        f"{{target: {one.target}, published: '{one.published}', host_ip: '{one.host_ip}', protocol: {one.protocol}}}"
        for one in ports
    )
    assert service(f"ports: [{long}]").ports == found


@pytest.mark.parametrize(
    "short",
    ["", "a", "80:", "70000:80", "80:0", "1-3:1-2", "80/x", "1.2.3:80:80", "8081-8080:80", "1:2:3:4", "[::1:80:80"],
)
def test_what_is_no_port(short):
    assert problem(f"services: {{a: {{image: x, ports: ['{short}']}}}}").path == "services.a.ports.0"


@pytest.mark.parametrize(
    ("short", "mount"),
    [
        ("/anon", Mount("volume", "/anon")),
        ("v:/data/", Mount("volume", "/data", "v")),
        ("v:/data:ro,nocopy", Mount("volume", "/data", "v", read_only=True, volume=VolumeOptions(nocopy=True))),
        ("./d:/data", Mount("bind", "/data", "/stack/d")),
        ("../d:/data:ro", Mount("bind", "/data", "/d", read_only=True)),
        ("/d:/data:z,rslave", Mount("bind", "/data", "/d", bind=BindOptions(propagation="rslave", selinux="z"))),
        ("~/d:/data", Mount("bind", "/data", "/home/me/d")),
    ],
)
def test_mounts(short, mount):
    assert service(f"volumes: ['{short}']", home="/home/me").volumes == (mount,)


def test_mounts_in_full():
    found = service(
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}},"
        "{type: bind, source: ./d, target: /d, bind: {create_host_path: false}},"
        "{type: volume, source: v, target: /v, volume: {subpath: a}}]"
    )
    assert found.volumes == (
        Mount("tmpfs", "/t", tmpfs=TmpfsOptions(2**20, 0o700)),
        Mount("bind", "/d", "/stack/d", bind=BindOptions(create_host_path=False)),
        Mount("volume", "/v", "v", volume=VolumeOptions(subpath="a")),
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("volumes: ['w:/w']", "services.a.volumes"),
        ("volumes: ['v:w']", "services.a.volumes.0"),
        ("volumes: ['v:/w:no']", "services.a.volumes.0"),
        ("volumes: ['~/d:/w']", "services.a.volumes.0"),
        ("volumes: [{type: tmpfs, source: v, target: /t}]", "services.a.volumes.0"),
        ("volumes: [{type: bind, target: /t}]", "services.a.volumes.0"),
        ("volumes: [{type: x, target: /t}]", "services.a.volumes.0.type"),
        ("networks: [o]", "services.a.networks"),
        ("secrets: [o]", "services.a.secrets"),
        ("configs: [{target: /x}]", "services.a.configs.0"),
        ("depends_on: [o]", "services.a.depends_on"),
        ("depends_on: {b: {}}", "services.a.depends_on.b"),
        ("depends_on: {b: {condition: x}}", "services.a.depends_on.b.condition"),
        ("links: [o]", "services.a"),
        ("network_mode: 'service:o'", "services.a"),
        ("network_mode: host, networks: [n]", "services.a.network_mode"),
        ("healthcheck: {test: [x]}", "services.a.healthcheck.test"),
        ("healthcheck: {interval: 5}", "services.a.healthcheck.interval"),
        ("command: 'a \"b'", "services.a.command"),
        ("mem_limit: 1x", "services.a.mem_limit"),
        ("scale: -1", "services.a.scale"),
        ("scale: 2, deploy: {replicas: 3}", "services.a.scale"),
        ("scale: 2, container_name: ab", "services.a.container_name"),
        ("mem_limit: 1m, deploy: {resources: {limits: {memory: 2m}}}", "services.a.mem_limit"),
        ("restart: sometimes", "services.a.restart"),
        ("ulimits: {nofile: {soft: 1}}", "services.a.ulimits.nofile"),
        ("extra_hosts: [a]", "services.a.extra_hosts"),
        ("environment: ['=x']", "services.a.environment"),
        ("pull_policy: x", "services.a.pull_policy"),
        ('user: "a\\0b"', "services.a.user"),
        ("labels: 5", "services.a.labels"),
        ("ports: {80: 80}", "services.a.ports"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is(text, path):
    assert problem(f"services:\n  a: {{image: x, {text}}}\n  b: {{image: x}}\n{MORE}").path == path


def test_the_rest():
    found = service(
        "build: ./src, environment: [A=1, B], depends_on: [b], networks: [n, m], secrets: [s, {source: s, target: t}],"
        "configs: [c], command: \"sh -c 'a b'\", entrypoint: [], healthcheck: {test: a b, interval: 1m30s},"
        "devices: ['/dev/a:/dev/b:r', /dev/c, '/dev/d:rw', vendor.com/gpu=all], ulimits: {nofile: 5},"
        "extra_hosts: ['a:1.2.3.4', 'a=::1', 'b:[::2]'], tmpfs: /run, dns: 8.8.8.8, labels: [a, b=c],"
        "mem_limit: 1.5g, memswap_limit: -1, cpu_period: 50ms, gpus: all",
        variables={"B": "2"},
    )
    assert found.build is not None
    assert found.build.context == "/stack/src"
    assert found.environment == {"A": "1", "B": "2"}
    assert found.depends_on == {"b": Dependency()}
    assert found.networks == {"n": Attachment(), "m": Attachment()}
    assert found.secrets == (FileReference("s"), FileReference("s", "t"))
    assert found.command == ("sh", "-c", "a b")
    assert found.entrypoint == ()
    assert found.healthcheck == Healthcheck(("CMD-SHELL", "a b"), interval_ns=90 * 10**9)
    assert found.devices == (
        Device("/dev/a", "/dev/b", "r"),
        Device("/dev/c", "/dev/c"),
        Device("/dev/d", "/dev/d", "rw"),
        Device("vendor.com/gpu=all"),
    )
    assert found.ulimits == {"nofile": Ulimit(5, 5)}
    assert found.extra_hosts == {"a": ("1.2.3.4", "::1"), "b": ("::2",)}
    assert (found.tmpfs, found.dns, found.labels) == (("/run",), ("8.8.8.8",), {"a": "", "b": "c"})
    assert (found.mem_limit_bytes, found.memswap_limit_bytes, found.cpu_period_us) == (3 * 2**29, -1, 50_000)
    assert found.gpus[0].count == -1


def test_who_says_nothing_of_networks_is_on_the_default_one():
    found = project("services: {a: {image: x}, b: {image: x, network_mode: none}}")
    assert found.services["a"].networks == {"default": Attachment()}
    assert found.services["b"].networks == {}
    assert found.networks["default"].name == "stack_default"


def test_dependencies_that_other_words_imply():
    found = project("""
services:
  a: {image: x, links: ["b:alias"], volumes_from: ["c:ro", "container:other"], pid: "service:d"}
  b: {image: x}
  c: {image: x}
  d: {image: x}
""")
    assert found.services["a"].depends_on.keys() == {"b", "c", "d"}


def test_resources_have_names_on_the_host():
    found = project("""
name: shop
services: {a: {image: x, networks: [n, e, o], volumes: ["v:/v"]}}
networks: {n: , e: {external: true}, o: {external: {name: old}}}
volumes: {v: {name: my-data}}
""")
    assert [network.name for network in found.networks.values()] == ["shop_n", "e", "old"]
    assert found.volumes["v"].name == "my-data"


@pytest.mark.parametrize(
    ("text", "profiles", "names"),
    [
        ("a: {image: x}, b: {image: x, profiles: [p]}", (), {"a"}),
        ("a: {image: x}, b: {image: x, profiles: [p]}", ("p",), {"a", "b"}),
        ("a: {image: x}, b: {image: x, profiles: [p]}", ("*",), {"a", "b"}),
        (
            "a: {image: x, depends_on: {b: {condition: service_started, required: false}}},"
            " b: {image: x, profiles: [p]}",
            (),
            {"a"},
        ),
    ],
)
def test_profiles_choose_services(text, profiles, names):
    found = project(f"services: {{{text}}}", profiles=frozenset(profiles))
    assert found.services.keys() == names
    assert not found.services["a"].depends_on


def test_needing_what_no_profile_turns_on_is_refused():
    found = problem("services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}")
    assert "none of its profiles" in found.message


def test_services_that_wait_for_one_another_are_refused():
    found = problem(
        "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [c]}, c: {image: x, links: [a]}}"
    )
    assert "a → b → c → a" in found.message


@pytest.mark.parametrize(
    ("text", "value_ns"),
    [("1h30m", 5400 * 10**9), ("1.5s", 15 * 10**8), ("0", 0), ("10us", 10_000), ("2d", 172800 * 10**9)],
)
def test_durations(text, value_ns):
    assert duration_ns(text) == value_ns
    assert duration_ns(duration_text(value_ns)) == value_ns


@pytest.mark.parametrize("text", ["", "5", "s", "1 s", "-1s", "1s2", "1e3s"])
def test_what_is_no_duration(text):
    assert duration_ns(text) is None


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("1k", 1024), ("1.5g", 3 * 2**29), ("2MB", 2**21), ("1 kb", 1024), ("1gib", 2**30)]
)
def test_sizes(text, size):
    assert size_bytes(text) == size
