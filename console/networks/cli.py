"""The docker commands that do what a page shows. Pure."""

import shlex
from collections.abc import Sequence

from console.networks.models import Network

OWN_LABELS = "naru."
# for one that has no name yet
NEW = "docker network create --driver bridge --subnet 10.30.0.0/24 --gateway 10.30.0.1 NAME"


def create_command(network: Network) -> str:
    words = ["docker", "network", "create"]
    if network.driver != "bridge":
        words += ["--driver", network.driver]
    for flag, is_set in (("internal", network.is_internal), ("attachable", network.is_attachable)):
        words += [f"--{flag}"] if is_set else []
    words += ["--ipv6"] if network.has_ipv6 else []
    for one in network.subnets:
        for flag, name in (("subnet", "subnet"), ("gateway", "gateway"), ("ip-range", "ip_range")):
            words += [f"--{flag}", one[name]] if one.get(name) else []
    for name, value in network.options.items():
        words += ["--opt", f"{name}={value}"]
    for name, value in network.labels.items():
        words += ["--label", f"{name}={value}"] if not name.startswith(OWN_LABELS) else []
    return shlex.join([*words, network.name])


def prune_command(networks: Sequence[Network]) -> str:
    return shlex.join(["docker", "network", "rm", *(network.name for network in networks)])


def network_commands(network: Network) -> str:
    name = shlex.quote(network.name)
    look = f"docker network inspect {name}\ndocker network connect {name} CONTAINER"
    look = f"{look}\ndocker network disconnect {name} CONTAINER"
    if network.is_predefined:
        return look
    return f"{create_command(network)}\n{look}\ndocker network rm {name}"
