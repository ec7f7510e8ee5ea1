"""Classic builds: both engines build the same Dockerfiles, and come to the same configurations and files."""

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import signal
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conformance.client import Client, until
from tests.conformance.conftest import IMAGE
from tests.engine.conftest import running_engine
from tests.engine.host.images.archives import member, tar_of
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.conformance, pytest.mark.host]

USERS = "RUN echo 'me:x:7:8::/:' > /etc/passwd; echo 'us:x:9:' > /etc/group; echo 'me:x:8:' >> /etc/group\n"
ARCHIVE = tar_of(
    member("top/", kind=tarfile.DIRTYPE, mode=0o711, uid=3, gid=4),
    member("top/file", b"of an archive", mode=0o640, uid=5, gid=6),
    member("top/link", kind=tarfile.SYMTYPE, linkname="file"),
    member("top/same", kind=tarfile.LNKTYPE, linkname="top/file", mode=0o640, uid=5, gid=6),
)
CONTEXT = {
    "a": b"a\n",
    "dir/b": b"b\n",
    "dir/deep/c": b"c\n",
    "plain.tar": ARCHIVE,
    "packed.tar.gz": gzip.compress(ARCHIVE, mtime=0),
    "packed.tar.xz": lzma.compress(ARCHIVE),
    "packed.tar.bz2": bz2.compress(ARCHIVE),
    "note.gz": gzip.compress(b"no archive", mtime=0),
}
DOCKERFILES = {
    "a volume drops what later steps write": (
        "RUN mkdir -p /v/sub && echo kept > /v/kept && chmod 750 /v\nVOLUME /v /new\nRUN echo dropped > /v/dropped; "
        "echo dropped > /new/dropped; rm /v/kept; echo seen > /seen\nRUN test -e /v/kept\nCOPY a /v/copied\n"
    ),
    "volumes as JSON and from variables": 'ENV P=/w\nVOLUME ["/with space", "/x"]\nVOLUME $P/y\n',
    "archives are unpacked": (
        "ADD plain.tar /plain/\nADD packed.tar.gz /gz\nADD packed.tar.xz /xz/\n"
        "ADD packed.tar.bz2 /bz2/\nADD note.gz /n/\n"
    ),
    "copied archives are not": "COPY packed.tar.gz plain.tar /kept/\n",
    "an archive over what is there": (
        "RUN mkdir -m 700 /o && mkdir -m 700 /o/top && echo x > /o/top/file\nADD plain.tar /o\n"
    ),
    "owners by number": "COPY --chown=11:12 a dir /n/\nCOPY --chown=13 a /one\nADD --chown=14:15 dir /added/\n",
    "owners by name": f"{USERS}COPY --chown=me a /m\nCOPY --chown=me:us dir /mu/\nCOPY --chown=7:us a /seven\n",
    "owners under USER": f"{USERS}USER me\nWORKDIR /made/by\nCOPY --chown=me a .\nRUN id -un > a\n",
    "files, directories and wildcards": (
        'COPY a /x/y/\nCOPY dir /d\nCOPY dir/ /e/\nCOPY d*/b? a* /w/\nCOPY ["a", "/q r/"]\n'
    ),
    "triggers are kept and not run": 'ONBUILD RUN touch /never\nONBUILD COPY a /b\nONBUILD ENV X="y z"\n',
    "a health check": "HEALTHCHECK --interval=7s --timeout=3s --start-period=2s --retries=4 CMD test -e /a || exit 1\n",
    "a health check as JSON": 'HEALTHCHECK CMD ["test", "-e", "/a"]\n',
    "no health check": "HEALTHCHECK CMD true\nHEALTHCHECK NONE\n",
    "a shell for what follows": (
        'RUN echo "$0" > /before\nSHELL ["/bin/busybox", "sh", "-ec"]\nRUN echo "$0" > /after\nCMD echo hello\n'
        "ENTRYPOINT exec echo\n"
    ),
    "arguments end with their stage": (
        "ARG A=1\nARG B\nRUN echo $A-$B-$OUTSIDE > /one\nENV C=$A\nARG A=2\nRUN echo $A > /two\nLABEL a=$A c=$C\n"
    ),
    "the environment hides arguments": (
        "ARG E=arg\nENV E=env\nRUN echo $E > /e\nENV F=${E:-no} G=${NO:-dflt} H=${E:+alt}\n"
    ),
    "ways to write the same": (
        "ENV one two three\nENV a=1 b='2 3' c=4\\ 5\nLABEL x=\"y z\" \\\n  # a comment\n  w=v\nEXPOSE 80 53/udp 90-92\n"
        'STOPSIGNAL SIGINT\nUSER 5:6\nWORKDIR /w\nWORKDIR sub\nMAINTAINER somebody\nCMD ["a", "b"]\n'
    ),
    "an entry point forgets the command": 'ENTRYPOINT ["/bin/echo"]\n',
    "a command after an entry point": 'ENTRYPOINT ["/bin/echo"]\nCMD ["x"]\n',
    "what a step removes and links": (
        "RUN mkdir /t && echo 1 > /t/1 && ln /t/1 /t/2 && ln -s 1 /t/3 && mkfifo /t/p && chmod 4755 /t/1\n"
        "RUN rm -r /t && mkdir /t && echo 2 > /t/only; rm /bin/vi; mkdir -m 1777 /sticky\n"
    ),
}
SHOWN: tuple[str, ...] = (
    "Env",
    "Cmd",
    "Entrypoint",
    "Volumes",
    "WorkingDir",
    "User",
    "OnBuild",
    "Labels",
    "ExposedPorts",
)
SHOWN += ("Healthcheck", "Shell", "StopSignal")
_ENGINES_OWN = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab")


@dataclass
class Built:
    """``config`` without what is empty; ``files`` by path: what they are, except when they were made."""

    config: dict[str, Any]
    files: dict[str, tuple[Any, ...]]
    history: list[tuple[str, bool]]


def context(dockerfile: str) -> bytes:
    directories = [member(name, kind=tarfile.DIRTYPE, mode=0o755) for name in ("dir/", "dir/deep/")]
    files = [member(name, data, mode=0o640) for name, data in CONTEXT.items()]
    return tar_of(member("Dockerfile", dockerfile.encode()), *directories, *files)


def build(client: Client, dockerfile: str, *, name: str, **arguments: str) -> Built:
    query = urlencode({"t": name, "nocache": "1", "rm": "1", **arguments})
    answer = client.ask("POST", f"/build?{query}", context(dockerfile), content_type="application/x-tar")
    assert answer.status == 200, answer.body
    failed = [line["error"] for line in answer.lines if "error" in line]
    assert not failed, answer.body.decode()
    return described(client, name)


def described(client: Client, name: str) -> Built:
    image = client.ask("GET", f"/images/{name}/json").json
    config = {key: image["Config"].get(key) for key in SHOWN if image["Config"].get(key)}
    steps = client.ask("GET", f"/images/{name}/history").json
    history = [(step["CreatedBy"], step["Size"] > 0) for step in reversed(steps)]
    client.create("of-a-build", {"Image": name, "Cmd": ["none"], "Entrypoint": []})
    exported = client.ask("GET", "/containers/of-a-build/export").body
    client.ask("DELETE", "/containers/of-a-build?force=1&v=1")
    client.ask("DELETE", f"/images/{name}?force=1")
    with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
        return Built(config, dict(_facts(tar)), history)


def _facts(tar: tarfile.TarFile) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for entry in tar:
        name = entry.name.strip("/")
        if not name or name in ("etc", ".") or name.startswith(_ENGINES_OWN):
            continue
        file = tar.extractfile(entry) if entry.isreg() else None
        content = hashlib.sha256(file.read()).hexdigest() if file else ""
        target = "" if entry.islnk() else entry.linkname  # which of two names is the link is a matter of order
        kind = tarfile.REGTYPE if entry.islnk() else entry.type
        yield name, (kind, stat.S_IMODE(entry.mode), entry.uid, entry.gid, target, "" if entry.islnk() else content)


def assert_alike(ours: Built, theirs: Built) -> None:
    assert ours.config == theirs.config
    linked = {name for built in (ours, theirs) for name, facts in built.files.items() if not facts[-1]}
    for name in linked & set(ours.files) & set(theirs.files):  # without the content of one that is a link in either
        for built in (ours, theirs):
            built.files[name] = built.files[name][:-1]
    assert ours.files == theirs.files


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_a_dockerfile_comes_to_the_same(ours: Client, dockers: Client, dockerfile: str) -> None:
    text = f"FROM {IMAGE}\n{DOCKERFILES[dockerfile]}"
    buildargs = '{"B": "given"}'
    ours_built, theirs = (build(client, text, name="built:1", buildargs=buildargs) for client in (ours, dockers))
    assert_alike(ours_built, theirs)


def test_stages_and_arguments_before_them_come_to_the_same(ours: Client, dockers: Client) -> None:
    text = (
        f"ARG BASE={IMAGE}\nARG OUTSIDE=out\nFROM $BASE AS first\nARG OUTSIDE\nARG IN=1\n"
        "RUN echo $OUTSIDE-$IN > /first\n"
        "FROM $BASE\nARG IN\nRUN echo [$OUTSIDE-$IN] > /second\nCOPY --from=first --chown=3:4 /first /from/\n"
        "COPY --from=0 /first /again\n"
    )
    assert_alike(*(build(client, text, name="staged:1") for client in (ours, dockers)))


def test_triggers_are_carried_out_and_then_gone(ours: Client, dockers: Client) -> None:
    base = (
        f"FROM {IMAGE}\nONBUILD COPY a /triggered/\nONBUILD RUN echo ran > /ran\nONBUILD ENV X=y\nONBUILD VOLUME /tv\n"
    )
    for client in (ours, dockers):
        query = urlencode({"t": "trigger:1"})
        assert client.ask("POST", f"/build?{query}", context(base), content_type="application/x-tar").status == 200
    text = "FROM trigger:1\nRUN cat /ran /triggered/a > /both; echo gone > /tv/gone\n"
    assert_alike(*(build(client, text, name="triggered:1") for client in (ours, dockers)))
    for client in (ours, dockers):
        client.ask("DELETE", "/images/trigger:1?force=1")


@pytest.mark.parametrize(
    "instruction",
    [
        "COPY --chown=nobody-here a /x",
        "COPY absent /x",
        "COPY a dir /file",
        "COPY ../a /x",
        "RUN exit 7",
        "ONBUILD FROM x",
        "ONBUILD ONBUILD RUN true",
        "HEALTHCHECK --retries=-1 CMD true",
        "SHELL sh",
        "EXPOSE no-port",
        "STOPSIGNAL SIGNONE",
    ],
)
def test_what_cannot_be_is_refused_by_both(ours: Client, dockers: Client, instruction: str) -> None:
    told = []
    for client in (ours, dockers):
        body = context(f"FROM {IMAGE}\n{instruction}\n")
        answer = client.ask("POST", "/build?t=never:1", body, content_type="application/x-tar")
        failed = answer.status >= 400 or any("error" in line for line in answer.lines)
        told.append((answer.status, failed))
    assert told[0] == told[1]
    assert told[0][1]


@contextlib.contextmanager
def web(directory: Path, *, inside: list[str]) -> Iterator[str]:
    """A server of ``directory`` on a loopback address; ``inside`` is how to run something where that is meant."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(directory)]
    with (directory.parent / "web.log").open("wb") as log:
        server = subprocess.Popen([*inside, *command], stdout=log, stderr=log)
    asking = [*inside, sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"]
    try:
        until(lambda: subprocess.run(asking, capture_output=True).returncode == 0)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def test_what_is_added_from_an_address_is_the_same(dockers: Client, image_archive: bytes, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    for name, data in {"file.txt": b"from the web", "packed.tar.gz": CONTEXT["packed.tar.gz"]}.items():
        (served / name).write_bytes(data)
        os.utime(served / name, (1_600_000_000, 1_600_000_000))
    pid = (dockers.path.parent / "pid").read_text().strip()
    text = (
        f"FROM {IMAGE}\nADD %s/file.txt /as/named\nADD %s/file.txt %s/packed.tar.gz /in/\n"
        "ADD --chown=3:4 %s/file.txt /own\n"
    )
    with running_engine("--registry-allow", "127.0.0.1") as engine:
        client = Client(engine.socket)
        client.ask("POST", "/images/load?quiet=1", image_archive, content_type="application/x-tar")
        with web(served, inside=[]) as address:
            ours_built = build(client, text.replace("%s", address), name="web:1")
    with web(served, inside=["nsenter", f"--net=/proc/{pid}/ns/net"]) as address:
        theirs = build(dockers, text.replace("%s", address), name="web:1")
    assert_alike(ours_built, theirs)
