"""The NIS domain name of a container, which only the host may set where the container has a user namespace."""

import os
import threading

from engine.host import libc
from engine.model.errors import Unavailable


def set_domain_name(name: str, *, pid: int) -> None:
    """In the UTS namespace of ``pid``, which the caller holds. Blocks; a thread goes there, and ends."""
    failures: list[OSError] = []

    def go() -> None:
        try:
            handle = os.open(f"/proc/{pid}/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc.setns(handle, libc.CLONE_NEWUTS)
            finally:
                os.close(handle)
            libc.setdomainname(name)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=go, name="domain-name")
    thread.start()
    thread.join()
    if failures:
        raise Unavailable(f"cannot set the domain name of a container: {failures[0].strerror}") from failures[0]
