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


RESTART = "swarm_recover_restart_workers"
"""The variable by which an operator has workers restarted that have lost the managers."""


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
    """What does not work between containers on different nodes."""

    deaf: tuple[str, ...] = ()
    """Hosts whose engine does not listen on ``PORT``."""
    parts: tuple[tuple[str, ...], ...] = ()
    """Hosts that find each other, the part with most managers first; empty where all are in one."""
    blocked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By host, others of its own part that it does not find itself."""

    def __bool__(self) -> bool:
        return bool(self.deaf or self.parts or self.blocked)


def expected(paths: Sequence[Path]) -> dict[str, list[str]]:
    """By network, the addresses of the hosts that take part in it: what each of them should know."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for name in path.networks:
            found.setdefault(name, set()).add(path.address)
    return {name: sorted(addresses) for name, addresses in sorted(found.items())}


def broken(paths: Sequence[Path]) -> Broken:
    """What does not work, by what each host knows of the others."""
    by_host = {path.host: path for path in paths}
    lacks: dict[str, set[str]] = {path.host: set() for path in paths}
    finds: dict[str, set[str]] = {path.host: set() for path in paths}
    for path in paths:
        for other in paths:
            shared = [name for name in path.networks if name in other.networks and other is not path]
            known = [name for name in shared if other.address in path.networks[name]]
            if known:
                finds[path.host].add(other.host)
                finds[other.host].add(path.host)
            if len(known) < len(shared):
                lacks[path.host].add(other.host)
    parts = _parts([path.host for path in paths if path.networks], finds)
    parts.sort(key=lambda part: (-sum(by_host[host].manager for host in part), -len(part), part))
    deaf = tuple(path.host for path in paths if not path.listens)
    blocked = {host: tuple(sorted(missing)) for part in parts for host in part if host not in deaf
               for missing in [lacks[host] & set(part) - set(deaf)] if missing}
    return Broken(deaf, tuple(map(tuple, parts)) if len(parts) > 1 else (), blocked)


def _parts(hosts: Sequence[str], finds: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Hosts that find each other, directly or through others."""
    left, parts = list(hosts), []
    while left:
        part, rest = [left.pop(0)], left
        for host in part:
            part += [other for other in rest if other in finds[host] and other not in part]
        left = [host for host in rest if host not in part]
        parts.append(sorted(part))
    return parts


def to_restart(paths: Sequence[Path], found: Broken, workers: bool) -> dict[str, str]:
    """Hosts whose Docker is started anew, and why.

    A manager only where the others are a majority meanwhile. An engine joins the others by the managers that it knows
    when it starts, and asks only those ever after: so workers that have lost the managers are found again by a restart
    only. Their tasks run, and find each other as before: that is for an operator to decide.

    :param workers: whether an operator has decided so.
    """
    managers = {path.host for path in paths if path.manager}
    spared = quorum.survives_stop(len(managers), len(managers))
    result = {host: f"it does not listen on {PORT}/tcp, so that its overlay networks reach no other node"
              for host in found.deaf if spared or host not in managers}
    if workers:
        result.update({host: "its overlay networks have lost the managers"
                       for part in found.parts[1:] for host in part if host not in managers and host not in result})
    return result


def findings(found: Broken, restarted: Collection[str] = ()) -> list[Finding]:
    """What is told of it.

    :param restarted: hosts whose Docker was started anew already, in vain.
    """
    ports = f"Open {PORT}/tcp and udp, and 4789/udp, between the nodes"
    result = [Finding("data_path_closed", "critical", f"{host} does not listen on {PORT}/tcp, by which overlay "
                      "networks find their nodes: its containers reach none on other nodes.",
                      "journalctl -u docker on the host: a restart did not help." if host in restarted else
                      "Restart it when the swarm can bear that: systemctl restart docker", host)
              for host in found.deaf]
    others = [host for part in found.parts[1:] for host in part if host not in found.deaf]
    if others:
        parts = " | ".join(", ".join(part) for part in found.parts)
        result.append(Finding(
            "data_path_split", "warning",
            f"The overlay networks are in {len(found.parts)} parts ({parts}). What runs goes on as before; containers "
            "on nodes that join or restart from now on, and ports published there, reach only those of the first part.",
            f"{ports}: a restart did not help." if set(others) & set(restarted) else
            f"An engine looks for managers that it knew when it started. Restart Docker on {', '.join(others)}, one "
            f"after the other, when their tasks may stop for a moment; -e {RESTART}=true does it at the end of a "
            "recovery."))
    result += [Finding("data_path_blocked", "critical", f"{host} does not find {', '.join(missing)} in an overlay "
                       "network that both are in: containers there do not reach each other.", f"{ports}.", host)
               for host, missing in found.blocked.items()]
    return result
