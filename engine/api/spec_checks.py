"""Refusing at create what could only fail at start: capabilities, mounts and limits that this machine cannot give."""

from dataclasses import replace

from engine.containers.host_devices import wanted_devices
from engine.containers.signals import parse_signal
from engine.host.capabilities import Machine
from engine.model.container import ContainerSpec
from engine.model.errors import Invalid, Unavailable
from engine.model.mount import MountKind
from engine.model.sharing import drain_limit_s
from engine.oci.confinement import confinement
from engine.oci.init import find_init
from engine.oci.limit_checks import kept_limits, risk_warnings
from engine.oci.seccomp_profile import parse_profile
from engine.oci.spec import oom_score
from engine.oci.tmpfs import mount_options, tmpfs_options
from engine.wire.text import shown


def checked_spec(spec: ContainerSpec, *, machine: Machine, runtime: str) -> tuple[ContainerSpec, list[str]]:
    """``spec`` without the limits that this machine cannot keep, and a warning for each of them.

    Raises Invalid in Docker's words.
    """
    drain_limit_s(spec.labels)
    confinement(spec, bounding=machine.bounding)
    if spec.stop_signal:
        _check_stop_signal(spec.stop_signal)
    for options in spec.tmpfs.values():
        tmpfs_options(options)
    for mount in spec.mounts:
        if mount.kind is MountKind.TMPFS:
            mount_options(mount)
    if spec.seccomp_profile:
        parse_profile(spec.seccomp_profile)
    if spec.devices:
        wanted_devices(spec)
    if spec.init and find_init() is None:
        raise Unavailable(
            "HostConfig.Init: no init is installed on this host; install tini (it has /usr/bin/tini-static)"
        )
    if spec.runtime not in ("", runtime):
        raise Invalid(f"unknown or invalid runtime name: {shown(spec.runtime)}; this engine has {runtime}")
    limits, warnings = kept_limits(spec.resources, machine=machine)
    warnings = [*warnings, *risk_warnings(limits), *_score_warnings(spec, machine=machine)]
    return replace(spec, resources=limits), warnings


def _score_warnings(spec: ContainerSpec, *, machine: Machine) -> list[str]:
    """Where the kernel's choice of a victim will not be as asked for."""
    given = oom_score(spec, machine=machine)
    if spec.oom_score_adj and given != spec.oom_score_adj:
        return [f"OomScoreAdj: {spec.oom_score_adj} is less than this engine may give; {given} is used"]
    return []


def _check_stop_signal(text: str) -> None:
    try:
        parse_signal(text)
    except Invalid as error:
        raise Invalid(f"StopSignal: {error}") from error
