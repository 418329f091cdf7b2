# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One verdict over what the managers said.

Pure. The verdict is never a bool: a swarm that cannot be read is not a swarm that is gone. Only ``absent`` may ever
lead to an init, and ``absent`` needs every manager to have answered that it belongs to no swarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.quorum.swarm.plugins.module_utils.core import quorum, reach, validity
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, View

VERDICTS = ("absent", "healthy", "degraded", "no_quorum", "certificates_ended", "locked", "split", "foreign", "unknown")
"""``certificates_ended``: the managers are there with their logs, and no engine starts from a certificate that is not
valid. ``unknown``: too little answered to say any of the others."""

NEXT_PLAYBOOK = {
    "no_quorum": "quorum.swarm.recover",
    "certificates_ended": "quorum.swarm.recover",
    "locked": "quorum.swarm.unlock",
    "split": "quorum.swarm.recover",
}
"""The playbook that deals with a swarm which provisioning must not touch."""


UNASKED = ("no_sdk", "unknown")
"""Problems of a host that say nothing of its engine: it was not asked (``HostFacts.problem``)."""


@dataclass(frozen=True)
class Judgement:
    """What is true of the swarm, as far as it could be seen."""

    verdict: str
    reason: str
    """One sentence with the numbers."""
    view: View | None = None
    """The picture that was trusted, where there is one."""
    findings: tuple[Finding, ...] = ()
    returned: Mapping[str, str] = field(default_factory=dict)
    """Hosts with the state of a node that this swarm does not list since it was forced anew, and that node (split.py).
    """
    remedy: str = ""
    """What to type, where it is not the usual for this verdict."""

    @property
    def readable(self) -> bool:
        """Whether there is a picture of a swarm with a quorum."""
        return self.verdict in ("healthy", "degraded")


def view_of(facts: HostFacts) -> View | None:
    """The swarm as this host told it; None where it did not."""
    if not facts.answered or facts.problem or facts.swarm is None or not facts.nodes:
        return None
    return View(facts.swarm, facts.nodes, facts.services, facts.tasks, facts.host)


def belongs(facts: HostFacts) -> bool:
    """Whether this host is, or half is, a member of some swarm."""
    return facts.membership.state not in ("", "inactive")


def _nameless(facts: HostFacts) -> bool:
    """Whether the engine waits for a swarm, or failed to start in one, and names no node.

    A node ID is the difference to a member that restarted without a manager in reach, which is pending too
    (seen on Docker 26.1; docs/engine-behaviour.md).
    """
    return facts.membership.state in ("pending", "error") and not facts.membership.node_id


def has_traces(facts: HostFacts) -> bool:
    """Whether a node's certificate or a manager's log lies on the host's disk, as far as it was read."""
    state = facts.state
    return bool(facts.certificate_expires or state.swarm_id or state.node_id or state.not_after or state.raft_log)


def half_joined(facts: HostFacts) -> bool:
    """Whether a join on this host stopped half-way: it waits for a swarm, and no node of any was ever given to it.

    An engine that names no node and has a certificate or a log on its disk is a member in trouble instead: so reads a
    manager whose certificate has ended, with its whole log [20.10, 26.1, 28.5]. Where the disk could not be read,
    nobody knows, and it is none.
    """
    return _nameless(facts) and not has_traces(facts) and not facts.state.unread


def in_trouble(facts: HostFacts) -> bool:
    """Whether this host is a member whose engine cannot start as one, or may be: see ``half_joined``."""
    return _nameless(facts) and not half_joined(facts)


def without_certificate(facts: HostFacts, now: datetime | None = None) -> bool:
    """Whether this host is a member that cannot take part because its certificate is not valid now.

    :param now: the time of the controller, for a host that did not tell its own.
    """
    if view_of(facts) is not None or facts.membership.state in ("", "inactive"):
        return False
    reads_none = facts.membership.state in ("pending", "error", "locked") or facts.membership.control
    return reads_none and facts.problem != "unread" and bool(validity.out(facts, now))


def in_between(facts: HostFacts) -> bool:
    """Whether what this host says may be of the moment only: it joins, or is a manager that sees no quorum.

    So the first manager reads while it makes the swarm, and again while the second one becomes a voter.
    """
    if not facts.answered or facts.membership.state == "locked":
        return False
    if _nameless(facts):
        return not validity.out(facts)
    view = view_of(facts)
    if not facts.membership.control or view is None:
        return facts.membership.control
    # Who is promoted arrives within a second or two, and is waited for like a voter.
    return not quorum.has_quorum(len(view.voters) + len(view.promised), len(view.reachable))


def is_foreign(facts: HostFacts, view: View) -> bool:
    """Whether this host is a member of some other swarm than the one in ``view``.

    A worker that follows managers of this swarm, and that it does not list, was removed, or joined after the managers
    were asked: it may join again. A fresh worker knows its managers by their addresses only.
    """
    own = facts.membership
    addrs = {node.manager_addr for node in view.nodes if node.manager_addr}
    follows = not own.control and any(view.node(node_id) is not None or addr in addrs
                                      for node_id, addr in own.remote_managers)
    return belongs(facts) and bool(own.node_id) and view.node(own.node_id) is None and not follows


def _apart(one: View, first: Node, other: View, second: Node) -> bool:
    """Whether two views are of two swarms with one ID: their leaders differ, and neither counts the other as reachable.

    A leader that changed between two answers is not that: the views then agree on who is reachable.
    """
    if first.id == second.id:
        return False

    def reaches(view: View, leader: Node) -> bool:
        seen = view.node(leader.id)
        return seen is not None and seen.reachable

    return not reaches(one, second) and not reaches(other, first)


def _choose(views: dict[str, View], facts: Sequence[HostFacts]) -> View:
    """The leader's own answer where there is one, else the first by name: followers ask the leader anyway."""
    node_of_host = {item.host: item.membership.node_id for item in facts}
    for host in sorted(views):
        leader = views[host].leader
        if leader is not None and node_of_host.get(host) == leader.id:
            return views[host]
    return views[sorted(views)[0]]


def judge(facts: Sequence[HostFacts], swarm_id: str = "", now: datetime | None = None) -> Judgement:
    """The verdict over what the managers of the inventory said.

    :param facts: one entry a manager of the inventory, silent ones included.
    :param swarm_id: the swarm that the inventory is about; empty: whichever it is.
    :param now: the time of the controller, with its zone, to tell a certificate that has ended from a clock that is
        wrong; None: the hosts' own clocks count.
    """
    silent = [item for item in facts if not item.answered]
    findings = [reach.finding(item) for item in silent]
    views = {item.host: view for item in facts for view in [view_of(item)] if view is not None}
    if views:
        return _judge_views(views, facts, findings, swarm_id)
    return _judge_blind(facts, silent, findings, now)


def _judge_views(
    views: dict[str, View], facts: Sequence[HostFacts], findings: list[Finding], swarm_id: str
) -> Judgement:
    """At least one manager reads its swarm."""
    told = {host: view.swarm.id for host, view in views.items()}
    ids = sorted(set(told.values()))
    if len(ids) > 1:
        who = "; ".join(f"{', '.join(h for h in sorted(told) if told[h] == one)}: swarm {one}" for one in ids)
        return Judgement("foreign", f"The managers of this inventory belong to {len(ids)} swarms ({who}).",
                         None, tuple(findings))
    if swarm_id and ids[0] != swarm_id:
        return Judgement("foreign", f"{', '.join(sorted(views))} belong to swarm {ids[0]}, "
                                    f"and this inventory is about swarm {swarm_id} (swarm_id).", None, tuple(findings))
    hosts = sorted(views)
    for index, one in enumerate(hosts):
        for other in hosts[index + 1:]:
            first, second = views[one].leader, views[other].leader
            if first is not None and second is not None and _apart(views[one], first, views[other], second):
                return Judgement(
                    "split",
                    f"Two swarms share the ID {ids[0]}: {one} follows {first.hostname}, {other} follows "
                    f"{second.hostname}, and neither leader reaches the other.", None, tuple(findings))
    view = _choose(views, facts)
    voters, reachable = view.voters, view.reachable
    if not quorum.has_quorum(len(voters), len(reachable)):
        return Judgement("no_quorum", f"{len(reachable)} of {len(voters)} voters are reachable; "
                                      f"a majority is {quorum.majority(max(1, len(voters)))}.", None, tuple(findings))
    degraded = bool(findings)
    for item in facts:
        if item.problem == "locked":
            degraded = True
            findings.append(Finding("manager_locked", "critical", f"{item.host} is locked.",
                                    "ansible-playbook quorum.swarm.unlock", item.host))
        elif item.answered and half_joined(item):
            degraded = True
            findings.append(Finding("half_joined", "warning",
                                    f"A join of {item.host} stopped half-way (state {item.membership.state}).",
                                    "ansible-playbook quorum.swarm.provision finishes it.", item.host))
        elif item.answered and in_trouble(item):
            degraded = True
            findings.append(Finding("member_in_trouble", "warning", f"{item.host} {trouble(item)}.",
                                    "ansible-playbook quorum.swarm.heal", item.host))
        elif item.answered and is_foreign(item, view):
            degraded = True
            findings.append(Finding("foreign_host", "critical",
                                    f"{item.host} belongs to another swarm (its node {item.membership.node_id} is not "
                                    f"one of swarm {view.swarm.id}).",
                                    ELSEWHERE, item.host))
    dead = [node.hostname for node in voters if not node.reachable]
    promised = [node.hostname for node in view.promised]
    down = [node.hostname for node in view.nodes if node.state != "ready"]
    reason = (f"{len(voters)} voters, {len(reachable)} reachable, majority {quorum.majority(len(voters))}, "
              f"tolerates the loss of {max(0, len(reachable) - quorum.majority(len(voters)))}")
    if dead:
        reason += f"; not reachable: {', '.join(sorted(dead))}"
    if promised:
        reason += f"; promoted, and not in the raft: {', '.join(sorted(promised))}"
    if down:
        reason += f"; not ready: {', '.join(sorted(down))}"
    ill = degraded or dead or promised or down
    return Judgement("degraded" if ill else "healthy", reason + ".", view, tuple(findings))


def trouble(facts: HostFacts) -> str:
    """What is wrong with a member whose engine does not start as one: a clause without its host."""
    words = facts.membership.error or facts.detail
    what = (f"may hold a state that could not be read ({facts.state.unread})" if facts.state.unread
            else "holds the state of a node")
    return f"{what}, and its engine is in state {facts.membership.state}{': ' + words.rstrip('.') if words else ''}"


def _judge_blind(
    facts: Sequence[HostFacts], silent: Sequence[HostFacts], findings: list[Finding], now: datetime | None
) -> Judgement:
    """No manager could read a swarm: why not?"""
    if not facts:
        return Judgement("unknown", "The inventory names no managers to ask.", None, tuple(findings))
    ended = [item for item in facts if item.answered and without_certificate(item, now)]
    out = {item.host for item in ended}
    locked = sorted(item.host for item in facts if item.membership.state == "locked" and item.host not in out)
    if locked:
        return Judgement("locked", f"{', '.join(locked)}: locked, and no other manager reads the swarm.",
                         None, tuple(findings))
    blind = sorted(item.host for item in facts if item.membership.control and item.problem != "unread"
                   and item.membership.state in ("active", "pending", "error") and item.host not in out)
    failed = [item for item in facts if item.host not in out and not item.membership.control and in_trouble(item)]
    of_manager = sorted(item.host for item in failed if item.state.raft_log or item.state.role == "manager")
    if blind:
        return Judgement("no_quorum", f"{', '.join(blind)}: a manager that finds no leader "
                                      f"({len(facts) - len(silent)} of {len(facts)} managers answer).",
                         None, tuple(findings))
    unasked = sorted(item.host for item in facts if item.answered and item.problem in UNASKED)
    mute = sorted(item.host for item in facts if item.answered and item.engine.installed and not item.engine.answers
                  and item.host not in unasked)
    if ended and not quorum.has_quorum(len(facts), len(silent) + len(mute) + len(unasked)):
        return _without_certificates(ended, facts, findings, now)
    findings.extend(Finding("member_in_trouble", "warning", f"{item.host} {trouble(item)}.",
                            "ansible-playbook quorum.swarm.recover reads what it holds.", item.host)
                    for item in failed)
    if of_manager:
        return Judgement("no_quorum", f"{', '.join(of_manager)}: a manager whose engine does not start as one "
                                      f"({len(facts) - len(silent)} of {len(facts)} managers answer).",
                         None, tuple(findings))
    members = sorted(item.host for item in facts if belongs(item) and not item.membership.control
                     and not half_joined(item) and not item.state.unread and item.host not in out)
    if members:
        return Judgement("foreign", f"{', '.join(members)}: worker of a swarm whose managers this inventory does "
                                    f"not name, or none of which answers.", None, tuple(findings))
    unread = sorted(item.host for item in facts if item.answered and item.host not in (*mute, *unasked)
                    and (item.membership.control or not item.membership.state)
                    and not (item.problem == "no_engine" and not item.engine.installed))
    hidden = sorted(item.host for item in facts if item.answered and item.state.unread and item.host not in unread)
    if silent or mute or unread or unasked or hidden or ended:
        why = []
        unheard = [item.host for item in silent if not item.reached]
        if unheard:
            why.append(f"{', '.join(unheard)} cannot be reached")
        why += [reach.seen(item) for item in silent if item.reached]
        if mute:
            why.append(f"Docker does not answer on {', '.join(mute)}")
        why += [f"the engine of {item.host} could not be asked ({item.detail.rstrip('.') or 'no reason was given'})"
                for item in facts if item.host in unasked]
        if unread:
            why.append(f"the engine could not be asked on {', '.join(unread)}")
        if hidden:
            why.append(f"the disk could not be read on {', '.join(hidden)}")
        if ended:
            why.append(f"the certificates of {', '.join(sorted(out))} are not valid now")
        return Judgement("unknown", "No swarm was seen, but " + "; ".join(why) +
                         ": one of them may be a member of it.", None, tuple(findings))
    pending = sorted(item.host for item in facts if half_joined(item))
    if pending:
        # A first join or init that stopped: no manager anywhere, so nothing can be lost by starting again.
        findings.extend(Finding("half_joined", "warning", f"A join of {host} stopped half-way.", "", host)
                        for host in pending)
        return Judgement("absent", f"No manager belongs to a swarm; joins of {', '.join(pending)} stopped half-way.",
                         None, tuple(findings))
    return Judgement("absent", f"None of the {len(facts)} managers belongs to a swarm.", None, tuple(findings))


def _without_certificates(
    ended: Sequence[HostFacts], facts: Sequence[HostFacts], findings: list[Finding], now: datetime | None
) -> Judgement:
    """No manager can take part, because no certificate is valid: the logs are there, and nobody is lost.

    Where the controller's clock calls the certificates valid, the clocks of the hosts are wrong, and that is mended.
    """
    told = "; ".join(f"{item.host} {validity.words(item, now)}" for item in sorted(ended, key=lambda one: one.host))
    answer = sum(item.answered for item in facts)
    reason = (f"The certificates of the managers are not valid ({told}), so that no engine takes part; "
              f"{answer} of {len(facts)} managers answer.")
    clocks = sorted(item.host for item in ended if validity.by_clock_alone(item, now))
    remedy = ""
    if clocks:
        remedy = (f"Set the clock of {', '.join(clocks)} right, and start Docker there again "
                  "(systemctl restart docker): the certificates are valid at the controller's time.")
    return Judgement("certificates_ended", reason, None, tuple(findings), remedy=remedy)
