# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of which managers a backup is taken, in which order, and what an operator should know before one is stopped.

Pure. This is the choice that the playbook shows; whether a manager may be stopped is decided once more on itself, at
the moment of acting (core/restart.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum, restart
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import NEXT_PLAYBOOK, Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, View

ALL = "all"
"""Every manager of the inventory, one after the other."""
RECOMMENDED = 5
"""With so many managers one may be stopped and another one be lost at the same time."""


OF_THE_MOMENT = frozenset(
    {"manager_unreachable", "promotion_pending", "host_silent", "no_manager_answers", "no_quorum", "locked", "unknown"})
"""Refusals that may be over when another run is done, or when what it left has come back by itself."""


@dataclass(frozen=True)
class Choice:
    """Whose state is taken."""

    hosts: tuple[str, ...] = ()
    """One after the other, the leader last."""
    refusals: tuple[Finding, ...] = ()
    """Nothing is stopped while there is one."""
    notes: tuple[Finding, ...] = ()
    """Said, and gone on with."""


def choose(
    wanted: Wanted, judgement: Judgement, facts: Mapping[str, HostFacts], asked_for: Sequence[str] = ()
) -> Choice:
    """The managers to take a backup of.

    :param facts: what every manager of the inventory said.
    :param asked_for: inventory names, or ``all``; empty: one manager that is not the leader, on which the fewest
        containers run.
    """
    if not judgement.readable or judgement.view is None:
        follow = NEXT_PLAYBOOK.get(judgement.verdict)
        return Choice(refusals=(Finding(judgement.verdict, "critical", judgement.reason,
                                        f"ansible-playbook {follow}" if follow else
                                        "ansible-playbook quorum.swarm.health says more."),))
    view = judgement.view
    nodes = {host: node for host, item in facts.items() for node in [view.node(item.membership.node_id)]
             if item.answered and node is not None and node.voter}
    listed = [node.host for node in wanted.managers]
    strangers = [host for host in asked_for if host != ALL and host not in listed]
    if strangers:
        return Choice(refusals=(Finding(
            "no_manager_of_inventory", "critical",
            f"{', '.join(strangers)} is not in the group swarm_managers, and only a manager holds the swarm's state.",
            "Name managers in swarm_backup_hosts."),))
    refusals = [*_unreachable(view, nodes), *_promised(view), *_pause(wanted, view),
                *_mute(listed, asked_for, nodes, facts)]
    if refusals:
        return Choice(refusals=tuple(refusals))
    able = [host for host in listed if host in nodes]
    if asked_for:
        chosen = [host for host in able if ALL in asked_for or host in asked_for]
        chosen.sort(key=lambda host: nodes[host].leader)
    else:
        chosen = sorted(able, key=lambda host: (nodes[host].leader, facts[host].engine.containers_running))[:1]
    notes = (*_few(view), *_leader(chosen, nodes, view), *_containers(chosen, facts))
    return Choice(tuple(chosen), (), notes + _left_out(listed, asked_for, nodes, facts))


def may_pass(choice: Choice) -> bool:
    """Whether, where another run changes the swarm or was killed at it, the refusals may be of the moment only.

    The manager that is missing may be the one whose Docker that run stopped, and which is on its way back.
    """
    return any(item.id in OF_THE_MOMENT for item in choice.refusals)


def _promised(view: View) -> list[Finding]:
    """A node that was promoted and has not arrived may vote at any moment: no manager is stopped meanwhile."""
    names = sorted(node.host or node.hostname for node in view.promised)
    if not names:
        return []
    return [Finding("promotion_pending", "critical",
                    f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} promoted, and not in the raft yet: no "
                    "manager is stopped while one may become a voter at any moment.",
                    "ansible-playbook quorum.swarm.provision says what keeps it.")]


def _unreachable(view: View, nodes: Mapping[str, Node]) -> list[Finding]:
    """Another manager is away: two are never down at once."""
    named = {node.id: host for host, node in nodes.items()}
    missing = sorted(named.get(node.id) or node.host or node.hostname for node in view.voters if not node.reachable)
    if not missing:
        return []
    voters = len(view.voters)
    return [Finding(
        "manager_unreachable", "critical",
        f"Of {voters} managers {', '.join(missing)} cannot be reached, and a backup stops another one: "
        f"{len(view.reachable) - 1} would be left, and a majority is {quorum.majority(voters)}. Two are never down at "
        "once.", "Bring the missing back first: ansible-playbook quorum.swarm.health says what is wrong.")]


def _pause(wanted: Wanted, view: View) -> list[Finding]:
    """A swarm of one or two managers has no quorum while one is stopped."""
    voters = len(view.voters)
    if quorum.survives_stop(voters, len(view.reachable)) or restart.ALLOW in wanted.allowed:
        return []
    return [Finding(
        "would_lose_quorum", "critical",
        f"{voters} manager{'s' * (voters != 1)}: while one is stopped for its backup, {voters - 1} of {voters} are "
        f"left, and a majority is {quorum.majority(voters)}. Containers on other nodes keep running, but nothing can "
        "be changed meanwhile.", "Have five managers, or allow the pause.", "", restart.ALLOW)]


def _mute(
    listed: Sequence[str], asked_for: Sequence[str], nodes: Mapping[str, Node], facts: Mapping[str, HostFacts]
) -> list[Finding]:
    """Managers that were asked for by name and cannot be used."""
    named = [host for host in listed if host in asked_for and host not in nodes]
    found = [Finding("host_silent", "critical", f"{host} cannot be used: {_why(facts[host])}.",
                     "Name another one, or none.", host) for host in named]
    if not nodes and not found:
        found = [Finding("no_manager_answers", "critical", "No manager of the inventory that is a voter answers.",
                         "ansible-playbook quorum.swarm.health says more.")]
    return found


def _left_out(
    listed: Sequence[str], asked_for: Sequence[str], nodes: Mapping[str, Node], facts: Mapping[str, HostFacts]
) -> tuple[Finding, ...]:
    """Where all were asked for, those that cannot be used: one broken connection is no reason to back up none."""
    return tuple(Finding("host_left_out", "warning", f"{host} is left out: {_why(facts[host])}.", "", host)
                 for host in listed if ALL in asked_for and host not in nodes)


def _why(facts: HostFacts) -> str:
    """Why no backup can be taken of a host."""
    return (facts.why_not or facts.detail).rstrip(".") or "it is no voter of this swarm"


def _few(view: View) -> list[Finding]:
    voters = len(view.voters)
    if not quorum.survives_stop(voters, voters) or quorum.survives_stop(voters, voters, 2):
        return []
    return [Finding(
        "few_managers", "warning",
        f"{voters} managers: while one is stopped, {voters - 1} of {voters} are left and a majority is "
        f"{quorum.majority(voters)}: the loss of another one in these seconds stops the swarm.",
        f"{RECOMMENDED} managers bear one stopped and one lost: {RECOMMENDED - 2} of {RECOMMENDED} are left, and a "
        f"majority is {quorum.majority(RECOMMENDED)}.")]


def _leader(chosen: Sequence[str], nodes: Mapping[str, Node], view: View) -> list[Finding]:
    leaders = [host for host in chosen if nodes[host].leader]
    if not leaders or len(view.voters) == 1:
        return []
    return [Finding("leader_stops", "warning", f"{leaders[0]} is the leader: while another one is elected, the swarm "
                                               "takes no changes.", "It comes last.", leaders[0])]


def _containers(chosen: Sequence[str], facts: Mapping[str, HostFacts]) -> list[Finding]:
    return [Finding("containers_stop", "warning",
                    f"{host} runs {count} container{'s' * (count != 1)}: with Docker they stop for some seconds.",
                    "Drain managers, and run nothing else on them.", host)
            for host in chosen for count in [facts[host].engine.containers_running] if count]


def told(host: str, taken: Mapping[str, Any], brought: Mapping[str, Any]) -> list[str]:
    """A finished backup as an operator reads it.

    :param taken: what ``swarm_backup`` returned on the manager.
    :param brought: what it returned for bringing the archive to the controller.
    """
    counts = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in taken["objects"].items() if count)
    downtime = taken["downtime"]
    lines = [
        f"{host}: {brought['archive']} ({brought['size'] / 1e6:.1f} MB)",
        f"  {counts}; commit index {taken['commit']}; Docker was down {downtime['engine']:.1f} s, the manager "
        f"{downtime['manager']:.1f} s",
        "  proven here: " + ("its log was read and holds what the swarm listed" if brought["proven"] else
                             f"checksums and log; its contents were opened on {host} only, because here "
                             f"{brought['unopened']}"),
    ]
    removed = brought.get("removed") or []
    return lines + [f"  removed, their time was over: {', '.join(removed)}"] * bool(removed)
