"""Input that no endpoint may take for good, and which member or parameter of which request it is put into."""

from typing import Any, NamedTuple
from urllib.parse import quote

BIG = "x" * (5 << 20)

# -- bodies that are no JSON object, or not one that two readers would understand alike
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n",
    "no JSON": b"hello",
    "half": b'{"Image": "bb:1"',
    "list": b"[]",
    "null": b"null",
    "text": b'"text"',
    "number": b"1e23",
    "not a number": b'{"Memory": NaN}',
    "deep": b'{"Cmd": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "large": b'{"Env": ["' + BIG.encode() + b'"]}',
    "twice": b'{"Tty": true, "Tty": false}',
    "trailing": b'{"Image": "bb:1"} {"Image": "other"}',
    "not UTF-8": b'{"Image": "\xff\xfe"}',
    "UTF-16": '{"Image": "bb:1"}'.encode("utf-16"),
    "long number": b'{"StopTimeout": ' + b"9" * 5000 + b"}",
    "control character": b'{"Image": "a\x01b"}',
    "zip": b"PK\x03\x04" + b"\0" * 64,
}

# -- names in paths: objects that cannot be
NAMES: dict[str, str] = {
    "absent": "absent",
    "dot": ".",
    "parent": "..%2f..%2fetc%2fpasswd",
    "encoded dots": "%2e%2e%2f%2e%2e%2fetc",
    "twice encoded": "%252e%252e%252fetc",
    "absolute": "%2fetc%2fpasswd",
    "nul": "a%00b",
    "line end": "a%0ab",
    "header": "a%0d%0aX-Injected:%20yes",
    "not UTF-8": "%ff%fe",
    "surrogate": "%ed%a0%80",
    "right to left": "%e2%80%aexgp",
    "full width": "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
    "long": "x" * 300,
    "longer": "x" * 7000,
    "option": "--help",
    "dash": "-",
    "shell": "%3bid%3b%24(id)",
    "quotes": "%27%22%60",
    "markup": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "escape": "%1b%5D0;title%07",
    "pattern": "%5b%5d*%3f",
    "percent": "%25s%25n",
    "bad escape": "%zz",
    "query": "%3fforce%3d1",
}

# -- values of query parameters, by what the parameter is
NUMBERS = ("x", "1.5", "9" * 30, "٣", "0x10", "1e3", "--1", "+-1", "\0", "1;id")
MOMENTS = ("x", "9" * 30, "NaN", "1e400", "1.2.3", "2024-13-01T00:00:00Z", "\0", "9999999999999999999999.5", "-", "inf")
FILTERS = (
    "garbage",
    "[]",
    '"text"',
    "5",
    '{"nonsense": ["x"]}',
    '{"label": 5}',
    '{"label": [5]}',
    '{"label": "x"}',
    '{"label": [["x"]]}',
    '{"label": ["a\\u0000b"]}',
    '{"label": ["a"], "label": ["b"]}',
    '{"label": ["a"]} trailing',
    '{"label": ' + "[" * 5000 + "]" * 5000 + "}",
    '{"label": ["' + "x" * 200_000 + '"]}',
    '{"label": ["\\ud800"]}',
)
TEXTS = ("\0", "a\nb", "\x1b]0;x\x07", "x" * 300_000)

QUERIES: dict[str, dict[str, tuple[str, ...]]] = {
    "GET /containers/json": {"limit": NUMBERS, "filters": FILTERS},
    "POST /containers/prune": {"filters": FILTERS},
    "POST /containers/create": {
        "name": (*TEXTS, "!", "a", "..", "-x", "a/b", "x" * 300),
        "platform": ("a/b/c/d", "/", "\0"),
    },
    "GET /containers/target/logs?stdout=1": {"since": MOMENTS, "until": MOMENTS, "tail": TEXTS},
    "GET /containers/target/top": {"ps_args": (*TEXTS, "nonsense", "--help", "-o args", "-o", "$(id)", "| cat")},
    "POST /containers/target/stop": {"t": NUMBERS, "signal": (*TEXTS, "nope", "0", "65", "-9", "9.0")},
    "POST /containers/target/restart": {"t": NUMBERS, "signal": (*TEXTS, "nope", "99999999999999999999")},
    "POST /containers/target/kill": {"signal": (*TEXTS, "nope", "0", "65", "-9", "RTMIN+99", "٩")},
    "POST /containers/target/rename": {"name": (*TEXTS, "", "!", "a", "a b", "../x", "-x", "x" * 300)},
    "POST /containers/target/wait": {"condition": (*TEXTS, "next-exitt", "REMOVED")},
    "POST /containers/target/resize": {"h": (*NUMBERS, ""), "w": NUMBERS},
    "POST /containers/target/resize?w=10": {"h": (*NUMBERS, "-1", "65536", "")},
    "POST /containers/target/attach?stream=1&stdout=1": {
        "detachKeys": (*TEXTS, "ctrl-", "ctrl-1", "aa", "a,,b", ",".join("abcdefgh" * 4))
    },
    "POST /exec/{exec}/resize?w=10": {"h": (*NUMBERS, "-1", "65536", "")},
    "GET /events": {"since": MOMENTS, "until": MOMENTS, "filters": FILTERS},
    "GET /images/json": {"filters": FILTERS},
    "POST /images/prune": {"filters": FILTERS},
    "GET /images/get": {"names": (*TEXTS, "", "absent", "a@sha256:1", "UPPER", ",")},
    "POST /images/bb:1/tag": {
        "repo": (*TEXTS, "", "UPPER", "a//b", "../x", "-x", "x" * 10_000, "a@sha256:00", "ａ", "a b", "é"),
        "tag": (*TEXTS, "-x", "a b", "x" * 200, "é"),
    },
    "POST /images/create?fromSrc=-": {
        "repo": ("UPPER", "\0", "x" * 10_000),
        "tag": (),
        "changes": ("NONSENSE x", "RUN id", "\0"),
        "platform": ("a/b/c/d", "\0"),
    },
    "POST /build": {
        "dockerfile": ("\0", "../../etc/passwd"),
        "t": ("UPPER", "\0", "a:b:c"),
        "buildargs": ("x", "[]", '{"a": 1}'),
        "labels": ("x", "[]", '{"a": 1}'),
        "memory": NUMBERS,
        "shmsize": NUMBERS,
        "cpuquota": NUMBERS,
    },
}


class Member(NamedTuple):
    """``path`` leads to the member, ``value`` is what it cannot be."""

    path: str
    value: Any

    def body(self) -> dict[str, Any]:
        whole: dict[str, Any] = {"Image": "bb:1", "Cmd": ["true"]}
        *outer, last = self.path.split(".")
        inner = whole
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = self.value
        return whole


_WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "text": (5, True, ["x"], {"a": "b"}, 1.5),
    "number": ("5", True, [1], {}, 1.5, 2**63, 2**64, -(2**63) - 1, 1e23),
    "boolean": ("yes", 1, 0, [], {"a": 1}),
    "list of text": ("text", 5, {"a": 1}, [5], [None, 5], [["x"]]),
    "map of text": ("text", 5, ["x"], {"a": 5}, {"a": ["x"]}),
    "map": ("text", 5, ["x"], True),
}
_TYPES: dict[str, str] = {
    "Image": "text",
    "Hostname": "text",
    "Domainname": "text",
    "User": "text",
    "WorkingDir": "text",
    "StopSignal": "text",
    "Tty": "boolean",
    "OpenStdin": "boolean",
    "StdinOnce": "boolean",
    "AttachStdin": "boolean",
    "AttachStdout": "boolean",
    "Env": "list of text",
    "Labels": "map of text",
    "ExposedPorts": "map",
    "StopTimeout": "number",
    "Healthcheck": "map",
    "Healthcheck.Test": "list of text",
    "Healthcheck.Interval": "number",
    "Healthcheck.Retries": "number",
    "HostConfig": "map",
    "HostConfig.Memory": "number",
    "HostConfig.MemorySwap": "number",
    "HostConfig.MemoryReservation": "number",
    "HostConfig.NanoCpus": "number",
    "HostConfig.CpuShares": "number",
    "HostConfig.CpuPeriod": "number",
    "HostConfig.CpuQuota": "number",
    "HostConfig.CpusetCpus": "text",
    "HostConfig.PidsLimit": "number",
    "HostConfig.ShmSize": "number",
    "HostConfig.BlkioWeight": "number",
    "HostConfig.Privileged": "boolean",
    "HostConfig.AutoRemove": "boolean",
    "HostConfig.ReadonlyRootfs": "boolean",
    "HostConfig.PublishAllPorts": "boolean",
    "HostConfig.CapAdd": "list of text",
    "HostConfig.CapDrop": "list of text",
    "HostConfig.Dns": "list of text",
    "HostConfig.ExtraHosts": "list of text",
    "HostConfig.SecurityOpt": "list of text",
    "HostConfig.Tmpfs": "map of text",
    "HostConfig.Sysctls": "map of text",
    "HostConfig.NetworkMode": "text",
    "HostConfig.Runtime": "text",
    "HostConfig.PortBindings": "map",
    "HostConfig.RestartPolicy": "map",
    "HostConfig.RestartPolicy.Name": "text",
    "HostConfig.RestartPolicy.MaximumRetryCount": "number",
    "HostConfig.LogConfig": "map",
    "HostConfig.LogConfig.Type": "text",
    "HostConfig.LogConfig.Config": "map of text",
    "NetworkingConfig": "map",
    "NetworkingConfig.EndpointsConfig": "map",
}
_BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "Image": (
        "",
        "UPPER:1",
        "a\nb",
        "\0",
        "x" * 10_000,
        "sha256:" + "z" * 64,
        "absent",
        "-x",
        "../x",
        "ｂｂ:1",
        "bb:1\u202e",
    ),
    "Hostname": ("a\0b", "a\nb", "x" * 300),
    "Domainname": ("a\0b", "x" * 300),
    "User": ("a\0b", "a\nb", "x" * 300),
    "WorkingDir": ("relative", "../etc", "/a\0b", "/a\nb", "/" + "x" * 5000),
    "StopSignal": ("nope", "0", "65", "-1", "KILL\0"),
    "StopTimeout": (-5, 2**31),
    "Env": (["A=\0"], ["=x"], [""], ["A\nB=1"], ["A=" + "x" * 200_000], ["A=1"] * 10_001, ["A=\ud800"]),
    "Cmd": ({"a": 1}, 5, [5], ["a\0b"], ["x" * 200_000], ["x"] * 10_001, ["\ud800"]),
    "Entrypoint": ({"a": 1}, 5, ["a\0b"]),
    "Labels": ({"a\0": ""}, {"a": "b\0"}, {"a": "x" * 1_000_000}, {str(n): "" for n in range(10_001)}, {"\ud800": ""}),
    "ExposedPorts": ({"99999/tcp": {}}, {"80/foo": {}}, {"x": {}}, {"-1": {}}, {"80/tcp": 5}, {"": {}}, {"80\0": {}}),
    "Healthcheck.Test": (["x"], ["CMD\0"], ["CMD-SHELL", "\0"]),
    "Healthcheck.Interval": (-1, 1),
    "Healthcheck.Timeout": (-1, 10),
    "Healthcheck.StartPeriod": (-1, 10),
    "Healthcheck.Retries": (-1,),
    "HostConfig.Memory": (-1, 1, 4096),
    "HostConfig.NanoCpus": (-1, 10**18),
    "HostConfig.CpuShares": (-1,),
    "HostConfig.CpuPeriod": (1, -1, 10**9),
    "HostConfig.CpuQuota": (1, -5),
    "HostConfig.CpusetCpus": ("x", "0-100000", "\0", "-1", "0,,1"),
    "HostConfig.CpusetMems": ("x", "99"),
    "HostConfig.PidsLimit": (2**62,),
    "HostConfig.ShmSize": (-1, 2**62),
    "HostConfig.BlkioWeight": (5, 5000, -1),
    "HostConfig.Ulimits": (
        [{"Name": "nope", "Soft": 1, "Hard": 1}],
        [{"Name": "nofile", "Soft": 2, "Hard": 1}],
        [{"Name": "nofile", "Soft": "1"}],
        [5],
        "x",
    ),
    "HostConfig.CapAdd": (["FLY"], ["CHOWN\0"], [""], ["x" * 5000]),
    "HostConfig.CapDrop": (["FLY"],),
    "HostConfig.Dns": (["x"], ["1.2.3.4.5"], ["\0"], [""]),
    "HostConfig.DnsSearch": (["a\0b"], ["a\nnameserver 6.6.6.6"]),
    "HostConfig.DnsOptions": (["a\nb"],),
    "HostConfig.ExtraHosts": (["x"], ["a:b"], ["a\nb:1.2.3.4"], [":1.2.3.4"], ["a:1.2.3.4\n6.6.6.6 b"]),
    "HostConfig.SecurityOpt": (["nope"], ["seccomp={"], ["no-new-privileges:maybe"], ["\0"]),
    "HostConfig.Tmpfs": ({"relative": ""}, {"/a": "size=x"}, {"/a": "exec,nonsense"}, {"/a\0": ""}, {"/a": "mode=99"}),
    "HostConfig.Sysctls": ({"kernel.panic": "1"}, {"a": "b"}, {"net.ipv4.ip_forward\0": "1"}, {"../x": "1"}),
    "HostConfig.NetworkMode": ("container:", "container:absent", "\0", "../x", "ns:/proc/1/ns/net"),
    "HostConfig.Runtime": ("nope", "/bin/sh", "\0"),
    "HostConfig.UsernsMode": ("nope",),
    "HostConfig.IpcMode": ("nope", "container:absent"),
    "HostConfig.PidMode": ("nope", "container:absent"),
    "HostConfig.PortBindings": (
        {"80/tcp": [{"HostPort": "65536"}]},
        {"80/tcp": [{"HostPort": "-1"}]},
        {"80/tcp": [{"HostPort": "x"}]},
        {"80/tcp": [{"HostPort": 80}]},
        {"80/tcp": [{"HostIp": "x"}]},
        {"80/tcp": "x"},
        {"80/tcp": [5]},
        {"x": []},
        {"0/tcp": [{"HostPort": "1"}]},
        {"65536/tcp": []},
    ),
    "HostConfig.RestartPolicy.Name": ("nope", "\0"),
    "HostConfig.RestartPolicy.MaximumRetryCount": (-1, 2**62),
    "HostConfig.LogConfig.Type": ("nope", "../x", "\0"),
    "HostConfig.LogConfig.Config": ({"nope": "1"},),
    "HostConfig.Binds": (
        ["x"],
        ["/a:relative"],
        ["../x:/a"],
        ["/a:/b:nope"],
        [":"],
        ["\0:/a"],
        5,
        [5],
        ["/nope-at-all:/"],
    ),
    "HostConfig.Mounts": (
        [{"Type": "nope", "Target": "/a"}],
        [{"Type": "bind"}],
        [5],
        "x",
        [{"Type": "bind", "Source": "x"}],
    ),
    "HostConfig.Devices": ([{"PathOnHost": "/dev/absent"}], [5], "x"),
    "HostConfig.GroupAdd": (["a\0b"], [["x"]]),
    "HostConfig.OomScoreAdj": (-2000, 2000, "x"),
    "HostConfig.VolumesFrom": (["absent"], [5], ["x:nope"]),
    "HostConfig.Links": (["absent:x"], [5]),
    "HostConfig.CgroupParent": ("../../x", "a\0b"),
    "NetworkingConfig.EndpointsConfig": ({"bridge": 5}, {"../x": {}}, {"bridge": {"IPAddress": 5}}, {"a\0": {}}),
}


def members() -> list[Member]:
    """All of them, for ``POST /containers/create``."""
    wrong = [Member(path, value) for path, kind in _TYPES.items() for value in _WRONG_TYPES[kind]]
    return wrong + [Member(path, value) for path, values in _BAD_VALUES.items() for value in values]


EXEC_MEMBERS: dict[str, tuple[Any, ...]] = {
    "Cmd": ([], "", None, 5, {"a": 1}, [5], ["a\0b"], ["x" * 200_000], ["\ud800"]),
    "Env": ("A=1", ["=x"], ["A=\0"], [5], [""]),
    "User": (5, "a\0b", "x" * 300, "a\nb"),
    "WorkingDir": (5, "relative", "/a\0b", "/" + "x" * 5000),
    "Tty": ("yes", 1),
    "Privileged": ("yes",),
    "AttachStdin": (5,),
    "DetachKeys": (5, "nope", "ctrl-1"),
    "ConsoleSize": (5, [1], [1, 2, 3], [-1, 1], [1, 70_000], ["a", "b"]),
}
START_MEMBERS: dict[str, tuple[Any, ...]] = {
    "Detach": ("yes", 5),
    "Tty": ("yes", []),
    "ConsoleSize": (5, [1], [1, 70_000], ["a", "b"]),
}


def with_query(path: str, name: str, value: str) -> str:
    text = quote(value.encode("utf-8", "surrogatepass"), safe="")
    return f"{path}{'&' if '?' in path else '?'}{name}={text}"
