"""What people do in containers every day: shell in a Debian, who runs it, and what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_GATEWAY: Final = "$(/busybox ip route | /busybox awk '/default/{print $3}')"
_LOW_PORT: Final = "socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(80, INADDR_ANY)) or die $!"
_THREADS: Final = """\
import threading
threads = [threading.Thread(target=print, args=("x",)) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
"""
_ATTRIBUTES: Final = """\
import os
os.setxattr("x", "user.k", b"v")
print(os.getxattr("x", "user.k").decode())
"""
_SYSTEM_V: Final = '$i = shmget(0, 64, 0600) // die $!; shmwrite($i, "x", 0, 1) or die $!; shmctl($i, 0, 0); print 1'
_NUMBERS: Final = " ".join(
    [f"/proc/{name}" for name in ("meminfo", "cpuinfo", "stat", "loadavg", "uptime", "version")]
    + [f"/proc/self/{name}" for name in ("maps", "mountinfo", "cgroup", "status")]
    + ["/sys/devices/system/cpu/online"]
)


@dataclass(frozen=True, slots=True)
class Action:
    """``says``: all of its standard output, None for any. ``fails_with``: a part of its standard error."""

    name: str
    script: str
    says: str | None = None
    user: str = "root"
    fails_with: str = ""


def _refused(name: str, script: str, reason: str, user: str = "root") -> Action:
    return Action(name, script, user=user, fails_with=reason)


def _pings() -> Iterator[Action]:
    for user in ("root", "1000", "65000:65000"):
        for name, target in (("loopback", "127.0.0.1"), ("IPv6 loopback", "::1"), ("the gateway", _GATEWAY)):
            yield Action(f"ping {name} as {user}", f"ping -n -c 1 -W 2 {target} >&2", user=user)
    yield Action("busybox ping", "/busybox ping -c 1 -W 2 127.0.0.1 >&2")
    # it knows only raw sockets, as in Docker
    yield _refused("busybox ping as a user", "/busybox ping -c 1 -W 2 127.0.0.1", "are you root?", user="1000")


ACTIONS: Final = (
    # people; they are used by what comes after
    Action("useradd", "useradd -m -s /bin/bash ann && usermod -aG adm ann && id -nG ann", "ann adm"),
    Action("a password", "echo ann:secret | chpasswd && passwd -S ann | cut -d' ' -f1-2", "ann P"),
    Action("groupadd", "groupadd team && useradd -g team bob && id -ng bob", "team"),
    Action("userdel", "userdel -r bob; groupdel team; ! id bob"),
    Action("su to a user", "su - ann -c 'id -un; pwd'", "ann\n/home/ann"),
    Action("su with a password", r"echo root:secret | chpasswd && su ann -c 'echo secret | su root -c id\ -u'", "0"),
    Action("runuser", "runuser -u ann -- id -un", "ann"),
    Action("setpriv", "setpriv --reuid ann --regid ann --init-groups --bounding-set -all id -u", "1000"),
    Action("sudo to a user", "sudo -u ann id -un", "ann"),
    Action("sudo from a user", "echo 'ann ALL=NOPASSWD: ALL' > /etc/sudoers.d/ann; su ann -c 'sudo id -u'", "0"),
    Action("start-stop-daemon", "start-stop-daemon --start --chuid ann --exec /usr/bin/id -- -un", "ann"),
    # packages
    Action("dpkg -i", "dpkg -i /repository/naru-sample.deb >&2"),
    Action("a package's owners", "cd /opt/sample && stat -c %U:%G:%a c* p*", "sampled:adm:640\nsampled:nogroup:4755"),
    Action(
        "a package's capabilities",
        "getcap /opt/sample/service",
        "/opt/sample/service cap_net_bind_service,cap_net_raw=ep",
    ),
    Action("a package's directories", "stat -c %U:%G:%a /var/lib/sample", "sampled:adm:2750"),
    Action("a package's program", "/opt/sample/service; sample", "root"),
    Action("dpkg --audit", "dpkg --audit", ""),
    Action("dpkg --purge", "dpkg --purge naru-sample >&2; test ! -e /opt/sample"),
    Action("apt-get update", "apt-get -q update 2>&1 | grep -E '^(W|E):'; true", ""),
    Action("apt-get install", "apt-get -q -y install naru-sample >&2 && sample", "root"),
    Action("apt-get purge", "apt-get -q -y purge naru-sample >&2 && dpkg --audit", ""),
    Action(
        "apt-get from a server",
        "/busybox httpd -p 127.0.0.1:8080 -h /repository; "
        "echo 'deb [trusted=yes] http://127.0.0.1:8080 ./' > /etc/apt/sources.list; "
        "apt-get -q update >&2 && apt-get -q -y install naru-sample >&2 && sample; /busybox killall busybox",
        "root",
    ),
    # the network
    *_pings(),
    Action("a low port as a user", f"perl -MSocket -e '{_LOW_PORT}'", user="1000"),
    Action("getent", "getent hosts localhost >&2 && getent passwd root | cut -d: -f1", "root"),
    Action("its network's names", "ls -x /sys/class/net", "eth0  lo"),
    # files
    Action(
        "chown to any id",
        "cd /tmp && touch f && chown 65535:65535 f && chgrp 12345 f && stat -c %u:%g f",
        "65535:12345",
    ),
    Action("install -o", "install -o ann -g adm -m 640 /etc/hostname /tmp/i && stat -c %U:%G:%a /tmp/i", "ann:adm:640"),
    Action(
        "cp -a, tar, hard and soft links",
        "cd /tmp && mkdir d && chown ann d && touch d/a && ln d/a d/b && ln -s d l && mkdir e && cp -a d l e && "
        "tar -cf t e && rm -r e && tar -xpf t && stat -c %U:%h e/d/a e/l && stat -c %U e/d",
        "root:2\nroot:1\nann",
    ),
    Action(
        "setuid and sticky bits",
        "cp /bin/true /tmp/s && chmod 6755 /tmp/s && chmod 1777 /tmp && stat -c %a /tmp/s",
        "6755",
    ),
    Action("mkfifo, flock", "mkfifo /tmp/p && flock /tmp/lock true"),
    Action("user attributes", f"cd /tmp && touch x && python3 -c '{_ATTRIBUTES}'", "v"),
    Action(
        "systemd-tmpfiles",
        r"printf 'd /var/made 0750 ann adm\nt /var/made - - - - user.k=v\n' > /tmp/c.conf && "
        "systemd-tmpfiles --create /tmp/c.conf && stat -c %U:%G:%a /var/made && "
        'python3 -c \'import os; print(os.getxattr("/var/made", "user.k").decode())\'',
        "ann:adm:750\nv",
    ),
    Action(
        "setcap",
        "cd /tmp && cp /bin/true cap && setcap cap_net_bind_service+ep cap && ./cap && getcap cap",
        "cap cap_net_bind_service=ep",
    ),
    Action("ldconfig", "ldconfig"),
    Action("chroot", "chroot / id -u", "0"),
    # programs
    Action("python3 with threads", f"python3 -c '{_THREADS}' | wc -l", "8"),
    Action("python3 starts programs", 'python3 -c \'import subprocess; subprocess.check_call(["id", "-u"])\'', "0"),
    Action("perl forks", 'perl -e \'print fork ? wait > 0 ? "ok" : "no" : exit\'', "ok"),
    Action("perl with System V memory", f"perl -e '{_SYSTEM_V}'", "1"),
    Action("strace", "strace -f -o /tmp/trace sh -c 'id; true' >&2 && test $(grep -c execve /tmp/trace) -ge 2"),
    Action("strace as a user", "strace -o /dev/null true", user="1000"),
    Action("nice", "nice -n 5 nice", "5"),
    Action("ulimit", "ulimit -n 512 && ulimit -n && ulimit -c", "512\n0"),
    Action("taskset, ionice, chrt", "taskset 1 true && ionice -c 3 true && chrt -b 0 true"),
    Action("timeout, mktemp, date", "timeout 5 true && mktemp >&2 && date >&2"),
    Action("devices", "test -w /dev/null -a -r /dev/urandom -a -w /dev/full -a -d /dev/pts -a -w /dev/shm"),
    # what a JVM and other runtimes look at to size themselves
    Action("the machine's numbers", f"cat {_NUMBERS} >&2 && nproc >&2"),
    Action(
        "the container's limits",
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us >&2 || cat memory.max cpu.max >&2",
    ),
    Action("its processes alone", "test $(ls -d /proc/[0-9]* | wc -l) -le 12"),
    # and what is refused in a way that programs understand
    _refused("mknod", "mknod /tmp/node b 254 0", "Operation not permitted"),
    _refused("mknod of the null device", "mknod /tmp/null c 1 3", "Operation not permitted"),
    _refused("unshare", "unshare --mount true", "Operation not permitted"),
    _refused("unshare as a user", "unshare --user true", "Operation not permitted", user="1000"),
    _refused("mount", "mount -t tmpfs none /mnt", "permission denied"),
    _refused("date", "date -s 2030-01-01", "Operation not permitted"),
    _refused("dmesg", "dmesg", "Operation not permitted"),
    _refused("hostname", "hostname other", "you must be root"),
    _refused("another id than there is", "touch /tmp/f && chown 70000 /tmp/f", "Invalid argument"),
)
