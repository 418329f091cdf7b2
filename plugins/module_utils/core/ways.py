# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way into a host that becomes a manager: who listens, who tries, and what the tries say.

Pure. The raft takes a member in only after its leader has reached it, and any manager may be the leader: so each
manager has to reach the new one. Nothing listens there yet, and a firewall's reject looks like a port that nobody
listens on. So the host itself listens for a moment, and hands a word to everybody who gets through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

PORT = 2377
ALLOW = "swarm_allow_blocked_ports"


@dataclass(frozen=True)
class Ways:
    """The ways that have to be tried before a run promotes anybody."""

    targets: Mapping[str, str]
    """Where each host that becomes a manager will be reached, ``address:port``, by host."""
    triers: tuple[str, ...] = ()
    """The managers, and those that become some: each has to reach every target but itself."""


def endpoint(addr: str, listen_addr: str = "") -> str:
    """The raft address of a host that is no manager yet, ``address:port``.

    :param addr: the address that it will advertise.
    :param listen_addr: ``swarm_listen_addr``: its port is the one, where it names one.
    """
    _host, _sign, port = listen_addr.rpartition(":")
    own = f"[{addr}]" if ":" in addr else addr
    return f"{own}:{port if port.isdigit() else PORT}"


def judge(ways: Ways, listened: Mapping[str, Mapping[str, object]], tried: Mapping[str, Mapping[str, object]],
          ) -> list[Finding]:
    """What is wrong with the ways.

    :param listened: by target: the result of ``swarm_reach listen`` on it. A target that is not in it did not answer.
    :param tried: by trier: the result of ``swarm_reach targets`` on it, likewise.
    """
    found = []
    for host in sorted(ways.targets):
        others = [one for one in ways.triers if one != host and one in tried]
        if host not in listened or not others:
            found.append(_untried(host, ways.targets[host]))
            continue
        blocked = sorted(one for one in others if host in _names(tried[one].get("blocked")))
        if blocked:
            found.append(_blocked(host, ways.targets[host], blocked, others, bool(listened[host].get("busy"))))
    return found


def _names(value: object) -> Collection[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else ()


def _blocked(host: str, place: str, blocked: Sequence[str], others: Sequence[str], busy: bool) -> Finding:
    who = "none of the managers" if len(blocked) == len(others) else ", ".join(blocked)
    verb = "reaches" if len(blocked) == len(others) else f"{'does' if len(blocked) == 1 else 'do'} not reach"
    why = ("another program than a manager listens there, or something filters it" if busy else
           "it listened there for a moment, and something filters it")
    return Finding("blocked_ports", "critical",
                   f"{host} shall be a manager, and {who} {verb} it at {place}/tcp: {why}. A node that the managers do "
                   f"not reach never becomes one.",
                   f"Open {place.rpartition(':')[2]}/tcp into {host}, from every manager.", host, ALLOW)


def _untried(host: str, place: str) -> Finding:
    return Finding("way_untried", "warning",
                   f"{host} shall be a manager, and nobody could try whether the managers reach it at {place}/tcp.",
                   "", host)
