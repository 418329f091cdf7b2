# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of two swarms of one ID is the one that was recovered, and which hosts have the state of the other.

Pure. A manager that was given up and is back is a manager of the swarm of before, alone or with a majority of its own:
the same ID, the same certificates. Its state is worth nothing any more, and whoever is taken for it by mistake loses
everything. So nothing is guessed: what was forced anew took the entries of the given-up out, and that is looked for in
what each of them lists, by what the host that was forced remembers and what the controller keeps. Where these do not
tell the two apart, it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, View

FORCED = ("forced", "restarted", "finished")
"""Steps of a host's journal after which its state is of the new swarm."""


@dataclass(frozen=True)
class Recovery:
    """The last recovery of a swarm in which managers were given up, as the controller keeps it."""

    swarm_id: str
    file: str
    """The report that says so."""
    host: str
    """The survivor that it was recovered from."""
    survivors: frozenset[str] = frozenset()
    """Node IDs of the managers that stayed."""
    given_up: frozenset[str] = frozenset()
    """Node IDs of the managers that did not."""
    hosts: tuple[str, ...] = ()
    """The hosts of these."""

    @classmethod
    def of(cls, file: str, data: Mapping[str, Any]) -> Recovery | None:
        """From a report of ``recover``; None where nobody was given up in it.

        :raises KeyError, TypeError: it is none.
        """
        names, survivors = set(data["given_up"]), set(data["survivors"])
        if not names:
            return None
        voters = data["voters"]
        lost = [one for one in voters if one["host"] not in survivors]
        return cls(str(data["swarm_id"]), file, str(data["host"]),
                   frozenset(str(one["node_id"]) for one in voters if one["host"] in survivors),
                   frozenset(str(one["node_id"]) for one in lost),
                   tuple(sorted(str(one["host"]) for one in lost if one["host"])))


@dataclass(frozen=True)
class Standing:
    """What is known of two swarms of one ID."""

    swarm_id: str
    host: str = ""
    """A host of the swarm that counts, which reads it; where there is one, that which remembers that it was forced."""
    remembers: bool = False
    """Whether it does."""
    members: tuple[str, ...] = ()
    """Hosts that are of that swarm."""
    former: Mapping[str, str] = field(default_factory=dict)
    """Hosts that have the state of the swarm of before, with the nodes that they were."""
    leads: tuple[str, ...] = ()
    """Of these, hosts that read a swarm of their own, with a leader."""
    evidence: str = ""
    """By what it is known, in a few words."""
    problem: str = ""
    """Why it is not known which one counts; one sentence. Then nothing else is."""
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Which is which."""
        return (f"Two swarms share the ID {self.swarm_id}: {', '.join(self.members)} are of the one that was recovered "
                f"({self.evidence}); {', '.join(sorted(self.former))} are of the one that was given up.")


def _forced(item: HostFacts, swarm_id: str) -> bool:
    """Whether this host remembers that its state was forced into a new swarm, and still is that node."""
    told = item.state.reinit
    return (told.get("swarm_id") == swarm_id and told.get("what") in ("recover", "restore")
            and told.get("step") in FORCED and bool(item.state.node_id) and told.get("node_id") == item.state.node_id)


def _own(item: HostFacts) -> str:
    """The node that this host is, or has the state of."""
    return item.membership.node_id or item.state.node_id


def _lists(view: View, item: HostFacts) -> bool:
    return view.node(_own(item)) is not None


def _sides(views: Mapping[str, View], facts: Mapping[str, HostFacts]) -> list[list[str]]:
    """Hosts that read a swarm, those together that list each other."""
    sides: list[list[str]] = []
    for host in sorted(views):
        for side in sides:
            if _lists(views[side[0]], facts[host]) and _lists(views[host], facts[side[0]]):
                side.append(host)
                break
        else:
            sides.append([host])
    return sides


def standing(facts: Iterable[HostFacts], recovery: Recovery | None = None) -> Standing | None:
    """Which of the swarms counts, and who has the state of the other; None where there is no such question.

    :param recovery: what the controller keeps of the last one.
    """
    by_host = {item.host: item for item in facts if item.answered}
    views = {host: view for host, item in by_host.items() for view in [verdict.view_of(item)] if view is not None}
    ids = {view.swarm.id for view in views.values()}
    if len(ids) != 1:
        return None
    swarm_id = ids.pop()
    if recovery is not None and recovery.swarm_id != swarm_id:
        recovery = None
    left = views
    if recovery is not None:
        gone = recovery.given_up
        left = {host: view for host, view in views.items() if not any(node.id in gone for node in view.nodes)}
        if not left:
            return Standing(
                swarm_id, problem=f"{', '.join(sorted(views))} are of the swarm that was given up when {swarm_id} was "
                f"recovered on {recovery.host} ({recovery.file}): they list managers that the recovered one has not.",
                remedy=f"Bring {recovery.host} back, or another manager of the recovered swarm. Where that one is "
                "gone for good, and this one is to count: move the report away.")
    sides = _sides(left, by_host)
    if len(sides) == 1:
        side = sides[0]
        knows = [host for host in side if _forced(by_host[host], swarm_id)]
        kept = recovery is not None and any(node.id in recovery.survivors for node in left[side[0]].nodes)
        if not (knows or kept):
            return None
    else:
        above = [side for side in sides if _is_later(side, sides, left, by_host, swarm_id)]
        if len(above) != 1:
            who = "; ".join(", ".join(side) for side in sides)
            return Standing(
                swarm_id, problem=f"{len(sides)} swarms share the ID {swarm_id} ({who}), and neither their hosts nor "
                "the reports in swarm_controller_dir tell which of them was recovered from the other.",
                remedy="Change neither before you know which one counts. On the managers of the others stop Docker "
                "(systemctl stop docker.socket docker), which keeps all that they have, and run this again.")
        side = above[0]
        knows = [host for host in side if _forced(by_host[host], swarm_id)]
    return _told(swarm_id, side, knows, left[(knows or side)[0]], by_host, views, recovery)


def _is_later(
    side: Sequence[str], sides: Sequence[Sequence[str]], views: Mapping[str, View], facts: Mapping[str, HostFacts],
    swarm_id: str,
) -> bool:
    """Whether a host of this side was forced anew and took the others' hosts out, while they still list it."""
    for host in side:
        if _forced(facts[host], swarm_id) and all(
                not _lists(views[host], facts[other]) and _lists(views[other], facts[host])
                for rest in sides if rest is not side for other in rest):
            return True
    return False


def _told(
    swarm_id: str, side: Sequence[str], knows: Sequence[str], view: View, facts: Mapping[str, HostFacts],
    views: Mapping[str, View], recovery: Recovery | None,
) -> Standing | None:
    """The answer, where any host has a state that the swarm which counts does not list."""
    former = {host: _own(item) for host, item in facts.items() if _is_former(item, view, swarm_id)}
    if not former:
        return None
    when = max((str(facts[host].state.reinit.get("finished_at") or "") for host in knows), default="")
    evidence = (f"on {knows[0]}" + (f", {when[:16].replace('T', ' ')}" if when else "")) if knows else (
        recovery.file if recovery else "")
    members = tuple(sorted(host for host, item in facts.items() if host not in former and _lists(view, item)))
    return Standing(swarm_id, (list(knows) or list(side))[0], bool(knows), members, former,
                    tuple(sorted(set(former) & set(views))), evidence)


def _is_former(item: HostFacts, view: View, swarm_id: str) -> bool:
    """Whether this host has the state of a manager of this swarm that the swarm does not list any more.

    One that follows the swarm's managers as a worker is no such: it may join again as it is.
    """
    of_it = swarm_id in (item.state.swarm_id, item.swarm.id if item.swarm is not None else "")
    if not of_it or not _own(item) or _lists(view, item):
        return False
    stands_still = not item.engine.answers or item.membership.state == "locked"
    return verdict.is_foreign(item, view) or (stands_still and item.state.role == "manager")


def judge(
    tellers: Sequence[HostFacts], swarm_id: str, recovery: Recovery | None, now: datetime | None = None
) -> Judgement:
    """The verdict over the swarm that counts, for whoever changes something: the others have returned.

    The same as ``verdict.judge`` where there are no two of one ID.
    """
    found = standing(tellers, recovery)
    if found is None:
        return verdict.judge(tellers, swarm_id, now)
    if found.problem:
        return Judgement("split", found.problem, None, (), remedy=found.remedy)
    judged = verdict.judge([item for item in tellers if item.host not in found.former], swarm_id, now)
    return replace(judged, verdict="degraded" if judged.readable else judged.verdict,
                   returned=dict(found.former) if judged.readable else {})


def told(
    tellers: Sequence[HostFacts], swarm_id: str, recovery: Recovery | None, now: datetime | None = None
) -> Judgement:
    """The verdict as it is told: two swarms are two, also where it is known which one counts."""
    found = standing(tellers, recovery)
    judged = judge(tellers, swarm_id, recovery, now)
    if found is None or found.problem or not judged.readable:
        return judged
    remedy = f"ansible-playbook quorum.swarm.provision takes {', '.join(sorted(found.former))} in, as new nodes."
    if found.leads:
        return replace(judged, verdict="split", reason=found.sentence, view=None, remedy=remedy)
    return replace(judged, findings=(*judged.findings, *(
        Finding("former_state", "critical",
                f"{host} has the state of node {node_id}, which swarm {found.swarm_id} does not list since it was "
                f"recovered ({found.evidence}).", remedy, host) for host, node_id in sorted(found.former.items()))))
