# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a lab: which nodes it has, their zones, groups and addresses, and the files that tell others about them.

Pure: values in, values out. The shape of a lab is decided here and nowhere else.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import odd

POOL = ipaddress.IPv4Network("198.18.0.0/15")  # reserved for benchmarks (RFC 2544): never routed anywhere
ZONES = ("a", "b", "c")
MANAGERS, WORKERS, SPARES = "swarm_managers", "swarm_workers", "lab_spares"
_FIRST = {MANAGERS: 11, WORKERS: 31, SPARES: 51}
_LAST = {MANAGERS: 30, WORKERS: 50, SPARES: 90}
_LETTER = {MANAGERS: "m", WORKERS: "w", SPARES: "s"}


@dataclass(frozen=True)
class NodePlan:
    """One node: its name, its group in the inventory, its zone (None for a spare) and its IPv4 address."""

    name: str
    group: str
    zone: str | None
    addr: str
    odd: tuple[str, ...] = ()
    """What is odd about it: names of odd.ODDITIES."""


def valid_name(name: str) -> bool:
    """Whether a lab may have this name: it becomes part of container names and paths of sockets."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name) is not None


def free_subnet(used: Collection[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first /24 of the pool that overlaps nothing in use. Raises ValueError if there is none."""
    for subnet in POOL.subnets(new_prefix=24):
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise ValueError(f"no free /24 is left in {POOL}")


def nodes(subnet: ipaddress.IPv4Network, managers: int, workers: int, spares: int) -> list[NodePlan]:
    """The nodes of a lab, with zones dealt round robin. Raises ValueError if more are asked for than have addresses."""
    planned = []
    for group, count in ((MANAGERS, managers), (WORKERS, workers), (SPARES, spares)):
        room = _LAST[group] - _FIRST[group] + 1
        if not 0 <= count <= room:
            raise ValueError(f"{count} nodes in {group}: a lab has room for 0 to {room}")
        for number in range(count):
            planned.append(
                NodePlan(
                    name=f"{_LETTER[group]}{number + 1}",
                    group=group,
                    zone=None if group == SPARES else ZONES[number % len(ZONES)],
                    addr=str(subnet.network_address + _FIRST[group] + number),
                )
            )
    return planned


def _ssh_options(control: Path) -> list[tuple[str, str]]:
    """Options for ssh to nodes. A dead node is noticed after 15 s also by a connection that was kept open."""
    return [
        ("StrictHostKeyChecking", "no"),
        ("UserKnownHostsFile", "/dev/null"),
        ("LogLevel", "ERROR"),
        ("ControlMaster", "auto"),
        ("ControlPersist", "120s"),
        ("ControlPath", f"{control}/%C"),
        ("ServerAliveInterval", "5"),
        ("ServerAliveCountMax", "3"),
    ]


def inventory(lab: str, planned: Iterable[NodePlan], key: Path, control: Path) -> str:
    """The lab as an Ansible inventory in YAML. key: the private ssh key; control: where ssh keeps its sockets."""
    options = " ".join(f"-o {name}={value}" for name, value in _ssh_options(control))
    lines = [
        f"# The lab '{lab}'. Written by the lab: changes are lost.",
        "all:",
        "  vars:",
        "    ansible_user: root",
        f'    ansible_ssh_private_key_file: "{key}"',
        '    ansible_ssh_args: ""',
        f'    ansible_ssh_common_args: "{options}"',
        "    ansible_ssh_pipelining: true",
        "    ansible_python_interpreter: /usr/bin/python3",
        "    # Tests may run in a container, whose folders do not outlast it: nor do their swarms.",
        "    swarm_allow_ephemeral_controller: true",
        "  children:",
    ]
    listed = list(planned)
    for group in (MANAGERS, WORKERS, SPARES):
        members = [node for node in listed if node.group == group]
        lines += [f"    {group}:", "      hosts:" if members else "      hosts: {}"]
        for node in members:
            lines += [f"        {node.name}:", f"          ansible_host: {node.addr}"]
            if node.zone:
                lines.append(f"          swarm_zone: {node.zone}")
            own = odd.variables(node.odd, node.addr)
            lines += [f"          {name}: {json.dumps(value)}" for name, value in own.items()]
    return "\n".join(lines) + "\n"


def ssh_config(planned: Iterable[NodePlan], key: Path, control: Path) -> str:
    """The lab as a configuration for `ssh -F`, so that `ssh -F FILE m1` works."""
    lines = []
    for node in planned:
        lines += [f"Host {node.name}", f"    HostName {node.addr}", ""]
    lines += ["Host *", "    User root", f"    IdentityFile {key}", "    IdentitiesOnly yes"]
    lines += [f"    {name} {value}" for name, value in _ssh_options(control)]
    return "\n".join(lines) + "\n"


def cut_peers(splits: Iterable[tuple[Collection[str], Collection[str]]], name: str) -> set[str]:
    """The names of the nodes that this node must not hear, given pairs of sets that are separated from each other."""
    peers: set[str] = set()
    for left, right in splits:
        if name in left:
            peers.update(right)
        if name in right:
            peers.update(left)
    return peers - {name}
