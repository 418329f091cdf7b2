# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is worth telling about a swarm: from the verdict and the facts of all hosts to findings with a remedy.

Pure: nothing is asked here, and the time is handed in. Identifiers are stable; roles/health/README.md lists them.

Severities: ``critical`` is a swarm that does not work, or that the next single loss stops, or data that is about to be
lost; ``warning`` is what makes the next failure worse; ``info`` is worth knowing and may be meant so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    engines,
    expel,
    inventory,
    lease,
    lifetime,
    pinning,
    placement,
    quorum,
    reach,
    remains,
    spares,
    twins,
    unread,
    validity,
    zones,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import ELSEWHERE, SEVERITIES, Finding, by_weight
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import (
    NEXT_PLAYBOOK,
    UNASKED,
    Judgement,
    half_joined,
    in_trouble,
    is_foreign,
    trouble,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, Service, View, address_of

NOT_ASKED = "it was not asked, the time for asking was up"
"""``HostFacts.why_not`` of a host that the check did not come to."""
UNLOCK_KEY = ("not_needed", "kept", "missing", "wrong", "unchecked")
"""What is known of the unlock key on the controller."""
FAIL_ON = ("critical", "warning", "never")
MANY_MANAGERS = 7
"""More than these slow every write for a tolerance that nobody needs (Docker's administration guide)."""
CERT_OVERDUE_SHARE, CERT_OVERDUE = 0.2, timedelta(days=18)
"""Certificates renew themselves at a random point between 50 % and 80 % of their life (swarmkit, ca/config.go,
calculateRandomExpiry): with less than a fifth left, renewing has failed. The fixed cap is a fifth of the default 90
days: where the life was raised lately, certificates of the old life are not called overdue."""
CERT_ENDING_SHARE, CERT_ENDING = 0.05, timedelta(days=1)
CERT_LIFE = timedelta(days=90)
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Drilled:
    """The last drill that was a good one."""

    age: timedelta
    host: str
    """Where the archive was brought up."""
    seconds: float


@dataclass(frozen=True)
class Backup:
    """What the controller keeps of this swarm. The name of an archive is enough: it bears it since it was proven."""

    folder: str
    """``swarm_backup_dir``; empty where none is set."""
    file: str = ""
    """The newest archive; empty where there is none."""
    host: str = ""
    """The manager that it is of."""
    age: timedelta = timedelta(0)
    problem: str = ""
    """Why the folder could not be read."""
    swarm_id: str = ""
    """The swarm that was looked for."""
    drilled: Drilled | None = None
    recorded: bool = False
    """Whether good drills are recorded: there is a ``swarm_controller_dir``, and its record could be read."""
    drill_problem: str = ""
    """Why the record could not be read."""


@dataclass(frozen=True)
class Margin:
    """The numbers of a quorum: now, and after the loss of the worst zone."""

    voters: int
    reachable: int
    majority: int
    tolerates: int
    """How many of the reachable voters may still be lost; negative: so many are missing already."""
    worst_zone: str = ""
    left: int = 0
    """Reachable voters once the worst zone is lost."""


def hosts_of(view: View, wanted: Wanted, facts: Mapping[str, HostFacts]) -> dict[str, str]:
    """The inventory host by node ID: what the host says it is, else the name noted on the node, else its hostname.

    Names only count for hosts that did not say which node they are, and only for one entry each: the live one.
    """
    ids = {node.id for node in view.nodes}
    found = {item.membership.node_id: host for host, item in facts.items() if item.membership.node_id in ids}
    placed = set(found.values())
    listed = [node.host for node in wanted.nodes] + list(wanted.absent)
    searched = [host for host in listed if host not in placed and not _is_elsewhere(facts.get(host))]
    for by_label in (True, False):
        for host in searched:
            names = {host} | ({facts[host].hostname} if host in facts else set())
            named = [
                node
                for node in view.nodes
                if node.id not in found and (node.host == host if by_label else node.hostname in names)
            ]
            if named and host not in placed:
                found[max(named, key=lambda node: (node.state == "ready", node.reachable, node.version)).id] = host
                placed.add(host)
    return found


def _is_elsewhere(facts: HostFacts | None) -> bool:
    """Whether the host itself says that it is no node, or another one than those listed."""
    return facts is not None and (facts.membership.state == "inactive" or bool(facts.membership.node_id))


def zones_of(view: View, wanted: Wanted, host_of: Mapping[str, str]) -> dict[str, str]:
    """The zone by node ID: the node's label, else what the inventory says of its host; empty where neither does."""
    result = {}
    for node in view.nodes:
        listed = wanted.node(host_of.get(node.id, ""))
        result[node.id] = node.zone or (listed.zone if listed else "")
    return result


def margin(view: View, zone_of: Mapping[str, str]) -> Margin:
    """The quorum's numbers.

    :raises ValueError: for a view without voters, which no manager can tell.
    """
    voters, reachable = view.voters, view.reachable
    majority = quorum.majority(len(voters))
    placed = [zone_of.get(node.id, "") for node in reachable]
    zone, lost = zones.worst_loss([zone for zone in placed if zone])
    return Margin(len(voters), len(reachable), majority, len(reachable) - majority, zone, len(reachable) - lost)


def name_of(node: Node, host_of: Mapping[str, str]) -> str:
    """What an operator calls the node: its inventory name, else its hostname, else its ID."""
    return host_of.get(node.id) or node.hostname or node.id


def _join(names: Iterable[str]) -> str:
    """Names as a person lists them."""
    listed = sorted(set(names))
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1]


def examine(
    judgement: Judgement,
    wanted: Wanted,
    facts: Mapping[str, HostFacts],
    now: datetime,
    unlock_key: str = "unchecked",
    settled: bool = False,
    backup: Backup | None = None,
    short_life: str = "",
) -> list[Finding]:
    """All findings, the gravest first.

    :param judgement: the verdict over the managers' answers; its own findings are kept.
    :param wanted: what the inventory describes.
    :param facts: by inventory host; a host that is not in it was not asked.
    :param now: the time, with its zone.
    :param unlock_key: one of ``UNLOCK_KEY``.
    :param settled: whether the managers were read twice, more than 20 s apart.
    :param backup: what is kept of this swarm; None where it is not known which swarm it is.
    :param short_life: why ``swarm_controller_dir`` does not outlast this run; empty: nothing says so.
    :raises ValueError: when ``unlock_key`` is none of these.
    """
    if unlock_key not in UNLOCK_KEY:
        raise ValueError(f"unlock_key is {unlock_key!r}; it takes one of {', '.join(UNLOCK_KEY)}")
    unasked = {host for host, item in facts.items() if item.why_not == NOT_ASKED}
    said = [item for item in judgement.findings if item.id != "host_silent" or item.host not in unasked]
    nodes = judgement.view.nodes if judgement.view is not None else ()
    lies = _remains(judgement, wanted, facts, backup)
    found = [*said, *_verdict(judgement, lies), *lies, *_hosts(wanted, facts, nodes)]
    view = judgement.view
    # A host that was given up and is back is told with the verdict, and is no stranger.
    returned = {"foreign_host": set(judgement.returned)}
    if view is not None and view.voters:
        host_of = hosts_of(view, wanted, facts)
        zone_of = zones_of(view, wanted, host_of)
        found += [
            *_voters(view, wanted, host_of, zone_of),
            *_doubt(view, host_of, facts, settled),
            *_nodes(view, wanted, facts, host_of),
            *_addresses(view, wanted, facts, host_of),
            *_tasks(view, host_of),
            *_engines(view, host_of),
            *_firewalls(facts),
            *_ipv6(view, host_of),
            *_lease(view, now),
        ]
        if view.swarm.ca_rotating:
            found.append(
                Finding(
                    "ca_rotating",
                    "info",
                    "The swarm is changing its root certificate.",
                    "It ends by itself once every node has a new certificate; nodes that are down delay it.",
                )
            )
    found += _certificates(judgement, facts, now)
    found += _clocks(facts, now)
    found += _unlock_key(unlock_key, judgement, wanted, short_life)
    found += _backup(backup, wanted)
    found += _drill(backup, wanted)
    found = [item for item in found if item.host not in returned.get(item.id, ())]
    once = {(item.id, item.host, "" if item.host else item.fact): item for item in reversed(found)}
    return by_weight(once.values())


def full(judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts]) -> Judgement:
    """The verdict, held against the inventory: a swarm with fewer managers than are wanted is not healthy.

    Whoever stands in for one counts.
    """
    view = judgement.view
    if view is None or not judgement.readable:
        return judgement
    want = [node.host for node in spares.listed(wanted)]
    host_of = hosts_of(view, wanted, facts)
    voting = {host_of.get(node.id, "") for node in view.voters if node.voter}
    missing = [host for host in want if host not in voting]
    if not missing or len([node for node in view.voters if node.voter]) >= len(want):
        return judgement
    voters = sum(node.voter for node in view.voters)
    found = Finding(
        "managers_missing",
        "warning",
        f"The inventory wants {len(want)} managers, and the swarm has {voters}: {_join(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} none. It bears the loss of {quorum.tolerance(voters)} of them instead "
        f"of {quorum.tolerance(len(want))}.",
        "ansible-playbook quorum.swarm.provision makes them managers, or says what keeps it from that.",
    )
    return replace(judgement, verdict="degraded", findings=(*judgement.findings, found))


def _remains(
    judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts], backup: Backup | None
) -> list[Finding]:
    """Where no manager belongs to a swarm: why none may be made all the same, as ``provision`` says it."""
    if judgement.verdict != "absent":
        return []
    kept = {}
    if backup is not None and backup.file and backup.swarm_id:
        kept = {backup.swarm_id: remains.Kept(f"{backup.folder}/{backup.file}", backup.host)}
    return remains.gate(wanted, facts, kept)


def _verdict(judgement: Judgement, lies: Sequence[Finding]) -> Iterator[Finding]:
    """The verdict itself, where it is no working swarm.

    :param lies: why no swarm may be made.
    """
    if judgement.readable:
        return
    next_playbook = NEXT_PLAYBOOK.get(judgement.verdict, "")
    states = [item for item in lies if item.id in ("swarm_without_managers", "state_found")]
    makes = "ansible-playbook quorum.swarm.provision makes one."
    if states:
        makes = states[0].remedy
    elif lies:
        makes = "One of the hosts named below may hold one: mend those first. Only then is one made anew."
    remedy = {
        "absent": makes,
        "no_quorum": "Start the managers that are down. Only where they are lost for good: "
        f"ansible-playbook {next_playbook}",
        "certificates_ended": f"ansible-playbook {next_playbook} brings it back from the manager that knows most, and "
        "gives nobody up.",
        "foreign": "Correct the inventory (groups, swarm_id): nothing is changed in a swarm that it does not describe.",
        "unknown": "Bring back, or start Docker on, the hosts named below and run this again.",
    }.get(judgement.verdict, f"ansible-playbook {next_playbook}")
    yield Finding(judgement.verdict, "critical", judgement.reason, judgement.remedy or remedy)


def _voters(view: View, wanted: Wanted, host_of: Mapping[str, str], zone_of: Mapping[str, str]) -> Iterator[Finding]:
    """How many voters there are, where they are, and who is missing."""
    numbers = margin(view, zone_of)
    lost = [node for node in view.voters if not node.reachable]
    for node in lost:
        name = name_of(node, host_of)
        yield Finding(
            "manager_unreachable",
            "warning",
            f"The leader does not reach the manager {name} ({node.reachability or 'reachability unknown'}; "
            f"its state is {node.state}).",
            f"Look at the host and its Docker (systemctl status docker) and at port 2377 of "
            f"{address_of(node.manager_addr) or name}.",
            name,
        )
    for node in view.promised:
        name = name_of(node, host_of)
        yield Finding(
            "promotion_pending",
            "warning",
            f"{name} is to be a manager and is not a member of the raft ({node.state}): it does not vote.",
            f"Start Docker on {name} and let every manager reach it on port 2377/tcp: its engine tries again by "
            f"itself, each half minute. ansible-playbook quorum.swarm.provision says which way is closed.",
            name,
        )
    for node in view.voters:
        if node.role != "manager":
            name = name_of(node, host_of)
            yield Finding(
                "demotion_pending",
                "warning",
                f"{name} is to be a worker and still votes.",
                "ansible-playbook quorum.swarm.provision",
                name,
            )
    if lost and numbers.tolerates <= 0:
        yield Finding(
            "quorum_at_risk",
            "critical",
            f"{numbers.reachable} of {numbers.voters} voters are reachable and a majority is "
            f"{numbers.majority}: the next loss stops the swarm.",
            f"Bring back {_join(name_of(node, host_of) for node in lost)}, and restart no manager before.",
        )
    placed = [zone_of.get(node.id, "") for node in view.voters]
    for item in inventory.count_voters(placed):
        allowed = item.relaxed_by in wanted.allowed
        yield replace(item, severity="info" if allowed else "warning", relaxed_by="")
    zoneless = [name_of(node, host_of) for node in view.voters if not zone_of.get(node.id)]
    if zoneless and numbers.voters > 1:
        yield Finding(
            "manager_without_zone",
            "warning",
            f"No failure zone is known of {_join(zoneless)}.",
            "Set swarm_zone and run ansible-playbook quorum.swarm.provision.",
        )
    elif not zones.deadly_zone(placed) and numbers.voters >= zones.WANTED_ZONES and not zones.is_balanced(placed, ()):
        counts = ", ".join(f"{zone}: {count}" for zone, count in sorted(zones.count(placed).items()))
        yield Finding(
            "zone_imbalance",
            "info",
            f"The managers are spread unevenly ({counts}).",
            f"Ideal is {'-'.join(map(str, zones.spread(numbers.voters)))}.",
        )
    if lost and numbers.worst_zone and numbers.tolerates > 0 and numbers.left < numbers.majority:
        yield Finding(
            "zone_would_stop",
            "warning",
            f"As it is now, losing zone {numbers.worst_zone} leaves {numbers.left} of {numbers.voters} "
            f"voters, and a majority is {numbers.majority}.",
            f"Bring back {_join(name_of(node, host_of) for node in lost)}.",
        )
    if numbers.voters > MANY_MANAGERS:
        yield Finding(
            "many_managers",
            "warning",
            f"{numbers.voters} managers: every write waits for {numbers.majority} of them, and each further "
            "one makes it slower.",
            f"{MANY_MANAGERS} tolerate the loss of {quorum.tolerance(MANY_MANAGERS)}: make the others workers.",
        )


def _doubt(view: View, host_of: Mapping[str, str], facts: Mapping[str, HostFacts], settled: bool) -> Iterator[Finding]:
    """Whether the leader calls managers reachable that may just have died.

    For 10 to 20 s after a majority died the old leader still answers, with what it last knew.
    """
    mute = mute_managers(view, host_of, facts)
    if not settled and _is_doubtful(view, mute):
        yield Finding(
            "quorum_in_doubt",
            "critical",
            f"The leader reaches {len(view.reachable)} of {len(view.voters)} voters, but {_join(mute)} did "
            f"not answer this check. If they have just died, the quorum is lost: for 20 s after that the "
            f"old leader still answers.",
            "Run this again in 30 s.",
        )
    for name in mute:
        yield Finding(
            "manager_mute",
            "warning",
            f"{name} votes, but this check got no answer from it: {_why_mute(facts[name])}.",
            "Repair the way to it before you need it (SSH, then systemctl status docker).",
            name,
        )


def doubted(judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts]) -> list[str]:
    """Managers that told a swarm which may just have lost its quorum: to be asked again more than 20 s later."""
    view = judgement.view
    if view is None or not _is_doubtful(view, mute_managers(view, hosts_of(view, wanted, facts), facts)):
        return []
    return [node.host for node in wanted.managers if facts[node.host].nodes]


def ask_last(judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts]) -> list[str]:
    """Workers of the inventory that probably will not answer, since the swarm calls them down: the others go first."""
    view = judgement.view
    if view is None:
        return []
    host_of = hosts_of(view, wanted, facts)
    down = {host_of.get(node.id, "") for node in view.nodes if node.state == "down"}
    return [node.host for node in wanted.workers if node.host in down]


def _is_doubtful(view: View, mute: Sequence[str]) -> bool:
    """Whether the voters that are known to live are less than a majority."""
    return bool(mute) and not quorum.has_quorum(len(view.voters), len(view.reachable) - len(mute))


def mute_managers(view: View, host_of: Mapping[str, str], facts: Mapping[str, HostFacts]) -> list[str]:
    """Hosts of voters that the leader reaches, and that did not answer when they were asked."""
    named = [host_of.get(node.id, "") for node in view.reachable]
    return sorted(host for host in named if host in facts and _why_mute(facts[host]))


def _why_mute(item: HostFacts) -> str:
    """Why this host, or its engine, did not answer; empty where it did or was not asked."""
    if not item.answered:
        return "" if item.why_not == NOT_ASKED else item.why_not
    if item.problem in ("timeout", "no_engine"):
        return item.detail or "its Docker does not answer"
    return ""


def _sdk(told: Iterable[HostFacts]) -> Iterator[Finding]:
    """Hosts whose Python cannot ask the engine. That says nothing of the engine."""
    blind = [item for item in told if item.problem == "no_sdk"]
    missing = [item.host for item in blind if "docker" in item.python.missing or not item.python.version]
    if missing:
        yield Finding(
            "sdk_missing",
            "warning",
            f"The Docker SDK for Python is not installed on {_join(missing)}, so their engines were not asked.",
            "ansible-playbook quorum.swarm.provision -e swarm_engine_check=true installs it (Debian: python3-docker).",
        )
    for item in blind:
        if item.host not in missing:
            yield Finding(
                "sdk_broken",
                "warning",
                f"The engine of {item.host} was not asked: {item.detail.rstrip('.')}.",
                "No playbook mends that: what is installed there by hand comes first.",
                item.host,
            )


def _hosts(wanted: Wanted, facts: Mapping[str, HostFacts], nodes: Sequence[Node]) -> Iterator[Finding]:
    """What the hosts of the inventory said of themselves."""
    listed = [node.host for node in wanted.nodes]
    unasked = [host for host in listed if host not in facts or facts[host].why_not == NOT_ASKED]
    if unasked:
        yield Finding(
            "host_not_asked",
            "info",
            f"{len(unasked)} hosts were not asked, the time was up: {_join(unasked)}.",
            "Hosts that do not answer cost the time; more forks (-f) ask more hosts at once.",
        )
    known = {host: facts[host] for host in listed if host not in unasked}
    for host, item in known.items():
        if not item.answered:
            yield reach.finding(item)
            continue
        if item.unfinished:
            yield Finding(
                "unfinished_restore",
                "critical",
                f"Something was broken off on {host}: {item.unfinished}. A node's key may lie in clear there.",
                "Run the same again (ansible-playbook quorum.swarm.restore, for a recover quorum.swarm.recover): it "
                "goes on, and locks the key.",
                host,
            )
        if item.pending_restart:
            yield Finding(
                "pending_restart",
                "warning",
                f"Docker on {host} waits to be restarted: {item.pending_restart}.",
                "ansible-playbook quorum.swarm.restart does it, one host at a time.",
                host,
            )
    told = [item for item in known.values() if item.answered]
    yield from unread.not_root(told)
    yield from unread.not_at_boot(told)
    managers = {node.host for node in wanted.managers}
    for item in told:
        if item.state.unread and item.root:
            yield unread.finding(item, "critical" if item.host in managers else "warning")
    without = [item.host for item in told if not item.engine.installed]
    if without:
        yield Finding(
            "engine_absent",
            "warning",
            f"No Docker is installed on {_join(without)}.",
            "ansible-playbook quorum.swarm.provision installs it.",
        )
    for item in told:
        if item.engine.installed and not item.engine.answers and item.problem not in (*UNASKED, "locked"):
            words = item.engine.error or item.detail
            yield Finding(
                "engine_silent",
                "warning",
                f"Docker on {item.host} does not answer{': ' + words.rstrip('.') if words else ''}.",
                "systemctl status docker; journalctl -u docker",
                item.host,
            )
    yield from _sdk(told)
    upgraded = [item.host for item in told if item.auto_upgrades]
    if upgraded:
        managers = {node.host for node in wanted.managers}
        at_risk = sorted(managers & set(upgraded))
        yield Finding(
            "auto_upgrades",
            "warning" if at_risk else "info",
            f"Unattended upgrades may upgrade, and so restart, Docker on {_join(upgraded)}"
            f"{': on several managers at the same hour' if len(at_risk) > 1 else ''}.",
            "ansible-playbook quorum.swarm.provision holds the package, or: apt-mark hold docker.io",
        )
    for one in twins.find(told, nodes):
        yield Finding("engine_id_shared", "warning", one.fact, one.remedy)


def _nodes(view: View, wanted: Wanted, facts: Mapping[str, HostFacts], host_of: Mapping[str, str]) -> Iterator[Finding]:
    """Nodes against hosts: down, ghosts, strangers, and hosts that are not what the inventory wants."""
    haunted = {node.id for _host, node in ghosts(view, wanted, facts, host_of)}
    for host, node in ghosts(view, wanted, facts, host_of):
        vote = " It still counts as a voter." if node.voter else ""
        yield Finding(
            "ghost",
            "warning",
            f"The entry {node.id} ({node.hostname}, {node.state}) is a former life of {host}.{vote}",
            f"On a manager: docker node {'demote' if node.is_manager else 'rm'} {node.id}"
            f"{f' and docker node rm {node.id}' if node.is_manager else ''}",
            host,
        )
    down = [node for node in view.nodes if node.state != "ready" and node.id not in haunted and not node.is_manager]
    for node in down:
        name = name_of(node, host_of)
        if node.state == "unknown":
            yield Finding(
                "node_unknown",
                "info",
                f"The worker {name} has not reported to the leader yet{': ' + node.message if node.message else ''}.",
                "After a change of the leader this lasts some seconds: run this again.",
                name,
            )
            continue
        yield Finding(
            "node_down",
            "warning",
            f"The worker {name} is {node.state}{': ' + node.message if node.message else ''}.",
            "ansible-playbook quorum.swarm.heal; where the host is gone for good, list it under swarm_absent.",
            name,
        )
    by_host = {host: node for node in view.nodes for host in [host_of.get(node.id, "")] if host}
    strangers = [node for node in inventory.unlisted(wanted, view.nodes, host_of) if node.id not in haunted]
    for role, severity, counted in (("managers", "warning", True), ("workers", "info", False)):
        names = [name_of(node, host_of) for node in strangers if node.is_manager == counted]
        if names:
            yield Finding(
                f"unlisted_{role}",
                severity,
                f"The inventory does not list the {role} {_join(names)}.",
                "List them, or list them under swarm_absent to take them out.",
            )
    yield from expel.unfinished(expel.read(view.swarm.labels), view.nodes)
    bad = [host for host in wanted.compromised if host in by_host]
    if bad:
        yield Finding(
            "compromised_host_is_member",
            "critical",
            f"{_join(bad)}: compromised (swarm_compromised), and still a node.",
            f"{expel.COMMAND} takes it out, and changes what it knew.",
        )
    stays = [host for host in wanted.absent if host in by_host and host not in bad]
    if stays:
        yield Finding(
            "absent_host_is_member",
            "info",
            f"{_join(stays)}: listed under swarm_absent, and still a node.",
            "ansible-playbook quorum.swarm.provision takes them out.",
        )
    for want in wanted.nodes:
        item, listed = facts.get(want.host), by_host.get(want.host)
        if listed is not None:
            if want.spare and listed.role == "manager":
                yield _spare(want.host, wanted, by_host)
            elif listed.role != want.role:
                yield Finding(
                    "role_drift",
                    "warning",
                    f"{want.host} is a {listed.role}, and the inventory wants a {want.role}.",
                    "ansible-playbook quorum.swarm.provision",
                    want.host,
                )
        elif item is None or not item.answered:
            yield Finding(
                "host_not_member",
                "warning",
                f"{want.host} is not in the swarm, and did not answer.",
                "Bring it back, then ansible-playbook quorum.swarm.provision",
                want.host,
            )
        elif in_trouble(item):
            yield Finding(
                "member_in_trouble",
                "warning",
                f"{want.host} {trouble(item)}.",
                "ansible-playbook quorum.swarm.heal",
                want.host,
            )
        elif half_joined(item):
            yield Finding(
                "half_joined",
                "warning",
                f"A join of {want.host} stopped half-way (state {item.membership.state}).",
                "ansible-playbook quorum.swarm.provision finishes it.",
                want.host,
            )
        elif is_foreign(item, view):
            yield Finding(
                "foreign_host",
                "critical",
                f"{want.host} belongs to another swarm (its node {item.membership.node_id} is not one of "
                f"swarm {view.swarm.id}).",
                ELSEWHERE,
                want.host,
            )
        elif remains.of(item) is not None and item.membership.state == "inactive":
            yield from remains.before_joins(wanted, facts, [want.host], view.swarm.id)
        elif item.membership.state == "inactive":
            yield Finding(
                "host_not_member",
                "warning",
                f"{want.host} is not in the swarm.",
                "ansible-playbook quorum.swarm.provision",
                want.host,
            )
    # What a host calls itself counts before what the swarm lists, which around an election may be another's name.
    called = {item.membership.node_id: item.hostname for item in facts.values() if item.membership.node_id}
    by_name: dict[str, list[Node]] = {}
    for node in view.nodes:
        if node.state == "ready":
            by_name.setdefault(called.get(node.id) or node.hostname, []).append(node)
    for hostname, nodes in sorted(by_name.items()):
        if len(nodes) > 1:
            yield Finding(
                "hostname_shared",
                "info",
                f"{len(nodes)} live nodes are called {hostname}: {_join(node.id for node in nodes)}.",
                "Give each host a hostname of its own: placement and people go by it.",
            )


def _spare(host: str, wanted: Wanted, by_host: Mapping[str, Node]) -> Finding:
    """A worker that stands in for a manager: whether it is still needed."""
    missing = [want.host for want in wanted.managers if want.host not in by_host or not by_host[want.host].reachable]
    if missing:
        return Finding("spare_stands_in", "info",
                       f"{host} is a manager (swarm_spare_manager) as long as {_join(missing)} "
                       f"{'is' if len(missing) == 1 else 'are'} missing.",
                       "It goes back to a worker in the first provisioning that finds them.", host)
    return Finding("role_drift", "warning",
                   f"{host} is a manager (swarm_spare_manager), and all managers of the inventory are there.",
                   "ansible-playbook quorum.swarm.provision takes it back to a worker.", host)


def ghosts(
    view: View, wanted: Wanted, facts: Mapping[str, HostFacts], host_of: Mapping[str, str]
) -> list[tuple[str, Node]]:
    """Entries of a host's former lives, with that host: not ready, and the host is another node now.

    Told by the name noted on the entry, else by its hostname, which a live node or the host itself bears, and by a
    manager's address.
    """
    live = [node for node in view.nodes if node.state == "ready"]
    own = {host: node_id for node_id, host in host_of.items()}
    listed = {node.host for node in wanted.nodes}
    found = []
    for node in view.nodes:
        if node.state == "ready" or node.id in host_of:
            continue
        if node.host in listed and (node.host in own or _is_elsewhere(facts.get(node.host))):
            found.append((node.host, node))
        elif not node.host:
            found += [(name_of(other, host_of), node) for other in live if node.shares_name_and_place(other)][:1] or [
                (host, node) for host, item in facts.items() if _is_elsewhere(item)
                and item.hostname == node.hostname and _has_place(item, node)][:1]  # fmt: skip
    return found


def _has_place(item: HostFacts, node: Node) -> bool:
    """Whether a manager's entry has one of the host's addresses. Others have none that would tell."""
    return not node.manager_addr or address_of(node.manager_addr) in {one.address for one in item.addresses}


def _move(view: View, node: Node, host: str) -> str:
    """How a manager comes to another address; never by demoting one that the quorum needs."""
    fixed = "The address of a manager is fixed when it joins."
    if not quorum.survives_removal(len(view.voters), len(view.reachable), node.reachable):
        return (f"{fixed} The quorum does not bear that this manager leaves: add managers first (ansible-playbook "
                "quorum.swarm.provision).")
    return f"{fixed} One manager at a time: ansible-playbook quorum.swarm.rejoin -e swarm_node={host}"


def _addresses(
    view: View, wanted: Wanted, facts: Mapping[str, HostFacts], host_of: Mapping[str, str]
) -> Iterator[Finding]:
    """Whether the addresses that managers are known by are static, their own, pinned, and the wanted ones."""
    loose = pinning.unpinned({host_of[node.id]: node for node in view.voters if node.id in host_of}, facts)
    if loose:
        yield Finding(
            "address_not_pinned",
            "info",
            f"{_join(loose)} joined without an advertise address: the engine looks for one at each start.",
            f"ansible-playbook quorum.swarm.provision -e {pinning.VARIABLE}=true tells each engine the address that "
            "the swarm knows it by, one after the other.",
        )
    for node in view.voters:
        host = host_of.get(node.id, "")
        item, want, addr = facts.get(host), wanted.node(host), address_of(node.manager_addr)
        if item is None or not item.addresses or not addr:
            continue
        own = {address.address: address for address in item.addresses}
        move = _move(view, node, host)
        if addr not in own:
            yield Finding(
                "address_not_on_host",
                "warning",
                f"The swarm knows {host} by {addr}, which is not one of its addresses ({', '.join(own)}).",
                move,
                host,
            )
        elif own[addr].dynamic:
            allowed = "swarm_allow_dynamic_address" in wanted.allowed
            yield Finding(
                "dynamic_address",
                "info" if allowed else "warning",
                f"The swarm knows {host} by {addr}, which is leased (DHCP) on {own[addr].interface}: a manager "
                "whose address changes is lost to the swarm.",
                "Make the address static.",
                host,
            )
        if want is not None and want.role == "manager":
            expected, _problems = inventory.advertise(want, item.addresses, addr)
            if expected and expected != addr:
                yield Finding(
                    "unexpected_address",
                    "warning",
                    f"The swarm knows {host} by {addr}, and the inventory wants {expected}.",
                    f"To leave it there: swarm_advertise_addr: {addr} for {host}. To move it: {move}"
                    if addr in own else move,
                    host,
                )


def _tasks(view: View, host_of: Mapping[str, str]) -> Iterator[Finding]:
    """Work on managers, and services without a node."""
    service_of = {service.id: service for service in view.services}
    managers = {node.id: name_of(node, host_of) for node in view.nodes if node.is_manager}
    on_managers: dict[str, set[str]] = {}
    for task in view.tasks:
        if task.state == "running" and task.node_id in managers and task.service_id in service_of:
            on_managers.setdefault(task.service_id, set()).add(managers[task.node_id])
    if on_managers:
        names = _join(name for hosts in on_managers.values() for name in hosts)
        workers = any(placement.takes_tasks(node) and not node.is_manager for node in view.nodes)
        yield Finding(
            "manager_runs_tasks",
            "info",
            f"{len(on_managers)} service{'s run' if len(on_managers) > 1 else ' runs'} tasks on the managers "
            f"{names}: {_join(service_of[one].name for one in on_managers)}.",
            "A busy manager misses heartbeats. "
            + (
                "Drain the managers: docker node update --availability drain NODE"
                if workers
                else "Workers would take the tasks."
            ),
        )
    loose = {service_of[one].name: service_of[one] for one in on_managers if not _limited(service_of[one])}
    if loose:
        on = _join(name for one in loose.values() for name in on_managers[one.id])
        yield Finding(
            "manager_runs_unlimited",
            "warning",
            f"Services without CPU and memory limits run on the managers {on}: {_join(loose)}.",
            "They can starve the raft: drain the managers, or docker service update --limit-cpu N "
            "--limit-memory N SERVICE",
        )
    running = {task.service_id for task in view.tasks if task.state == "running"}
    without = placement.homeless(view.services, view.nodes)
    for service in without:
        runs = service.id in running
        never = service.mode == "global"
        yield Finding(
            "service_homeless",
            "warning" if runs or never else "critical",
            f"No node can run the service {service.name}{_why_homeless(service, view)}"
            f"{'; what runs of it now cannot be replaced' if runs else ''}.",
            "Give a node what it asks for (docker node update --label-add), make a node active, or correct "
            "the service's constraints.",
        )
    waiting: dict[str, list[str]] = {}
    for task in view.tasks:
        if task.state == "pending" and task.error and task.service_id in service_of:
            waiting.setdefault(task.service_id, []).append(task.error)
    for service_id, errors in sorted(waiting.items()):
        service = service_of[service_id]
        if service not in without:
            yield Finding(
                "service_waits",
                "warning",
                f"{len(errors)} task{'s' if len(errors) > 1 else ''} of the service {service.name} "
                f"wait{'' if len(errors) > 1 else 's'} for a node: {errors[0]}.",
                "Make room or correct what the service asks for: docker service ps " + service.name,
            )


def _limited(service: Service) -> bool:
    return service.limited_cpu and service.limited_memory


def _why_homeless(service: Service, view: View) -> str:
    """What it asks for, or that the nodes which it may use take no tasks."""
    fitting = [node.hostname for node in view.nodes if placement.allows(service, node)]
    if fitting:
        return f": {_join(fitting)} would do, but {'is' if len(fitting) == 1 else 'are'} drained, paused or not ready"
    asks = [*service.constraints, *("/".join(pair) for pair in service.platforms)]
    return f" ({', '.join(asks)})"


def _engines(view: View, host_of: Mapping[str, str]) -> Iterator[Finding]:
    """Nodes on different engines."""

    def versions(nodes: Sequence[Node]) -> dict[str, list[str]]:
        result: dict[str, list[str]] = {}
        for node in nodes:
            if node.engine_version and node.state == "ready":
                result.setdefault(node.engine_version, []).append(name_of(node, host_of))
        return result

    every = versions(view.nodes)
    if len(every) > 1:
        told = "; ".join(f"{version} on {_join(names)}" for version, names in sorted(every.items()))
        yield Finding(
            "version_skew",
            "warning" if len(versions(view.voters)) > 1 else "info",
            f"The nodes run {len(every)} engine versions: {told}.",
            "Upgrade one manager at a time, then the workers, until all run the same.",
        )
    encrypted = view.swarm.encrypted_networks
    version_of = {name_of(node, host_of): node.engine_version for node in view.nodes}
    yield from engines.findings(version_of, bool(encrypted))
    if encrypted and engines.encrypts_apart(every):
        told = "; ".join(f"{version} on {_join(names)}" for version, names in sorted(every.items()))
        yield Finding(
            "encrypted_overlay_cut",
            "critical",
            f"The encrypted network{'s' if len(encrypted) > 1 else ''} {_join(encrypted)} pass"
            f"{'' if len(encrypted) > 1 else 'es'} no traffic between engines of this swarm: {told}.",
            engines.ENCRYPTION.remedy,
        )


def _ipv6(view: View, host_of: Mapping[str, str]) -> Iterator[Finding]:
    """Nodes whose containers are out of reach: their engines send no overlay traffic over IPv6."""
    names = [name_of(node, host_of) for node in view.nodes
             if ":" in node.addr and engines.is_older(node.engine_version, engines.IPV6_OVERLAY)]
    if names and len(view.nodes) > 1:
        yield Finding(
            "ipv6_overlay",
            "warning",
            f"{_join(names)} {'has' if len(names) == 1 else 'have'} an IPv6 address in the swarm, and Docker before "
            "25.0 sends no overlay traffic over IPv6: unless a data path address of IPv4 is set, their containers do "
            "not reach those of other nodes.",
            "Upgrade these engines to 25.0 or later.",
        )


def _firewalls(facts: Mapping[str, HostFacts]) -> Iterator[Finding]:
    """Members whose engine refuses swarm mode at its next start."""
    for host, item in facts.items():
        if item.engine.firewall == "nftables" and not item.engine.swarm_nftables and item.membership.node_id:
            yield Finding(
                "firewall_nftables",
                "critical",
                f"Docker on {host} uses firewall-backend nftables without the feature swarm-nftables: the engine "
                "refuses to be in a swarm with it.",
                "Set firewall-backend to iptables in its daemon.json; or, from Docker 29.6 on, its feature "
                "swarm-nftables to true.",
                host,
            )


def _lease(view: View, now: datetime) -> Iterator[Finding]:
    """Whether somebody is changing the swarm right now, or was and did not finish."""
    held = lease.read(view.swarm.labels)
    if held is None:
        return
    seconds = int(held.expires - now.timestamp())
    if seconds > 0:
        yield Finding(
            "lease_held",
            "info",
            f"{held.owner} is changing this swarm ({held.purpose}); its lease ends in "
            f"{seconds} s unless it is extended.",
            "Wait for it to end before changing anything.",
        )
    else:
        yield Finding(
            "lease_expired",
            "warning",
            f"{held.owner} began to change this swarm ({held.purpose}) and did "
            f"not finish: its lease ended {-seconds} s ago.",
            "Run again what was interrupted.",
        )


def _certificates(judgement: Judgement, facts: Mapping[str, HostFacts], now: datetime) -> Iterator[Finding]:
    """Node certificates that were not renewed in time, or that are not valid yet."""
    life, view = CERT_LIFE, judgement.view
    if view is not None:
        expiry = (view.swarm.spec.get("CAConfig") or {}).get("NodeCertExpiry")
        life = timedelta(seconds=expiry / NANOSECONDS) if expiry else CERT_LIFE
    for host in sorted(facts):
        item = facts[host]
        begins, end = parse_time(item.state.not_before), validity.ends(item)
        invalid = validity.out(item, now)
        if invalid == validity.EARLY and begins is not None:
            yield Finding(
                "certificate_early",
                "critical",
                f"The certificate of {host} is valid from {begins:%Y-%m-%d %H:%M} UTC on, which is not yet: "
                "the swarm refuses it.",
                _way_on(judgement, item, now),
                host,
            )
        if end is None or invalid == validity.EARLY:
            continue
        left = end - now
        remedy = (
            "The node renews it from the managers: see that it reaches them (port 2377) and that its clock is "
            "right; journalctl -u docker"
        )
        if left <= timedelta(0) or invalid:
            yield Finding(
                "certificate_expired",
                "critical",
                f"The certificate of {host} expired at {end:%Y-%m-%d %H:%M} UTC: the swarm refuses it.",
                _way_on(judgement, item, now),
                host,
            )
        elif left < min(life * CERT_OVERDUE_SHARE, CERT_OVERDUE):
            ending = left < min(life * CERT_ENDING_SHARE, CERT_ENDING)
            yield Finding(
                "certificate_expiring",
                "critical" if ending else "warning",
                f"The certificate of {host} expires at {end:%Y-%m-%d %H:%M} UTC, in {span(left)}; it should "
                "have been renewed by now.",
                remedy,
                host,
            )


def _way_on(judgement: Judgement, item: HostFacts, now: datetime) -> str:
    """What to do about a certificate that is not valid. A node is made anew only where others hold the swarm."""
    if validity.by_clock_alone(item, now):
        return "Set the clock of the host right, and restart Docker there."
    if judgement.readable:
        return "Correct the clock if it is wrong; else ansible-playbook quorum.swarm.heal makes the node anew."
    follow = NEXT_PLAYBOOK.get(judgement.verdict)
    if follow:
        return f"Correct the clock if it is wrong; else ansible-playbook {follow}. Keep what is on its disk."
    return "Correct the clock if it is wrong. Keep what is on its disk until a manager reads the swarm."


def _clocks(facts: Mapping[str, HostFacts], now: datetime) -> Iterator[Finding]:
    """Hosts whose clock is not the controller's."""
    for host in sorted(facts):
        ahead = validity.skew(facts[host], now)
        if ahead:
            yield Finding(
                "clock_differs",
                "warning",
                f"The clock of {host} is {span(abs(ahead))} {'ahead of' if ahead > timedelta(0) else 'behind'} the "
                "controller's: certificates are judged by it.",
                "Set the wrong one of the two right (timedatectl, chronyc tracking).",
                host,
            )


parse_time = validity.parse_time


def span(left: timedelta) -> str:
    """A time span as people say it."""
    seconds = int(left.total_seconds())
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


def _unlock_key(status: str, judgement: Judgement, wanted: Wanted, short_life: str) -> Iterator[Finding]:
    """Whether the controller keeps the key that restarted managers will ask for."""
    place = wanted.controller_dir or "swarm_controller_dir, which is not set"
    if short_life and status in ("kept", "missing", "unchecked", "wrong") and wanted.controller_dir:
        yield Finding(
            "ephemeral_controller",
            "info" if lifetime.ALLOW in wanted.allowed else "warning",
            f"swarm_controller_dir {wanted.controller_dir} does not outlast this run: {short_life}. A key that is kept "
            "there is lost with it.",
            "Mount a folder of the host there, or name one that stays.",
        )
    if status == "missing":
        locked = judgement.verdict == "locked"
        yield Finding(
            "unlock_key_missing",
            "critical" if locked else "warning",
            f"Managers of this swarm lock themselves when they restart, and no unlock key is kept in {place}.",
            "Find the key where your team keeps it (SWMKEY-1-...)."
            if locked
            else "While a manager runs: docker swarm unlock-key, or ansible-playbook quorum.swarm.provision keeps it.",
        )
    elif status == "unchecked" and judgement.view is not None and judgement.view.swarm.autolock:
        yield Finding(
            "unlock_key_unchecked",
            "info",
            f"An unlock key of this swarm is kept in {place}; whether it is the right one was not checked.",
            "Compare it with docker swarm unlock-key on a manager.",
        )
    elif status == "wrong":
        yield Finding(
            "unlock_key_wrong",
            "critical",
            f"The unlock key kept in {place} does not open this swarm.",
            "While a manager runs: ansible-playbook quorum.swarm.provision keeps the right one.",
        )


def _backup(backup: Backup | None, wanted: Wanted) -> Iterator[Finding]:
    """Whether there is a way back when all managers are lost."""
    if backup is None:
        return
    remedy = "ansible-playbook quorum.swarm.backup"
    if not backup.folder:
        yield Finding(
            "backup_not_set_up",
            "info",
            "No folder for backups is set (swarm_controller_dir or swarm_backup_dir).",
            f"Set one, then {remedy}",
        )
    elif backup.problem:
        yield Finding(
            "backup_unreadable",
            "warning",
            f"Whether there is a backup is not known: {backup.problem}",
            "Make the folder readable for the user who runs this.",
        )
    elif not backup.file:
        yield Finding("backup_missing", "warning", f"No proven backup of this swarm is in {backup.folder}.", remedy)
    elif wanted.backup_max_age and backup.age > timedelta(seconds=wanted.backup_max_age):
        yield Finding(
            "backup_old",
            "warning",
            f"The newest proven backup of this swarm is {span(backup.age)} old ({backup.file}); it is to be younger "
            f"than {span(timedelta(seconds=wanted.backup_max_age))} (swarm_backup_max_age).",
            remedy,
        )


def _drill(backup: Backup | None, wanted: Wanted) -> Iterator[Finding]:
    """Whether the way back has been walked. Where there is no backup, there is nothing to walk with."""
    if backup is None or not backup.file:
        return
    remedy = "ansible-playbook quorum.swarm.drill"
    if backup.drill_problem:
        yield Finding("drill_unreadable", "warning", f"Whether a backup ever came back is not known: "
                      f"{backup.drill_problem}", f"Move that file away, then {remedy}")
    elif backup.recorded and backup.drilled is None:
        yield Finding("drill_never", "info", "That a backup of this swarm comes back was never seen.", remedy)
    elif (backup.drilled is not None and wanted.drill_max_age
          and backup.drilled.age > timedelta(seconds=wanted.drill_max_age)):
        yield Finding(
            "drill_old",
            "warning",
            f"That a backup of this swarm comes back was last seen {span(backup.drilled.age)} ago, on "
            f"{backup.drilled.host}; that is to be less than {span(timedelta(seconds=wanted.drill_max_age))} "
            "(swarm_drill_max_age).",
            remedy,
        )


def fails(findings: Iterable[Finding], fail_on: str) -> list[Finding]:
    """The findings because of which a check that fails on ``fail_on`` fails.

    :raises ValueError: when ``fail_on`` is none of ``FAIL_ON``.
    """
    if fail_on not in FAIL_ON:
        raise ValueError(f"swarm_health_fail_on is {fail_on!r}; it takes one of {', '.join(FAIL_ON)}")
    if fail_on == "never":
        return []
    return [item for item in findings if SEVERITIES.index(item.severity) <= SEVERITIES.index(fail_on)]


def failure(judgement: Judgement, grave: Sequence[Finding], fail_on: str) -> str:
    """Why a check fails, in one sentence; empty where nothing is grave enough."""
    if not grave:
        return ""
    kinds = ", ".join(dict.fromkeys(item.id for item in grave))
    count = f"{len(grave)} finding{'' if len(grave) == 1 else 's'}"
    return (
        f"The swarm is {judgement.verdict}, with {count} (swarm_health_fail_on={fail_on}): {kinds}. They stand above."
    )


def document(
    judgement: Judgement,
    wanted: Wanted,
    facts: Mapping[str, HostFacts],
    findings: Sequence[Finding],
    now: datetime,
    backup: Backup | None = None,
) -> dict[str, Any]:
    """Everything as one value for JSON: keys are only ever added. It holds no secrets, since facts hold none."""
    view = judgement.view
    data: dict[str, Any] = {
        "checked_at": now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "swarm_id": view.swarm.id if view else "",
        "told_by": view.told_by if view else "",
        "quorum": None,
        "backup": None,
        "drill": None,
        "nodes": [],
        "hosts": [
            {
                "host": host,
                "answered": item.answered,
                "why_not": item.why_not,
                "state": item.membership.state,
                "node_id": item.membership.node_id,
                "engine_version": item.engine.version,
                "problem": item.problem,
                "certificate_expires": item.certificate_expires,
                "pending_restart": item.pending_restart,
                "unfinished": item.unfinished,
            }
            for host, item in sorted(facts.items())
        ],
        "findings": [item.as_dict() for item in findings],
        "counts": {severity: sum(item.severity == severity for item in findings) for severity in SEVERITIES},
    }
    if backup is not None and backup.file:
        data["backup"] = {"file": f"{backup.folder}/{backup.file}", "age_seconds": int(backup.age.total_seconds())}
    if backup is not None and backup.drilled is not None:
        data["drill"] = {"host": backup.drilled.host, "age_seconds": int(backup.drilled.age.total_seconds()),
                         "seconds": backup.drilled.seconds}
    if view is not None and view.voters:
        host_of = hosts_of(view, wanted, facts)
        zone_of = zones_of(view, wanted, host_of)
        data["quorum"] = asdict(margin(view, zone_of))
        data["nodes"] = [
            {**node.as_dict(), "host": host_of.get(node.id, ""), "zone": zone_of[node.id]} for node in view.nodes
        ]
    return data
