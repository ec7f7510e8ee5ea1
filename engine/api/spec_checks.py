"""Refusing at create what could only fail at start: capabilities, mounts and limits that this machine cannot give."""

from engine.host.capabilities import Machine
from engine.model.container import ContainerSpec
from engine.model.errors import Invalid
from engine.oci.confinement import confinement
from engine.oci.limits import process_limits
from engine.oci.tmpfs import tmpfs_options
from engine.wire.text import shown

_NANO = 1_000_000_000


def check_spec(spec: ContainerSpec, *, machine: Machine, runtime: str) -> None:
    """Raises Invalid in Docker's words."""
    confinement(spec, bounding=machine.bounding)
    process_limits(spec.resources.ulimits, machine=machine)
    for options in spec.tmpfs.values():
        tmpfs_options(options)
    if spec.resources.nano_cpus > machine.cpus * _NANO:
        raise Invalid(
            f"Range of CPUs is from 0.01 to {machine.cpus}.00, as there are only {machine.cpus} CPUs available"
        )
    if spec.runtime not in ("", runtime):
        raise Invalid(f"unknown or invalid runtime name: {shown(spec.runtime)}; this engine has {runtime}")
