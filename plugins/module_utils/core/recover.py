# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a swarm has lost its quorum, whether it can be had back without giving anybody up, which survivor it is
brought back from otherwise, and what an operator has to confirm before that.

Pure. Forcing a new cluster gives up every other manager for good, and makes a second swarm of the same ID where those
are alive: so everything else is tried before, and every doubt is a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    heal,
    placement,
    quorum,
    reach,
    returning,
    unread,
    validity,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.plan import Step
from ansible_collections.quorum.swarm.plugins.module_utils.core.returning import Members
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, Service, Swarm, View

APART = 20.0
"""Seconds for which an old leader goes on answering when its majority is gone (docs/engine-behaviour.md)."""

QUORUM, LOST, UNSURE, OTHER = "quorum", "lost", "unsure", "other"
"""What two readings say: a leader answers; none did, both times; look again; nothing that a recovery is for."""
RESTORING = ("ansible-playbook quorum.swarm.restore -e swarm_restore_archive=FILE brings the swarm back from a backup, "
             "and moves aside what lies on the hosts; where a damaged manager runs: -e "
             "swarm_allow_restore_running=true.")
"""What is left where no survivor has a state that can be used."""
NOTHING, REST, RESUME, RECOVER = "nothing", "rest", "resume", "recover"
"""What is to be done: nothing; what an earlier recovery may have left; its end; all of it."""
FORCED_STEPS = ("forced", "restarted")
"""Steps of the journal after which the swarm is up, and the recovery is not through."""


@dataclass(frozen=True)
class Voter:
    """A manager of the swarm, as the survivors know it."""

    node_id: str
    address: str
    """Its raft address, ``host:port``."""
    host: str = ""
    """Its inventory name; empty: no host of the inventory is it."""

    @property
    def name(self) -> str:
        """What an operator calls it by."""
        return self.host or self.address.rpartition(":")[0].strip("[]") or self.node_id


@dataclass(frozen=True)
class Loss:
    """What is left of a swarm, and what is not."""

    swarm_id: str = ""
    voters: tuple[Voter, ...] = ()
    survivors: tuple[str, ...] = ()
    """Hosts that answer and have this swarm's state as a manager."""
    refusals: tuple[Finding, ...] = ()
    unable: tuple[HostFacts, ...] = ()
    """Hosts that are reached, cannot run a module, and are one of the managers, or may be: alive, and not lost."""
    ended: Mapping[str, str] = field(default_factory=dict)
    """Of the survivors, those whose certificate has ended, each with a clause about it. Their engines start only when a
    new cluster is forced."""
    early: Mapping[str, str] = field(default_factory=dict)
    """Of the survivors, those whose certificate is not valid yet. Their engines do not start, not even then."""
    remade: Mapping[str, str] = field(default_factory=dict)
    """Every host that answers, workers too, whose certificate is not valid: it comes back as a new node."""

    @property
    def able(self) -> list[str]:
        """The survivors that an engine starts from as they are: only these can be a majority again."""
        return [name for name in self.survivors if name not in self.ended and name not in self.early]

    @property
    def lost(self) -> tuple[Voter, ...]:
        """The managers of which nothing is heard, or whose host has nothing of them left."""
        alive = {*self.survivors, *(item.host for item in self.unable)}
        return tuple(voter for voter in self.voters if voter.host not in alive)

    @property
    def lost_names(self) -> list[str]:
        """The same, by the names that an operator has to type."""
        return sorted(voter.name for voter in self.lost)

    @property
    def majority(self) -> int:
        """How many voters a quorum takes."""
        return quorum.majority(max(1, len(self.voters)))


# -- is it lost? -----------------------------------------------------------------------------------------------------


def proves_quorum(judged: Judgement, facts: Iterable[HostFacts]) -> bool:
    """Whether one reading is enough: a majority of the voters each say themselves that they find a leader.

    A stale leader says so alone.
    """
    if judged.view is None or not judged.readable:
        return False
    ids = {node.id for node in judged.view.voters}
    fine = {item.membership.node_id for item in facts if item.answered and not item.problem and item.nodes}
    return quorum.has_quorum(len(ids), len(ids & fine))


def verdict(first: Judgement | None, second: Judgement, seconds_apart: float, proven: bool = False) -> str:
    """Whether the quorum is lost, by two readings of every manager that answers.

    :param first: the earlier reading; None: there was none.
    :param seconds_apart: from the end of the first to the beginning of the second.
    :param proven: whether the second one proves a quorum by itself (``proves_quorum``).
    """
    blind = ("no_quorum", "locked", "unknown", "certificates_ended")
    if second.readable and proven:
        return QUORUM
    if second.verdict not in blind and not second.readable:
        return OTHER
    if second.verdict == "certificates_ended":
        return LOST  # no engine is on its way back, and no leader is one of yesterday
    if first is None or seconds_apart <= APART:
        return UNSURE
    if second.readable:
        return QUORUM if first.readable else UNSURE
    return LOST if first.verdict in blind else UNSURE


def unfinished(facts: Mapping[str, HostFacts]) -> str:
    """The host on which a recovery has brought the swarm up, and is not through; empty: there is none."""
    return next((name for name, item in facts.items()
                 if item.answered and item.state.reinit.get("what") == "recover"
                 and item.state.reinit.get("step") in FORCED_STEPS), "")


def recovered(facts: Mapping[str, HostFacts], swarm_id: str) -> str:
    """The host from which this swarm was recovered before, and which still reads it; empty: there is none."""
    found = [(str(item.state.reinit.get("finished_at") or ""), name) for name, item in facts.items()
             if item.answered and not item.problem and item.nodes and item.state.reinit.get("what") == "recover"
             and item.state.reinit.get("swarm_id") == swarm_id and item.state.reinit.get("step") == "finished"
             and item.state.reinit.get("node_id") == item.state.node_id]
    return max(found)[1] if found else ""


def forced(facts: Mapping[str, HostFacts], swarm_id: str) -> str:
    """The host on which an earlier run forced this swarm, and was broken off before it removed the given-up's entries;
    empty: there is none.

    It has the raft's own majority, and lists nodes. Entries that are wanted as managers count as dead voters, and would
    make it pass for a swarm that lost its quorum.
    """
    host = recovered(facts, swarm_id)
    raft = [node for node in facts[host].nodes if node.voter] if host else []
    return host if quorum.has_quorum(len(raft), sum(node.reachable for node in raft)) else ""


# -- what is left of it ----------------------------------------------------------------------------------------------


def holds_state(item: HostFacts) -> bool:
    """Whether this host answers and has a manager's state."""
    return item.answered and item.state.raft_log and item.state.role == "manager" and bool(item.state.swarm_id)


def loss(
    wanted: Wanted, facts: Mapping[str, HostFacts], addresses: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Loss:
    """What is left: from every manager that the survivors know.

    Who was a manager is asked of all of them together. That may name one too many, which was demoted long ago; the log
    of the survivor that is taken says it exactly, and is held against this (``choose``).

    :param addresses: address by host, as the inventory says, of hosts that do not answer too.
    :param now: the time of the controller, for hosts that did not tell their own.
    """
    holders = {name: item for name, item in facts.items() if holds_state(item)}
    ids = sorted({item.state.swarm_id for item in holders.values()})
    if wanted.swarm_id in ids:
        ids = [wanted.swarm_id]
    hidden = [item for name, item in facts.items() if unread.is_unread(item)]
    managers = {want.host for want in wanted.managers}
    mute = [_reached(item) for name, item in sorted(reach.unable(facts).items()) if name in managers]
    if not ids and (hidden or mute):
        return Loss(refusals=(*(unread.finding(item) for item in hidden), *mute))
    if not ids:
        return Loss(refusals=(_nothing_found(facts),))
    if len(ids) > 1 or (wanted.swarm_id and ids != [wanted.swarm_id]):
        says = ", ".join(f"{name} (swarm {item.state.swarm_id})" for name, item in holders.items())
        return Loss(refusals=(Finding(
            "recover_other_swarm", "critical", f"The states of managers that were found are not of one swarm: {says}.",
            "Say which one this inventory is about: -e swarm_id=ID"),))
    own = {name: item for name, item in holders.items() if item.state.swarm_id == ids[0]}
    known: dict[str, str] = {}
    for item in own.values():
        known.update({node: address for node, address in (*item.state.managers, *item.membership.remote_managers)
                      if node})
        known.setdefault(item.state.node_id, "")
    voters = tuple(Voter(node_id, address, _host_of(node_id, address, facts, addresses or {}))
                   for node_id, address in sorted(known.items()))
    invalid = {name: validity.out(item, now) for name, item in facts.items() if item.answered}
    words = {name: validity.words(facts[name], now) for name, out in invalid.items() if out}
    found = Loss(ids[0], voters, tuple(sorted(own)), (), _unable(voters, facts),
                 {name: words[name] for name in sorted(own) if invalid[name] == validity.ENDED},
                 {name: words[name] for name in sorted(own) if invalid[name] == validity.EARLY},
                 {name: text for name, text in words.items() if facts[name].state.swarm_id == ids[0]})
    refusals = [unread.finding(item, remedies=_OFF) for item in _unread(wanted, found, hidden)]
    return replace(found, refusals=tuple(refusals))


_OFF = "Where it is gone for good: power the host off, so that it is silent, and may be named as lost."


def _unread(wanted: Wanted, found: Loss, hidden: Sequence[HostFacts]) -> list[HostFacts]:
    """Hosts that answer, and may be managers which would be given up because their state could not be read."""
    lost = {voter.host for voter in found.lost}
    managers = {want.host for want in wanted.managers} if "" in lost else set()
    return [item for item in hidden if item.host in lost | managers and item.host not in found.survivors]


def _unable(voters: Sequence[Voter], facts: Mapping[str, HostFacts]) -> tuple[HostFacts, ...]:
    """Hosts that are reached and cannot run a module, and that a manager is on; all of them where it is not known of
    every manager on which host it is.
    """
    hosts = {voter.host for voter in voters}
    return tuple(item for name, item in sorted(reach.unable(facts).items()) if name in hosts or "" in hosts)


def _nothing_found(facts: Mapping[str, HostFacts]) -> Finding:
    """That no manager's state was found. Hosts that did not answer, or cannot run a module, may have one."""
    hidden = sorted(reach.unable(facts))
    silent = sorted(name for name, item in facts.items() if not item.answered and name not in hidden)
    fact = "No host that answers has a manager's state: there is nothing to recover from."
    if hidden:
        return Finding("recover_no_state", "critical",
                       f"{fact} {', '.join(hidden)} could not be read, and may have one.",
                       f"Make {', '.join(hidden)} readable, and run again.")
    if silent:
        return Finding("recover_no_state", "critical", f"{fact} {', '.join(silent)} did not answer, and may have one.",
                       f"Bring {', '.join(silent)} back. Only where the managers among them are gone for good: "
                       "ansible-playbook quorum.swarm.restore")
    return Finding("recover_no_state", "critical", fact, "ansible-playbook quorum.swarm.restore")


def _host_of(node_id: str, address: str, facts: Mapping[str, HostFacts], addresses: Mapping[str, str]) -> str:
    """The host of the inventory that this manager is, or whose place it has."""
    ip = address.rpartition(":")[0].strip("[]")
    for name, item in facts.items():
        if node_id in (item.state.node_id, item.membership.node_id):
            return name
    for name, item in facts.items():
        if ip and (ip in [one.address for one in item.addresses] or addresses.get(name) == ip):
            return name
    return ""


def told(found: Loss) -> list[str]:
    """What is left of the swarm, for a person."""
    lines = [f"  swarm      {found.swarm_id}, {len(found.voters)} managers, a majority is {found.majority}",
             f"  survivors  {', '.join(found.survivors)}"]
    lines += ["  lost       " + ", ".join(f"{one.name} ({one.address})" for one in found.lost)] * bool(found.lost)
    return lines + [f"  certificates  {_grouped(found.remade)}"] * bool(found.remade)


def bring_back(found: Loss, facts: Mapping[str, HostFacts]) -> dict[str, str]:
    """Survivors that can be brought back without giving anybody up, each with what is done there.

    An engine does not start from a certificate that is not valid by its own clock, however often it is tried.
    """
    todo = {}
    for name in found.survivors:
        item = facts[name]
        if item.state.reinit.get("what") == "recover" and item.state.reinit.get("step") not in ("finished", None):
            todo[name] = "a recovery that was broken off before it forced anything is taken back"
        elif name in found.remade:
            continue
        elif item.membership.state == "locked":
            todo[name] = "it is unlocked with a kept key"
        elif not item.engine.answers and item.problem != "no_sdk":
            todo[name] = "Docker is started"
    nodes = {voter.host: voter.node_id for voter in found.voters if voter.host}
    for item in found.unable:
        if item.host in nodes and reach.starts(item, found.swarm_id, nodes[item.host]):
            todo[item.host] = f"Docker is started by the shell, since no module runs there ({item.why_not.rstrip('.')})"
    return todo


def clocks(facts: Mapping[str, HostFacts], now: datetime) -> list[Finding]:
    """Hosts whose certificate is invalid by their own clock alone. A clock is mended; nothing is made anew for it."""
    wrong = [name for name, item in facts.items() if item.answered and validity.by_clock_alone(item, now)]
    if not wrong:
        return []
    told = "; ".join(f"{name} {validity.words(facts[name], now)}" for name in wrong)
    return [Finding(
        "recover_clock", "critical",
        f"By its own clock alone a host calls its certificate invalid ({told}). By the controller's clock, "
        f"{now:%Y-%m-%d %H:%M} UTC, it is valid.",
        f"Set the wrong clock right (timedatectl), and start Docker again on {', '.join(wrong)} (systemctl restart "
        "docker). Run again.")]


def _reached(item: HostFacts) -> Finding:
    return Finding("recover_reached", "critical", *reach.not_lost(item, "swarm_recover_lost"), item.host)


def alive(found: Loss) -> list[Finding]:
    """Why nobody is given up: the hosts of a majority answer, with a state that an engine starts from; or a manager's
    host is reached, and only modules cannot run there.
    """
    refused = [_reached(item) for item in found.unable]
    if refused or not quorum.has_quorum(len(found.voters), len(found.able)):
        return refused
    return [Finding(
        "recover_majority_answers", "critical",
        f"{', '.join(found.able)} answer, and have the state of {len(found.able)} of {len(found.voters)} "
        f"managers. A majority is {found.majority}: nobody need be given up.",
        "They find no leader: look at the network between them (TCP 2377), at their clocks, and at journalctl -u "
        "docker there. A manager that stays locked needs its key: ansible-playbook quorum.swarm.unlock")]


def evidence(found: Loss, results: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Managers that were believed to be down and are seen, by what ``swarm_evidence`` returned on each host."""
    findings = []
    for voter in found.lost:
        heard = [host for host, result in results.items() if voter.name in (result.get("listening") or ())]
        connected = [host for host, result in results.items() if voter.name in (result.get("connected") or ())
                     and host not in heard]
        if not heard and not connected:
            continue
        says = ([f"it answers {', '.join(heard)} at {voter.address}"] if heard else []) + (
            [f"{', '.join(connected)} ha{'s' if len(connected) == 1 else 've'} a live connection to it"]
            if connected else [])
        findings.append(Finding(
            "recover_lost_is_alive", "critical",
            f"{voter.name} is not down: {', and '.join(says)}. With a majority of its own it would be a second swarm "
            "of the same ID.",
            f"Bring it into reach of ansible, which may give the quorum back; or power {voter.name} off. Run again.",
            voter.host))
    return findings


def command(found: Loss, survivor: str = "") -> str:
    """The options to type, whole, so that they can be copied."""
    chosen = f" -e swarm_recover_survivor={survivor}" if survivor else ""
    lost = f" -e '{json.dumps({'swarm_recover_lost': found.lost_names})}'" if found.lost else ""
    return f"-e swarm_recover_confirm={found.swarm_id}{lost}{chosen}"


def confirm(found: Loss, confirmed: str, named: Sequence[str]) -> list[Finding]:
    """What an operator has not confirmed, or has confirmed of something else.

    :param confirmed: ``swarm_recover_confirm``.
    :param named: ``swarm_recover_lost``.
    """
    remedy = f"Where they are gone for good, and powered off: {command(found)}"
    if not found.lost:
        remedy = f"With --check it shows the plan. To do it: {command(found)}"
    gone = ", ".join(f"{voter.name} ({voter.address or voter.node_id})" for voter in found.lost)
    if confirmed == found.swarm_id and sorted(named) == found.lost_names:
        return []
    findings = []
    if confirmed != found.swarm_id:
        what = f"swarm_recover_confirm is {confirmed}, which is not this swarm's ID" if confirmed else (
            "nothing is given up without an operator's word" if found.lost else "this needs an operator's word")
        ending = f" {_remaking(found)}" if found.remade else ""
        findings.append(Finding(
            "recover_unconfirmed", "critical",
            f"Swarm {found.swarm_id} has {len(found.survivors)} of {len(found.voters)} managers left "
            f"({', '.join(found.survivors)}), and a majority is {found.majority}.{ending} "
            + (f"To bring it back without {gone} gives these up for good: {what}." if found.lost else
               f"Nobody is given up. {what[:1].upper()}{what[1:]}."), remedy))
    else:
        more, less = sorted(set(named) - set(found.lost_names)), sorted(set(found.lost_names) - set(named))
        says = [f"it names {', '.join(more)}, which {'is' if len(more) == 1 else 'are'} not lost"] * bool(more)
        says += [f"it does not name {', '.join(less)}"] * bool(less)
        findings.append(Finding(
            "recover_lost_differs", "critical",
            f"swarm_recover_lost has to name exactly the managers that are given up: {', and '.join(says)}.", remedy))
    return findings


def _remaking(found: Loss) -> str:
    """What invalid certificates mean for the hosts, in two sentences."""
    return (f"No engine takes part with a certificate that is not valid ({_grouped(found.remade)}). The swarm comes "
            "back from the manager that knows most, which stays the node that it is. The others of these hosts become "
            "new nodes, with role, labels and availability as before, and their tasks start anew.")


def _grouped(words: Mapping[str, str]) -> str:
    """Hosts by what is said of their certificates, which is the same of most."""
    hosts: dict[str, list[str]] = {}
    for name, text in words.items():
        hosts.setdefault(text, []).append(name)
    return "; ".join(f"{', '.join(names)}: valid {text}" for text, names in hosts.items())


def not_yet(found: Loss) -> list[Finding]:
    """Why the swarm cannot be brought back now: every survivor's certificate begins later, and no engine lets that
    pass.
    """
    if not found.survivors or set(found.early) != set(found.survivors):
        return []
    return [Finding(
        "recover_not_yet_valid", "critical",
        f"The certificates of all managers that answer are not valid yet ({_grouped(found.early)}): a clock was ahead "
        "when they were made, or is behind now. No engine starts from them, not even with a new cluster forced.",
        "Set the clocks right (timedatectl), or wait until then; Docker comes up by itself when it is started again.")]


# -- which survivor --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A survivor and what its state is worth, as ``swarm_survey`` read it."""

    host: str
    commit: int = 0
    last_term: int = 0
    last_index: int = 0
    damage: tuple[str, ...] = ()
    error: str = ""
    """By what the reader proved it to be broken, so that no engine would start from it; empty: one would."""
    unread: str = ""
    """Why it could not be read: what it is worth is not known, and nobody calls it damaged; empty: it was read."""
    members: tuple[str, ...] = ()
    """Node IDs of the managers as raft knows them; empty: not known."""
    uncommitted: tuple[str, ...] = ()
    unopened: str = ""
    aside: str = ""
    lower_bound: bool = False
    ended: bool = False
    """Whether its certificate has ended: unless it is the survivor, it becomes a new node."""
    early: str = ""
    """From when on its certificate is valid, where it is not yet: no engine starts from it before; empty: it is."""
    pinned: tuple[tuple[str, str], ...] = ()
    """(service, node ID) of services that are bound to one node; empty: none, or not known."""

    @classmethod
    def of(cls, host: str, data: Mapping[str, Any]) -> Candidate:
        """From what ``swarm_survey`` returned on this host."""
        if not returning.came_back(data):
            return cls(host, unread=str(data.get("msg") or "it could not be asked"))
        return cls(
            host, int(data["commit"]), int(data["last_term"]), int(data["last_index"]),
            tuple(str(one) for one in data["damage"]), str(data["error"]), str(data.get("unread") or ""),
            tuple(str(one[0]) for one in data["members"]), tuple(str(one) for one in data["uncommitted"]),
            str(data["unopened"]), str(data["aside"]), bool(data["lower_bound"]),
            pinned=tuple((str(one[0]), str(one[1])) for one in data.get("pinned") or ()))

    @property
    def position(self) -> tuple[int, int, int]:
        """The greater one knows more: commit first, then the last entry. Not the term, which isolation inflates."""
        return self.commit, self.last_term, self.last_index

    @property
    def discards(self) -> int:
        """Entries above its commit index, which forcing from it throws away."""
        return max(0, self.last_index - self.commit)

    def line(self) -> str:
        """For a person."""
        if self.error:
            return f"{self.host}: cannot be used: {self.error}"
        if self.unread:
            return f"{self.host}: could not be read: {self.unread}"
        least = "at least " if self.lower_bound else ""
        text = f"{self.host}: commit {least}{self.commit}, last entry {self.last_index} of term {self.last_term}"
        if self.early:
            text += f"; its certificate is valid {self.early}, and no engine starts from it before"
        if self.damage:
            text += f"; damaged: {'; '.join(self.damage)}"
        if self.discards:
            named = f": {', '.join(self.uncommitted)}" if self.uncommitted else ""
            entries = "entry" if self.discards == 1 else "entries"
            text += f"; {self.discards} {entries} above the commit would be lost{named}"
        return text


def candidates(found: Loss, results: Mapping[str, Mapping[str, Any]]) -> list[Candidate]:
    """What the states of the survivors are worth.

    :param results: what ``swarm_survey`` returned, by host.
    """
    listed = [replace(Candidate.of(name, data or {"failed": True}), ended=name in found.ended)
              for name, data in results.items()]
    return [replace(one, early=found.early.get(one.host, "")) for one in listed]


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The one that knows most first; those that cannot be used last. Of equals, one that is whole; then one whose
    certificate has ended, because only the survivor stays the node that it was with such a one.
    """
    return sorted(candidates, key=lambda one: (
        bool(one.error or one.unread or one.early), *(-number for number in one.position), bool(one.damage),
        not one.ended, one.host))


@dataclass(frozen=True)
class Choice:
    """The survivor that is taken."""

    host: str = ""
    ranked: tuple[Candidate, ...] = ()
    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def choose(found: Loss, candidates: Iterable[Candidate], asked: str = "") -> Choice:
    """The survivor from which the swarm is brought back: the one that knows most, if nothing of it is damaged.

    :param asked: ``swarm_recover_survivor``.
    """
    ranked = rank(candidates)
    usable = [one for one in ranked if not (one.error or one.unread or one.early)]
    unread = [one for one in ranked if one.unread]
    refusals, notes = [], []
    if unread and not (asked and usable):
        # Unknown is not damaged: it may be the log that goes furthest.
        return Choice("", tuple(ranked), (Finding(
            "recover_survivor_unread", "critical",
            f"{'; '.join(one.line() for one in unread)}. What it knows is not known, and it is not given up for that.",
            "Make it readable (room on the disk, the library, the engine that wrote it), and run again."),))
    if not usable:
        refusals.append(Finding(
            "recover_no_survivor", "critical",
            f"None of the surviving managers has a state that an engine would start from: "
            f"{'; '.join(one.line() for one in ranked)}.", RESTORING))
        return Choice("", tuple(ranked), tuple(refusals))
    best = usable[0]
    if asked:
        taken = next((one for one in usable if one.host == asked), None)
        if taken is None:
            refusals.append(Finding(
                "recover_survivor_unknown", "critical",
                f"swarm_recover_survivor names {asked}, and the survivors that can be used are "
                f"{', '.join(one.host for one in usable)}.", "Name one of these, or none."))
            return Choice("", tuple(ranked), tuple(refusals))
        if taken.position < best.position:
            notes.append(Finding("recover_survivor_behind", "warning",
                                 f"{asked} was asked for, and knows less than {best.line()}.", "", asked))
        best = taken
    elif best.damage:
        whole = next((one for one in usable if not one.damage), None)
        instead = f" The best of those that are whole is {whole.line()}." if whole else ""
        say = "Say which one is taken: " + command(found, (whole or best).host)
        refusals.append(Finding(
            "recover_survivor_damaged", "critical",
            f"The survivor that knows most is damaged, and is not taken silently: {best.line()}.{instead}",
            say if whole else f"{RESTORING} To take the damaged one all the same: {command(found, best.host)}"))
    ahead = [one for one in ranked if one.early and one.position > best.position]
    if ahead and not asked:
        refusals.append(Finding(
            "recover_survivor_early", "critical",
            f"{'; '.join(one.line() for one in ahead)}: more than {best.line()}.",
            "Set the clocks right (timedatectl), or wait until then. To bring the swarm back without what is known "
            f"there alone: {command(found, best.host)}"))
    broken = [one for one in ranked if one.error]
    if broken and not asked:
        # Nobody knows how far their logs went.
        refusals.append(Finding(
            "recover_survivor_unusable", "critical",
            f"{'; '.join(one.line() for one in broken)}. What was known there alone would be lost without a word. The "
            f"best of the others is {best.line()}.", "Say which one is taken: " + command(found, best.host)))
    elif broken or unread:
        notes += [Finding("recover_survivor_unusable", "warning", one.line() + ".", "", one.host)
                  for one in ranked if one.error or one.unread]
    refusals += _members(found, best)
    return Choice(best.host, tuple(ranked), tuple(refusals), tuple(notes))


def _members(found: Loss, best: Candidate) -> list[Finding]:
    """What the log itself says of who votes, against what was confirmed."""
    if not best.members:
        return []
    here = {voter.node_id for voter in found.voters if voter.host in found.able}
    known = {voter.node_id: voter.name for voter in found.voters}
    if quorum.has_quorum(len(best.members), len(here & set(best.members))):
        return [Finding(
            "recover_majority_answers", "critical",
            f"By the log of {best.host} the swarm has {len(best.members)} managers, of which "
            f"{len(here & set(best.members))} answer with their state: a majority, so nobody need be given up.",
            "They find no leader: look at the network between them (TCP 2377) and at journalctl -u docker there.")]
    unknown = [node_id for node_id in best.members if node_id not in known]
    if unknown:
        return [Finding(
            "recover_unknown_manager", "critical",
            f"By the log of {best.host} there is a manager that none of the survivors knew: {', '.join(unknown)}.",
            "Find its host, list it in the inventory, and run again.")]
    return []


# -- the plan --------------------------------------------------------------------------------------------------------


def plan_of(
    found: Loss, ranked: Sequence[Candidate], facts: Mapping[str, HostFacts], fence: bool, wanted: Wanted
) -> list[Step]:
    """The whole plan as an operator reads it, as far as it is known before Docker is stopped anywhere."""
    best = next((one for one in ranked if not one.error), None)
    steps = [Step("survey", name, "", "Docker is stopped, the state copied aside and read")
             for name in found.survivors]
    if best is not None:
        steps.append(Step("recover", best.host, "", f"swarm {found.swarm_id} is made a swarm of this manager alone"
                          + (", if its log still goes furthest then" if best.lower_bound else "")))
    steps += [Step("remove", voter.name, voter.node_id, "its entry, and with it its certificate")
              for voter in sorted(found.lost, key=lambda one: one.name)]
    others = [name for name in found.survivors if best is not None and name != best.host]
    steps += [Step("follow", name, "", f"stays node {facts[name].state.node_id}, its raft log is moved aside")
              for name in others if name not in found.remade]
    steps += [Step("rejoin", node.host, "", _why_anew(found, facts[node.host], best))
              for node in wanted.nodes if best is not None and node.host in found.remade and node.host != best.host]
    if best is not None and found.lost:
        steps.append(Step("fence", best.host, "", "the join tokens" + (" and the root certificate" if fence else "")
                          + " are changed"))
    return steps


def _why_anew(found: Loss, item: HostFacts, best: Candidate) -> str:
    """What becomes of a host whose certificate is not valid, and of what is bound to its node."""
    text = (f"its certificate is valid {found.remade[item.host]}: its state is moved aside, and it joins as a new node "
            "with its role, labels and availability; its tasks start anew")
    bound = sorted(service for service, node_id in best.pinned if node_id == item.state.node_id)
    return text + (f"; {', '.join(bound)} {'is' if len(bound) == 1 else 'are'} bound to node {item.state.node_id}, "
                   "and waits until that is changed" if bound else "")


@dataclass(frozen=True)
class Back:
    """The swarm that was recovered, for ``returning.members``."""

    swarm_id: str
    node_id: str
    managers: Mapping[str, str] = field(default_factory=dict)


def members(
    found: Loss, wanted: Wanted, host: str, facts: Mapping[str, HostFacts], nodes: Sequence[Node],
    now: datetime | None, again: bool,
) -> Members:
    """How each of the other hosts comes back, and the entries to be removed before any of them does.

    A host that has the state of a manager and is none that the recovered swarm lists was given up, and has come back:
    its state is moved aside.
    """
    told = Back(found.swarm_id, facts[host].state.node_id, {voter.node_id: voter.address for voter in found.voters})
    lost = {*found.lost_names, *given_up(wanted, found, facts, nodes)}
    return returning.members(told, wanted, host, facts, nodes, now, lost=lost, again=again, carry=True)


def notes(
    members_: Members, wanted: Wanted, facts: Mapping[str, HostFacts], nodes: Sequence[Node], swarm_id: str
) -> dict[str, dict[str, Any]]:
    """What each host that comes back as a new node has to remember of its old one, by host: the options of
    ``swarm_rejoin``.
    """
    view, found = View(Swarm(swarm_id), tuple(nodes)), {}
    for item in members_.of(returning.ANEW):
        want = wanted.node(item.host)
        if want is not None:
            one = heal.rejoin(want, view, facts, wanted)
            found[item.host] = {"node_ids": list(one.node_ids), "role": one.role, "availability": one.availability,
                                "labels": dict(one.labels)}
    return found


def _managers(wanted: Wanted) -> list[str]:
    """All managers of the inventory: those that this run does without, too."""
    return [*(node.host for node in wanted.managers), *wanted.given_up]


def given_up(wanted: Wanted, found: Loss, facts: Mapping[str, HostFacts], nodes: Sequence[Node]) -> list[str]:
    """Hosts that the rest of this run does without: given up and silent, in this run or in the one before."""
    listed = {node.host or node.hostname for node in nodes if node.voter}
    silent = [name for name in _managers(wanted) if name in facts and facts[name].is_silent]
    return sorted({name for name in silent if name in found.lost_names or name not in listed})


# -- what came of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """Everything that a run did, for its report."""

    what: str
    host: str = ""
    reason: str = ""
    """What was found to be true of the swarm, in one sentence."""
    brought: Mapping[str, str] = field(default_factory=dict)
    ranked: Sequence[Candidate] = ()
    recovered: Mapping[str, Any] = field(default_factory=dict)
    """What ``swarm_recover`` returned."""
    followed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fenced: Mapping[str, Any] = field(default_factory=dict)
    nodes: Sequence[Node] | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    backup: str = ""
    data_path: Sequence[Finding] | None = None
    """What does not work between containers on different nodes; None: it was not looked at yet."""
    failed: Sequence[str] = ()
    """What failed in the playbooks that this one imports, or after the swarm was up; a sentence each."""
    services: Sequence[Service] = ()
    """Of the swarm at the end."""
    anew: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the old nodes were of hosts that came back as new ones (``notes``)."""


def report(
    found: Loss, wanted: Wanted, members_: Members, facts: Mapping[str, HostFacts], outcome: Outcome
) -> tuple[list[str], dict[str, Any]]:
    """What a recovery came to: lines for a person, and the same as values."""
    hosts: dict[str, dict[str, Any]] = {}
    if outcome.what in (RECOVER, RESUME) and outcome.host in facts:
        hosts[outcome.host] = {"way": "recovered", "identity": "kept", "error": "",
                               "interrupted": len(facts[outcome.host].state.containers)}
    hosts |= returning.told_of(members_, outcome.followed, (), outcome.nodes)
    taken = next((one for one in outcome.ranked if one.host == outcome.host), None)
    data: dict[str, Any] = {
        "swarm_id": found.swarm_id, "what": outcome.what, "host": outcome.host, "reason": outcome.reason,
        "voters": [asdict(voter) for voter in found.voters], "survivors": list(found.survivors),
        "given_up": found.lost_names if outcome.what in (RECOVER, RESUME) else [],
        "brought_back": dict(outcome.brought),
        "ranking": [asdict(one) for one in outcome.ranked],
        "discarded": list(taken.uncommitted) if taken else [], "discarded_entries": taken.discards if taken else 0,
        "unlock_key_changed": bool(outcome.recovered.get("rotated")),
        "aside": str(outcome.recovered.get("aside") or ""),
        "fence": str(outcome.fenced.get("fenced") or ""), "hosts": hosts,
        "nodes": [asdict(node) for node in outcome.nodes] if outcome.nodes is not None else None,
        "phases": dict(outcome.phases), "seconds": round(sum(outcome.phases.values()), 1),
        "engine_phases": dict(outcome.recovered.get("phases") or {}), "backup": outcome.backup,
        "data_path": [asdict(item) for item in outcome.data_path] if outcome.data_path is not None else None,
        "anew": {host: dict(was) for host, was in outcome.anew.items()},
        "to_do": [*outcome.failed, *_todo(wanted, outcome, hosts, facts)],
    }
    data["undone"] = [*outcome.failed, *_undone(outcome, hosts)]
    return _lines(found, outcome, data), data


def _undone(outcome: Outcome, hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What this run was to do and did not: it ends with an error."""
    there = {node.host for node in outcome.nodes or () if node.state == "ready"}
    undone = [f"{host} did not come back ({item['error'].rstrip('.')}). Run this again."
              for host, item in hosts.items() if item["way"] == "failed" and host not in there]
    if outcome.fenced.get("failed") or outcome.fenced.get("unreachable"):
        undone.append(f"The fence failed: {outcome.fenced.get('msg')} Run this again.")
    return undone


def _todo(
    wanted: Wanted, outcome: Outcome, hosts: Mapping[str, Mapping[str, Any]], facts: Mapping[str, HostFacts]
) -> list[str]:
    """What is left to an operator."""
    todo = _undone(outcome, hosts)
    if outcome.fenced.get("problem"):
        todo.append(f"The fence is not whole: {outcome.fenced['problem']}")
    todo += [item.sentence() for item in outcome.data_path or ()]
    if outcome.nodes is None:
        return todo
    todo += _bound(outcome.nodes, outcome.services, facts)
    todo += [item.sentence() for item in unread.not_at_boot(facts.values())]
    reached = {node.host or node.hostname for node in outcome.nodes if node.reachable}
    missing = [name for name in _managers(wanted) if name not in reached]
    silent = [host for host in missing if host in facts and facts[host].is_silent]
    todo += [f"{reach.seen(facts[host])}. Mend that, and run this again." for host in missing
             if host in reach.unable(facts)]
    if missing:
        todo.append(_strength(wanted, sorted(reached), missing))
    if silent:
        todo.append(f"Before {', '.join(silent)} {'is' if len(silent) == 1 else 'are'} powered on: keep Docker from "
                    "starting there. Then run this again, which moves the old state aside and joins it anew; or put "
                    "new hosts in the inventory: ansible-playbook quorum.swarm.provision")
    return todo


def _bound(nodes: Sequence[Node], services: Sequence[Service], facts: Mapping[str, HostFacts]) -> list[str]:
    """Services that are bound to a node of before whose host is another node now."""
    listed = {node.id for node in nodes}
    lines = []
    for service in services:
        for old in placement.pinned_to(service.constraints):
            host = next((name for name, item in facts.items() if item.state.node_id == old), "")
            new = next((node.id for node in nodes if host and node.host == host), "")
            if old not in listed and new:
                lines.append(f"{service.name} is bound to node {old}, which {host} was: docker service update "
                             f"--constraint-rm 'node.id=={old}' --constraint-add 'node.id=={new}' {service.name}")
    return lines


def _strength(wanted: Wanted, reached: Sequence[str], missing: Sequence[str]) -> str:
    """How far the swarm is from what is wanted, who stands in, and what adds the rest."""
    want = len(_managers(wanted))
    text = (f"The swarm has {len(reached)} of {want} managers, and bears the loss of {quorum.tolerance(len(reached))}: "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.")
    serving = [node.host for node in wanted.spares if node.host in reached]
    if serving:
        text += (f" {', '.join(serving)} (swarm_spare_manager) stand{'s' * (len(serving) == 1)} in until they are "
                 "there again.")
    if len(reached) < want:
        text += (" More: mark workers with swarm_spare_manager: true, and ansible-playbook quorum.swarm.recover; or "
                 "list new hosts under swarm_managers, and ansible-playbook quorum.swarm.provision")
    return text


def _lines(found: Loss, outcome: Outcome, data: Mapping[str, Any]) -> list[str]:
    """For a person."""
    head = {NOTHING: "nothing to recover", REST: "recovered before", RESUME: "recovered, going on with a run that was "
            "broken off", RECOVER: "recovered"}[outcome.what]
    lines = [f"{head}: swarm {found.swarm_id}" + (f" on {outcome.host}" if outcome.host else "")]
    if outcome.reason:
        lines.append(f"  found    {outcome.reason}")
    lines += [f"  brought  {host}: {what}" for host, what in outcome.brought.items()]
    if data["given_up"]:
        lines.append(f"  given up {', '.join(data['given_up'])}")
    lines += [f"  log      {one.line()}" for one in outcome.ranked]
    if data["unlock_key_changed"]:
        lines.append("  key      the unlock key was changed, and is kept on the controller with the one before it")
    if data["fence"]:
        words = {"tokens": "the join tokens are new",
                 "sure": "the join tokens are new; the root certificate stays",
                 "begun": "the join tokens are new; the root certificate is on its way",
                 "ca": "the join tokens and the root certificate are new",
                 "nobody": "none: nobody was given up"}
        lines.append(f"  fence    {words.get(data['fence'], data['fence'])}")
    if data["aside"]:
        lines.append(f"  aside    the state of before on {outcome.host}: {data['aside']}")
    if outcome.what != NOTHING and data["hosts"]:
        lines += ["", "how the hosts came back:", *returning.lines_of(data["hosts"])]
    if data["phases"]:
        lines += ["", "  ".join(f"{name} {seconds:.1f} s" for name, seconds in data["phases"].items())
                  + f"; {data['seconds']:.0f} s in all"]
    if data["engine_phases"]:
        lines.append(f"on {outcome.host}: " + ", ".join(f"{name} {seconds:.1f} s"
                                                        for name, seconds in data["engine_phases"].items()))
    if outcome.backup:
        lines.append(f"a new backup: {outcome.backup}")
    if data["to_do"]:
        lines += ["", "to do:", *(f"  {line}" for line in data["to_do"])]
    return lines
