"""Refusing at create what could only fail at start: capabilities, mounts and limits that this machine cannot give."""

from dataclasses import replace

from engine.host.capabilities import Machine
from engine.model.container import ContainerSpec
from engine.model.errors import Invalid
from engine.oci.confinement import confinement
from engine.oci.limit_checks import kept_limits, risk_warnings
from engine.oci.tmpfs import tmpfs_options
from engine.wire.text import shown


def checked_spec(spec: ContainerSpec, *, machine: Machine, runtime: str) -> tuple[ContainerSpec, list[str]]:
    """``spec`` without the limits that this machine cannot keep, and a warning for each of them.

    Raises Invalid in Docker's words.
    """
    confinement(spec, bounding=machine.bounding)
    for options in spec.tmpfs.values():
        tmpfs_options(options)
    if spec.runtime not in ("", runtime):
        raise Invalid(f"unknown or invalid runtime name: {shown(spec.runtime)}; this engine has {runtime}")
    limits, warnings = kept_limits(spec.resources, machine=machine)
    return replace(spec, resources=limits), [*warnings, *risk_warnings(limits)]
