# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the nodes of a swarm find each other's containers: what each knows of its overlay networks, side by side.

Pure. The swarm lists a node as ready also where its containers reach nobody: the networks have a gossip of their own,
on port 7946, which may have ended while the swarm was away (moby issues 34987, 36860). Each node lists for each network
the nodes that it knows there; those that are in it have to know each other. What this cannot see is a firewall that
drops the packets themselves (4789/udp).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

PORT = 7946
"""TCP and UDP: where the nodes of an overlay network tell each other of their containers."""
SETTLES = 75.0
"""Seconds. An engine looks once a minute for nodes that it has lost (libnetwork, ``rejoinClusterInterval``)."""


@dataclass(frozen=True)
class Path:
    """What one host says of its overlay networks."""

    host: str
    address: str = ""
    """That by which the others know it."""
    listens: bool = True
    """Whether its engine listens on ``PORT``."""
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By name, the addresses of the nodes that it knows there; only networks that it takes part in."""
    manager: bool = False

    @classmethod
    def of(cls, host: str, result: Mapping[str, Any]) -> Path | None:
        """From what ``swarm_datapath`` returned; None: it could not be asked, or takes no part in a swarm."""
        if result.get("failed") or result.get("unreachable") or result.get("skipped") or not result.get("address"):
            return None
        networks = {str(name): frozenset(map(str, peers)) for name, peers in (result.get("networks") or {}).items()}
        return cls(host, str(result["address"]), bool(result.get("listens")), networks,
                   bool(result.get("manager")))


@dataclass(frozen=True)
class Broken:
    """One host whose containers do not reach those of others."""

    host: str
    fact: str
    alone: bool
    """Whether it is this host's own engine, by all that is seen: a restart of it may help."""


def expected(paths: Sequence[Path]) -> dict[str, list[str]]:
    """By network, the addresses of the hosts that take part in it: what each of them should know."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for name in path.networks:
            found.setdefault(name, set()).add(path.address)
    return {name: sorted(addresses) for name, addresses in sorted(found.items())}


def broken(paths: Sequence[Path]) -> list[Broken]:
    """The hosts whose data path does not work, in the order of ``paths``."""
    wanted = expected(paths)
    names = {path.address: path.host for path in paths}
    lacks = {path.host: {name: [address for address in wanted[name] if address not in peers and address != path.address]
                         for name, peers in path.networks.items()} for path in paths}
    deaf = {host for host, networks in lacks.items() if _is_alone(networks, wanted)}
    found = []
    for path in paths:
        # Who has lost a host that hears nobody is not broken itself.
        missing = {name: [names[address] for address in addresses if path.host in deaf or names[address] not in deaf]
                   for name, addresses in lacks[path.host].items()}
        unseen = sorted({host for hosts in missing.values() for host in hosts})
        if not path.listens:
            found.append(Broken(path.host, f"{path.host} does not listen on {PORT}/tcp, by which overlay networks find "
                                "their nodes: its containers reach none on other nodes", True))
        elif unseen:
            where = ", ".join(name for name, hosts in missing.items() if hosts)
            found.append(Broken(path.host, f"{path.host} does not find {', '.join(unseen)} in {where}: containers "
                                "there do not reach each other", path.host in deaf))
    return found


def _is_alone(lacks: Mapping[str, Collection[str]], wanted: Mapping[str, Collection[str]]) -> bool:
    """Whether a host knows nobody else, in no network that others are in."""
    shared = [name for name in lacks if len(wanted[name]) > 1]
    return bool(shared) and all(len(lacks[name]) == len(wanted[name]) - 1 for name in shared)


def to_restart(paths: Sequence[Path], found: Sequence[Broken]) -> dict[str, str]:
    """Hosts whose Docker is started anew, and why. A manager only where the others are a majority meanwhile."""
    managers = {path.host for path in paths if path.manager}
    spared = quorum.survives_stop(len(managers), len(managers))
    return {item.host: item.fact for item in found if item.alone and (spared or item.host not in managers)}


def findings(found: Sequence[Broken], restarted: Collection[str] = ()) -> list[Finding]:
    """What is told of what is left broken.

    :param restarted: hosts whose Docker was started anew already, in vain.
    """
    blocked = f"Open {PORT}/tcp and udp, and 4789/udp, between these nodes: a restart did not help."
    return [Finding("data_path", "critical", f"{item.fact}.",
                    blocked if item.host in restarted else
                    f"Open {PORT}/tcp and udp between these nodes; else, one host after the other: systemctl restart "
                    "docker.", item.host) for item in found]
