# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every host comes back to a swarm that was forced anew, from an archive or a survivor; and which entries of it
are nobody's any more.

Pure. After a new cluster was forced each manager of before is an entry that is wanted as a manager and is no member of
the raft. It counts as a voter that never comes, and its host becomes a manager by itself as soon as it is back. So
whoever does not come back loses the entry, before anybody does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ansible_collections.quorum.swarm.plugins.module_utils.core import validity
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Removal
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import belongs
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node

MEMBER, FOLLOW, CLEAN, JOIN, LOST, SILENT, ANEW = "member", "follow", "clean", "join", "lost", "silent", "anew"
"""How a host comes back: it is there; as the node it was; cleaned, and anew; anew; not at all; by itself, as far as
anybody knows: a worker that does not answer the controller may well reach the swarm; as a new node that has the labels
and the availability of the old one."""


class Origin(Protocol):
    """The swarm that was forced anew, as its archive's manifest or its survivor tells."""

    @property
    def swarm_id(self) -> str:
        """The cluster ID."""

    @property
    def node_id(self) -> str:
        """The manager that was made the swarm's only one."""

    @property
    def managers(self) -> Mapping[str, str]:
        """Raft address by node ID of all managers of before."""


@dataclass(frozen=True)
class Return:
    """How one host comes back."""

    host: str
    way: str
    node_id: str = ""
    """The node that it stays."""
    why: str = ""


@dataclass(frozen=True)
class Members:
    """How all the other hosts come back, and which entries of the swarm are nobody's any more."""

    returns: tuple[Return, ...] = ()
    ghosts: tuple[Removal, ...] = ()

    def of(self, *ways: str) -> list[Return]:
        """The hosts that come back in one of these ways."""
        return [item for item in self.returns if item.way in ways]


def is_of(item: HostFacts, told: Origin) -> bool:
    """Whether what this host runs, or has on its disk, is of that swarm."""
    if item.state.swarm_id or item.swarm is not None:
        return told.swarm_id in (item.state.swarm_id, item.swarm.id if item.swarm is not None else "")
    return bool(item.membership.node_id) and item.membership.node_id in told.managers


def members(
    told: Origin,
    wanted: Wanted,
    host: str,
    facts: Mapping[str, HostFacts],
    nodes: Sequence[Node],
    now: datetime | None = None,
    stop: Collection[str] = (),
    lost: Collection[str] | None = None,
    again: bool = False,
    carry: bool = False,
    unable: Collection[str] = (),
) -> Members:
    """How each of the other hosts comes back, and the entries to be removed before any of them does.

    A manager that comes back and still has an entry is a manager again by itself: so nobody's entries go first.

    :param host: the host of the only manager.
    :param facts: of every host of the inventory, as seen before anything was changed.
    :param nodes: of the swarm now.
    :param stop: hosts whose state was moved aside meanwhile.
    :param lost: hosts that are given up; None: whoever does not answer.
    :param again: whether the swarm was brought up in an earlier run, so that hosts may be back already.
    :param carry: whether the caller carries over what a node was to the new node of its host.
    :param unable: hosts that do not trust the swarm's root certificate, or are not trusted by it.
    """
    own = told.node_id
    listed = {node.id: node for node in nodes}
    hosts = [node.host for node in wanted.nodes] + [*wanted.absent]
    hosts += [name for name in facts if name not in hosts]
    returns = [_return(told, facts[name], listed, now, stop, lost, again, name in unable) for name in hosts
               if name != host and name in facts]
    if carry:
        returns = [_anew(told, item, facts[item.host], listed, now) if wanted.node(item.host) is not None else item
                   for item in returns]
    kept = {own} | {item.node_id for item in returns if item.way in (MEMBER, FOLLOW, ANEW)}
    gone: dict[str, str] = {}
    for node in nodes:
        if node.id in kept or node.voter:
            continue  # who votes now came back already, and is the topology's business
        owner = next((item for item in returns if item.way in (CLEAN, JOIN, LOST)
                      and _is_entry_of(node, facts[item.host])), None)
        if owner is not None:
            gone[node.id] = owner.host
        elif _is_entry_of(node, facts[host]) or node.role == "manager":
            # An entry of this host's other lives, or of a manager that no host of the inventory is.
            gone[node.id] = node.host or node.hostname
    ghosts = tuple(Removal(f"{name}, entry {node_id}", node_id, live=False, entry=True)
                   for node_id, name in sorted(gone.items(), key=lambda pair: (pair[1], pair[0])))
    return Members(tuple(returns), ghosts)


def _anew(
    told: Origin, item: Return, host: HostFacts, listed: Mapping[str, Node], now: datetime | None
) -> Return:
    """The same host as one whose new node gets what its old one had: where the certificate of a listed node is not
    valid, or where a run that had noted what the node was ended before the new one had it.
    """
    noted, own = host.state.rejoin, host.state.node_id or host.membership.node_id
    if item.way in (LOST, SILENT) or (own and not is_of(host, told)):
        return item
    if noted.get("swarm_id") == told.swarm_id and (item.way in (CLEAN, JOIN) or own not in noted["node_ids"]):
        return Return(item.host, ANEW, own if own in listed else "", "what its old node was is noted: that goes on")
    if item.way == CLEAN and own in listed and validity.out(host, now):
        return replace(item, way=ANEW)
    return item


def _is_entry_of(node: Node, item: HostFacts) -> bool:
    """Whether this entry is one of the host's lives: by its node ID, by the noted name, or by its hostname."""
    if node.id == item.state.node_id:
        return True
    return node.host == item.host if node.host else node.hostname in (item.hostname or item.host, item.host)


def _return(
    told: Origin, item: HostFacts, listed: Mapping[str, Node], now: datetime | None, stop: Collection[str],
    lost: Collection[str] | None, again: bool, unable: bool = False,
) -> Return:
    """How one host comes back."""
    host, state = item.host, item.state
    if not item.answered:
        if item.reached:
            return Return(host, SILENT, why=f"it cannot run a module ({item.why_not.rstrip('.')}); where it runs, it "
                                            "comes back by itself")
        if lost is None or host in lost:
            return Return(host, LOST, why="it does not answer")
        return Return(host, SILENT, why="it does not answer; where it runs, it comes back by itself")
    if host in stop:
        return Return(host, JOIN, why="its state was moved aside: it joins anew")
    if state.unread and not item.membership.node_id:
        return Return(host, SILENT, why=f"what it holds on its disk is not known ({state.unread}): it is left alone")
    if not (state.swarm_id or state.raft_log or belongs(item)):
        if item.engine.installed and not item.engine.answers and item.problem != "no_sdk":
            return Return(host, CLEAN, why="Docker does not run: it is started, and the host joins anew")
        return Return(host, JOIN, why="it is in no swarm: it joins anew")
    node = listed.get(state.node_id or item.membership.node_id)
    if not is_of(item, told):
        return Return(host, CLEAN, why=f"a state of another swarm ({state.swarm_id or 'unknown'}) is moved aside: it "
                                       "joins anew")
    if node is None:
        return Return(host, CLEAN, why="the swarm does not list its node: its state is moved aside, and it joins anew")
    if lost is not None and host in lost:
        return Return(host, CLEAN, why="it was given up: its state is moved aside, and it joins anew")
    if again and (node.voter or (node.state == "ready" and not node.is_manager)):
        return Return(host, MEMBER, node.id, "it is back already")
    if unable:
        return Return(host, CLEAN, why="its swarm has another root certificate since: its state is moved aside, and it "
                                       "joins anew")
    if validity.out(item, now):
        return Return(host, CLEAN, why=f"its certificate is valid {validity.words(item, now)}: its state is moved "
                                       "aside, and it joins anew")
    log = ", its raft log is moved aside" if state.role == "manager" else ""
    return Return(host, FOLLOW, node.id, f"stays node {node.id}{log}")


def late(members_: Members, results: Mapping[str, Mapping[str, Any]]) -> tuple[Removal, ...]:
    """Entries of hosts that were to stay the nodes that they were, and did not: nobody's, too.

    A manager among them would count as a voter that never comes.

    :param results: what ``swarm_follow`` returned, by host.
    """
    return tuple(
        Removal(f"{item.host}, entry {item.node_id}", item.node_id, live=False, entry=True)
        for item in members_.of(FOLLOW)
        if not came_back(results.get(item.host) or {}) or results[item.host].get("way") == "cleaned")


def came_back(result: Mapping[str, Any]) -> bool:
    """Whether ``swarm_follow`` ended well on a host."""
    return bool(result) and not (result.get("failed") or result.get("unreachable") or result.get("skipped"))


def told_of(
    members_: Members, followed: Mapping[str, Mapping[str, Any]], stopped: Collection[str] = (),
    nodes: Sequence[Node] | None = None,
) -> dict[str, dict[str, Any]]:
    """How each host came back, and how many of its task containers did not live through it; for a report.

    :param followed: what ``swarm_follow`` returned, by host; of a new node that gets what the old one had, how far it
        came.
    :param stopped: hosts whose state was moved aside before the swarm was brought up.
    :param nodes: of the swarm at the end; None: it was not looked at again.
    """
    hosts: dict[str, dict[str, Any]] = {}
    for item in members_.returns:
        result = followed.get(item.host) or {}
        way, identity, error = item.way, "none", ""
        if item.way in (FOLLOW, CLEAN):
            if came_back(result):
                way = str(result.get("way") or "none")
                identity = "kept" if item.way == FOLLOW and way != "cleaned" else "new"
            else:
                way, error = "failed", str(result.get("msg") or "it was not asked")
        elif item.way == ANEW:
            if came_back(result):
                identity = "new"
            else:
                way, error = "failed", str(result.get("msg") or "it was not asked")
        elif item.way in (MEMBER, SILENT):
            identity = "kept"
        elif item.way == JOIN:
            there = nodes is None or any(node.host == item.host for node in nodes)
            way, identity = ("cleaned" if item.host in stopped else "joined"), "new" if there else "none"
        hosts[item.host] = {"way": way, "identity": identity, "interrupted": int(result.get("interrupted") or 0),
                            "error": error}
    return hosts


def lines_of(hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same for a person."""
    width = max((len(host) for host in hosts), default=0)
    words = {"kept": "the node that it was", "new": "as a new node", "none": "not in the swarm"}
    lines = []
    for host, item in hosts.items():
        ended = (f"; {item['interrupted']} task container{'s' * (item['interrupted'] != 1)} ended"
                 if item["interrupted"] else "")
        said = f"FAILED: {item['error']}" if item["error"] else words[item["identity"]]
        lines.append(f"  {host:<{width}}  {item['way']:<11}  {said}{ended}")
    return lines
