"""Devices of the host that a container may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """``path_on_host`` is a device or a directory of devices; ``access`` is of r, w and m (mknod).

    "" for the other two: at the same path, with all access.
    """

    path_on_host: str
    path_in_container: str = ""
    access: str = ""

    @property
    def target(self) -> str:
        return self.path_in_container or self.path_on_host


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """``kind`` is a(ll), c or b. None for a number: any."""

    kind: str
    major: int | None
    minor: int | None
    access: str

    def __str__(self) -> str:
        numbers = ["*" if number is None else str(number) for number in (self.major, self.minor)]
        return f"{self.kind} {':'.join(numbers)} {self.access}"
