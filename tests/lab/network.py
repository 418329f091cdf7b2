# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's network, and what goes wrong on it.

Touches the engine's networks; faults are made inside nodes, never with the machine's own packet filter.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from pathlib import Path

from .console import LabError
from .machine import LABEL, docker, owner_label
from .plan import free_subnet


def name(lab: str) -> str:
    """The name of a lab's network."""
    return f"qs-{lab}"


def ensure(lab: str) -> ipaddress.IPv4Network:
    """Create the lab's network unless it is there, and return its subnet. Raises LabError.

    It is internal: nodes reach each other and this machine, and nothing else. Hold machine.lock.
    """
    found = docker("network", "ls", "--quiet", "--filter", f"name=^{name(lab)}$")
    if not found:
        subnet = free_subnet(_subnets_in_use())
        labels = ["--label", f"{LABEL}={lab}", "--label", owner_label()]
        docker("network", "create", "--internal", "--subnet", str(subnet), *labels, name(lab))
        return subnet
    return _subnets(found)[0]


def remove(lab: str) -> None:
    """Remove the lab's network. Its nodes must be gone, so that no packet for a dead one ever leaves the machine."""
    docker("network", "rm", name(lab))


def exists(lab: str) -> bool:
    """Whether the lab's network is there."""
    return bool(docker("network", "ls", "--quiet", "--filter", f"name=^{name(lab)}$"))


def node_script(addr: str, *, unheard: Iterable[str], unplugged: bool) -> str:
    """A shell script that makes a node's network what the lab wants; it runs at once and at each boot.

    addr: the node's own address. unheard: addresses whose packets it drops without a word (the other side does the
    same, so nobody is told anything, as on a broken network). unplugged: nothing comes in or goes out at all.
    The mangle table sees all packets, those of containers included, and the engine leaves it alone.
    """
    lines = [
        "set -e",
        f'if [ -z "$(ip -4 addr show dev eth0 to {addr})" ]; then',
        "    ip addr flush dev eth0 scope global",
        f"    ip addr add {addr}/24 broadcast + dev eth0",
        f'    sed "s/^[0-9.]*\\([[:space:]]$(hostname)\\)$/{addr}\\1/" /etc/hosts > /run/hosts',
        "    cat /run/hosts > /etc/hosts",
        "fi",
        "for hook in PREROUTING POSTROUTING; do",
        "    iptables -w -t mangle -N LAB-$hook 2>/dev/null || iptables -w -t mangle -F LAB-$hook",
        "    iptables -w -t mangle -C $hook -j LAB-$hook 2>/dev/null || iptables -w -t mangle -I $hook -j LAB-$hook",
        "done",
    ]
    lines += [f"iptables -w -t mangle -A LAB-PREROUTING -s {peer} -j DROP" for peer in sorted(unheard)]
    if unplugged:
        lines += [
            "iptables -w -t mangle -A LAB-PREROUTING -i eth0 -j DROP",
            "iptables -w -t mangle -A LAB-POSTROUTING -o eth0 -j DROP",
        ]
    return "\n".join(lines) + "\n"


def _subnets(network: str) -> list[ipaddress.IPv4Network]:
    settings = json.loads(docker("network", "inspect", "--format", "{{json .IPAM.Config}}", network)) or []
    return [ipaddress.IPv4Network(one["Subnet"]) for one in settings if ":" not in one.get("Subnet", ":")]


def _subnets_in_use() -> list[ipaddress.IPv4Network]:
    """What the engine's networks and the machine's routes cover already."""
    used = [subnet for network in docker("network", "ls", "--quiet").split() for subnet in _subnets(network)]
    try:
        routes = Path("/proc/net/route").read_text().splitlines()[1:]
    except FileNotFoundError:
        return used
    for route in routes:
        fields = route.split()
        destination, mask = (int.from_bytes(bytes.fromhex(fields[at]), "little") for at in (1, 7))
        if mask:
            used.append(ipaddress.IPv4Network((destination, mask.bit_count())))
    return used


def require_inside(subnet: ipaddress.IPv4Network, addr: str) -> None:
    """Raise LabError unless a node may have this address: in the subnet, and not this machine's own (the first)."""
    try:
        address = ipaddress.IPv4Address(addr)
    except ValueError as error:
        raise LabError(f"{addr} is not an IPv4 address.") from error
    if address not in list(subnet.hosts())[1:]:
        raise LabError(f"{addr} is not an address for a node of {subnet}.")
