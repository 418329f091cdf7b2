# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings by tables: a healthy swarm has none, and each thing that is wrong makes exactly the ones it should."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    engines,
    health,
    lease,
    quorum,
    reach,
    remains,
    split,
    unread,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import SEVERITIES, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted, WantedNode
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Service,
    Swarm,
    Task,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
README = Path(__file__).resolve().parents[3] / "roles" / "health" / "README.md"


class Case:
    """A swarm as its hosts tell it, healthy to begin with; a test breaks what it is about."""

    def __init__(self, managers: int = 3, workers: int = 2) -> None:
        names = [f"m{i + 1}" for i in range(managers)] + [f"w{i + 1}" for i in range(workers)]
        self.wanted = Wanted(
            tuple(
                WantedNode(
                    name, "manager" if name[0] == "m" else "worker", self.zone(name), ansible_host=self.addr(name)
                )
                for name in names
            )
        )
        self.nodes = {name: self.node(name) for name in names}
        self.hosts = {name: self.host(name) for name in names}
        self.swarm = Swarm("s1", spec={"CAConfig": {"NodeCertExpiry": 90 * 24 * 3600 * 10**9}})
        self.services: list[Service] = []
        self.tasks: list[Task] = []
        self.unlock_key = "not_needed"
        self.settled = False
        self.backup: health.Backup | None = None

    @staticmethod
    def zone(name: str) -> str:
        return "abc"[(int(name[1:]) - 1) % 3]

    @staticmethod
    def addr(name: str) -> str:
        return f"192.0.2.{(10 if name[0] == 'm' else 30) + int(name[1:])}"

    def node(self, name: str) -> Node:
        manager = name[0] == "m"
        return Node(
            f"id-{name}",
            name,
            "manager" if manager else "worker",
            "drain" if manager else "active",
            addr=self.addr(name),
            labels={"zone": self.zone(name), LABEL_HOST: name},
            voter=manager,
            leader=name == "m1",
            reachability="reachable" if manager else "",
            manager_addr=self.addr(name) + ":2377" if manager else "",
            engine_version="28.5.2",
        )

    def host(self, name: str) -> HostFacts:
        return HostFacts(
            name,
            name,
            engine=Engine(installed=True, answers=True, version="28.5.2", id="engine-" + name),
            membership=Membership("active", f"id-{name}", self.addr(name), name[0] == "m"),
            addresses=(Address(self.addr(name), 24, "eth0"),),
            problem="" if name[0] == "m" else "not_manager",
            certificate_expires=(NOW + timedelta(days=60)).isoformat(),
        )

    def alter(self, name: str, **changes: Any) -> None:
        """Change the node as the swarm lists it."""
        self.nodes[name] = replace(self.nodes[name], **changes)

    def say(self, name: str, **changes: Any) -> None:
        """Change what the host says of itself."""
        self.hosts[name] = replace(self.hosts[name], **changes)

    def silence(self, name: str, why: str = "ssh: connection timed out") -> None:
        self.hosts[name] = HostFacts.silent(name, why)

    def lose(self, name: str) -> None:
        """The host is off, and the leader has noticed."""
        self.silence(name)
        self.alter(name, state="down", **({"reachability": "unreachable"} if name[0] == "m" else {}))

    def blind(self) -> None:
        """No manager reads the swarm."""
        for node in self.wanted.managers:
            if self.hosts[node.host].answered:
                self.say(node.host, problem="no_leader", detail="The swarm does not have a leader.")

    def facts(self) -> dict[str, HostFacts]:
        told = {
            "swarm": self.swarm,
            "nodes": tuple(self.nodes.values()),
            "services": tuple(self.services),
            "tasks": tuple(self.tasks),
        }
        return {
            name: replace(item, **told) if item.answered and not item.problem else item  # type: ignore[arg-type]
            for name, item in self.hosts.items()
        }

    def judge(self) -> verdict.Judgement:
        facts = self.facts()
        return verdict.judge([facts[node.host] for node in self.wanted.managers], self.wanted.swarm_id, NOW)

    def examine(self) -> list[Finding]:
        return health.examine(
            self.judge(), self.wanted, self.facts(), NOW, self.unlock_key, self.settled, self.backup
        )


def ids(case: Case) -> set[tuple[str, str]]:
    return {(item.id, item.severity) for item in case.examine()}


def one(case: Case, identifier: str) -> Finding:
    found = [item for item in case.examine() if item.id == identifier]
    assert len(found) == 1, case.examine()
    return found[0]


@pytest.mark.parametrize(("managers", "workers"), [(3, 0), (3, 2), (5, 2), (7, 20)])
def test_a_healthy_swarm_has_no_findings(managers: int, workers: int) -> None:
    case = Case(managers, workers)
    assert case.judge().verdict == "healthy"
    assert case.examine() == []


# --- the quorum -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("managers", "lost", "numbers"),
    [
        (3, [], health.Margin(3, 3, 2, 1, "a", 2)),
        (5, [], health.Margin(5, 5, 3, 2, "a", 3)),
        (5, ["m3"], health.Margin(5, 4, 3, 1, "a", 2)),
        (5, ["m1", "m4"], health.Margin(5, 3, 3, 0, "b", 1)),
        (7, [], health.Margin(7, 7, 4, 3, "a", 4)),
        (1, [], health.Margin(1, 1, 1, 0, "a", 0)),
    ],
)
def test_margin(managers: int, lost: list[str], numbers: health.Margin) -> None:
    case = Case(managers)
    for name in lost:
        case.alter(name, reachability="unreachable", leader=False)
    view = case.judge().view
    assert view is not None
    assert health.margin(view, {node.id: node.zone for node in view.nodes}) == numbers


def test_one_of_five_lost_is_a_warning_and_says_what_a_zone_would_cost() -> None:
    case = Case(5)
    case.lose("m3")
    assert ids(case) == {("manager_unreachable", "warning"), ("host_silent", "warning"), ("zone_would_stop", "warning")}
    assert "leaves 2 of 5" in one(case, "zone_would_stop").fact


def test_the_last_loss_that_is_tolerated_is_critical() -> None:
    case = Case(3)
    case.lose("m3")
    assert ("quorum_at_risk", "critical") in ids(case)
    assert "2 of 3 voters are reachable and a majority is 2" in one(case, "quorum_at_risk").fact
    assert one(case, "quorum_at_risk").remedy.startswith("Bring back m3")


@pytest.mark.parametrize(
    ("managers", "expected"),
    [
        (1, {("single_manager", "warning")}),
        (2, {("two_managers", "warning")}),
        (4, {("even_managers", "warning"), ("deadly_zone", "warning")}),
        (6, {("even_managers", "warning")}),
        (8, {("even_managers", "warning"), ("many_managers", "warning")}),
        (9, {("many_managers", "warning")}),
    ],
)
def test_numbers_of_managers(managers: int, expected: set[tuple[str, str]]) -> None:
    assert ids(Case(managers)) == expected


def test_what_the_inventory_allows_is_only_worth_knowing() -> None:
    case = Case(1)
    case.wanted = replace(case.wanted, allowed=frozenset(["swarm_allow_single_manager"]))
    assert ids(case) == {("single_manager", "info")}


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ("abc", set()),
        ("aab", {("too_few_zones", "warning"), ("deadly_zone", "warning")}),
        ("aaabc", {("deadly_zone", "warning")}),
        ("aaabbbc", {("zone_imbalance", "info")}),
        ("aabbc", set()),
    ],
)
def test_zones(zones: str, expected: set[tuple[str, str]]) -> None:
    case = Case(len(zones), 0)
    for index, zone in enumerate(zones):
        case.alter(f"m{index + 1}", labels={"zone": zone})
    assert ids(case) == expected


def test_the_zone_comes_from_the_inventory_where_the_node_carries_none() -> None:
    case = Case()
    for name in ("m1", "m2", "m3"):
        case.alter(name, labels={})
    assert ids(case) == set()
    case.wanted = replace(case.wanted, nodes=tuple(replace(node, zone="") for node in case.wanted.nodes))
    assert "m1, m2 and m3" in one(case, "manager_without_zone").fact


def test_half_changed_roles() -> None:
    case = Case(5)
    case.alter("m5", voter=False, reachability="", manager_addr="")
    assert ("promotion_pending", "warning") in ids(case)
    case = Case(5)
    case.alter("m5", role="worker")
    assert ids(case) == {("demotion_pending", "warning"), ("role_drift", "warning")}


# --- stale answers ----------------------------------------------------------------------------------------------------


def test_an_old_leader_is_doubted_when_the_others_are_mute() -> None:
    case = Case(3)
    case.silence("m2")
    case.silence("m3")
    assert ("quorum_in_doubt", "critical") in ids(case)
    assert health.doubted(case.judge(), case.wanted, case.facts()) == ["m1"]
    case.settled = True
    assert ("quorum_in_doubt", "critical") not in ids(case)
    assert {item.host for item in case.examine() if item.id == "manager_mute"} == {"m2", "m3"}


def test_a_minority_of_mute_managers_is_not_doubted() -> None:
    case = Case(3)
    case.silence("m3")
    assert health.doubted(case.judge(), case.wanted, case.facts()) == []
    assert ("manager_mute", "warning") in ids(case)


def test_an_engine_that_does_not_answer_counts_as_mute_and_a_host_not_asked_does_not() -> None:
    case = Case(3)
    for name in ("m2", "m3"):
        case.say(name, problem="timeout", detail="no answer within 20 s", membership=Membership())
    assert health.doubted(case.judge(), case.wanted, case.facts()) == ["m1"]
    for name in ("m2", "m3"):
        case.silence(name, health.NOT_ASKED)
    assert health.doubted(case.judge(), case.wanted, case.facts()) == []


def test_nobody_is_doubted_without_a_view() -> None:
    case = Case(3)
    case.blind()
    assert health.doubted(case.judge(), case.wanted, case.facts()) == []
    assert health.ask_last(case.judge(), case.wanted, case.facts()) == []


def test_workers_that_are_down_are_asked_last() -> None:
    case = Case()
    case.alter("w2", state="down")
    case.alter("m3", state="down")
    assert health.ask_last(case.judge(), case.wanted, case.facts()) == ["w2"]


# --- verdicts without a view ------------------------------------------------------------------------------------------


def test_without_a_quorum_the_playbook_is_named() -> None:
    case = Case(3)
    case.lose("m2")
    case.lose("m3")
    case.blind()
    assert one(case, "no_quorum").severity == "critical"
    assert "quorum.swarm.recover" in one(case, "no_quorum").remedy


def test_locked() -> None:
    case = Case(3)
    for name in ("m1", "m2", "m3"):
        case.say(name, problem="locked", membership=Membership("locked"))
    case.unlock_key = "missing"
    assert ids(case) == {("locked", "critical"), ("unlock_key_missing", "critical")}


def test_one_locked_manager_keeps_its_node() -> None:
    case = Case(3)
    case.say("m3", problem="locked", membership=Membership("locked"))
    case.alter("m3", reachability="unreachable")
    assert {item.id for item in case.examine()} == {"manager_locked", "manager_unreachable", "quorum_at_risk"}


def test_absent_names_provision_and_nothing_else() -> None:
    case = Case(3)
    for name in case.hosts:
        case.say(name, problem="not_member", membership=Membership("inactive"), certificate_expires="",
                 state=LocalState("/var/lib/docker"))
    assert ids(case) == {("absent", "critical")}
    assert one(case, "absent").remedy == "ansible-playbook quorum.swarm.provision makes one."


def test_absent_beside_workers_that_live_names_restore_and_the_archive() -> None:
    case = Case(3)
    for name in case.hosts:
        case.say(name, problem="not_member", membership=Membership("inactive"), certificate_expires="",
                 state=LocalState("/var/lib/docker"))
    case.say("w1", membership=Membership("active", "id-w1", remote_managers=(("id-m1", "192.0.2.11:2377"),)),
             state=LocalState("/var/lib/docker", "swarm1", "id-w1", "worker"))
    assert "swarm_restore_archive=FILE" in one(case, "swarm_without_managers").remedy
    case.backup = replace(FRESH, swarm_id="swarm1")
    assert f"restore -e swarm_restore_archive=/b/{FRESH.file}" in one(case, "absent").remedy
    assert not [item for item in case.examine() if "leave" in item.remedy or "provision makes" in item.remedy]


def test_a_leftover_on_a_host_that_is_to_join_is_named_before_provision_is() -> None:
    case = Case()
    del case.nodes["w1"]
    case.say("w1", membership=Membership("inactive"), problem="not_member",
             state=LocalState("/var/lib/docker", "swarm7", "id-x", "worker"))
    assert "swarm_discard_state" in one(case, "state_found").remedy
    assert "host_not_member" not in {item.id for item in case.examine()}


def test_everything_silent_is_unknown_and_not_absent() -> None:
    case = Case(3)
    for name in case.hosts:
        case.silence(name)
    assert one(case, "unknown").severity == "critical"


def test_two_swarms_are_foreign() -> None:
    case = Case(3)
    facts = case.facts()
    facts["m3"] = replace(facts["m3"], swarm=Swarm("s2"))
    judgement = verdict.judge([facts[name] for name in ("m1", "m2", "m3")])
    assert health.examine(judgement, case.wanted, facts, NOW)[0].id == "foreign"


# --- hosts and nodes --------------------------------------------------------------------------------------------------


def test_a_worker_that_is_down() -> None:
    case = Case()
    case.lose("w1")
    assert ids(case) == {("node_down", "warning"), ("host_silent", "warning")}
    assert one(case, "node_down").remedy.startswith("ansible-playbook quorum.swarm.heal; where the host is gone for")


def test_a_worker_that_the_new_leader_has_not_heard_of_yet() -> None:
    case = Case()
    case.alter("w1", state="unknown")
    assert ids(case) == {("node_unknown", "info")}


def test_a_former_life_of_a_host_is_a_ghost_and_no_node_that_is_down() -> None:
    case = Case()
    case.nodes["old"] = replace(case.node("w1"), id="old", state="down")
    assert ids(case) == {("ghost", "warning")}
    assert "docker node rm old" in one(case, "ghost").remedy
    assert "former life of w1" in one(case, "ghost").fact


def test_a_ghost_that_votes_is_demoted_first() -> None:
    case = Case(4)
    case.wanted = replace(case.wanted, nodes=tuple(node for node in case.wanted.nodes if node.host != "m4"))
    del case.hosts["m4"]
    case.alter("m4", hostname="m3", labels={}, state="down", reachability="unreachable", manager_addr="192.0.2.13:2377")
    found = one(case, "ghost")
    assert "still counts as a voter" in found.fact
    assert "docker node demote id-m4 and docker node rm id-m4" in found.remedy


@pytest.mark.parametrize("labels", [{}, {LABEL_HOST: "m3"}])
def test_a_manager_that_is_down_is_no_ghost_of_the_worker_whose_hostname_the_engine_noted_on_it(
    labels: dict[str, str],
) -> None:
    case = Case()
    case.lose("m3")
    case.alter("m3", hostname="w1", labels=labels)
    assert "ghost" not in {name for name, _ in ids(case)}


def test_an_entry_whose_host_left_is_a_ghost_and_the_host_no_member() -> None:
    case = Case()
    case.alter("w1", state="down")
    case.say("w1", membership=Membership("inactive"), problem="not_member")
    assert ids(case) == {("host_not_member", "warning"), ("ghost", "warning")}


def test_a_host_that_rejoined_under_another_id_without_our_labels() -> None:
    case = Case()
    case.alter("w1", state="down", labels={})
    case.nodes["new"] = replace(case.node("w1"), id="new", labels={})
    case.say("w1", membership=Membership("active", "new"))
    assert ids(case) == {("ghost", "warning")}


def test_a_silent_host_is_known_by_the_name_noted_on_its_node_before_any_hostname() -> None:
    case = Case()
    case.alter("w1", hostname="renamed")
    case.alter("w2", hostname="w1", labels={})
    case.silence("w1")
    case.silence("w2")
    view = case.judge().view
    assert view is not None
    host_of = health.hosts_of(view, case.wanted, case.facts())
    assert host_of["id-w1"] == "w1"
    assert "id-w2" not in host_of


def test_a_former_life_of_a_silent_host_is_known_by_the_name_noted_on_it() -> None:
    case = Case()
    case.nodes["old"] = replace(case.node("w1"), id="old", hostname="renamed", state="down")
    case.silence("w1")
    assert ids(case) == {("ghost", "warning"), ("host_silent", "warning")}


def test_hosts_that_are_not_in_the_swarm() -> None:
    case = Case()
    for name in ("w1", "w2", "m3"):
        del case.nodes[name]
    case.say("w1", membership=Membership("inactive"), problem="not_member")
    case.say("w2", membership=Membership("pending"), problem="error", certificate_expires="")
    case.silence("m3")
    assert {(item.id, item.host) for item in case.examine() if item.host} == {
        ("host_not_member", "w1"),
        ("half_joined", "w2"),
        ("host_not_member", "m3"),
        ("host_silent", "m3"),
    }


def test_a_worker_of_another_swarm() -> None:
    case = Case()
    del case.nodes["w1"]
    assert ids(case) == {("foreign_host", "critical")}


def test_a_finding_of_the_verdict_is_told_once() -> None:
    case = Case()
    del case.nodes["m3"]
    case.say("m3", membership=Membership("error"), problem="error", certificate_expires="")
    assert one(case, "half_joined").host == "m3"


@pytest.mark.parametrize("name", ["m3", "w1"])
def test_a_node_whose_engine_does_not_start_is_no_join_that_stopped(name: str) -> None:
    case = Case()
    del case.nodes[name]
    case.say(name, membership=Membership("error"), problem="error")
    found = one(case, "member_in_trouble")
    assert (found.host, found.remedy) == (name, "ansible-playbook quorum.swarm.heal")
    assert not {"half_joined", "host_not_member"} & {item.id for item in case.examine()}


def without_certificates(not_before: str = "", not_after: str = "", clock: str = "") -> Case:
    """All engines in state error, with everything on their disks, as Docker 26.1 reads then."""
    case = Case()
    for name in ("m1", "m2", "m3"):
        case.nodes.clear()
        case.say(name, membership=Membership("error", error="certificate has expired"), problem="error",
                 certificate_expires="",
                 state=LocalState("/var/lib/docker", "swarm1", f"id-{name}", "manager", True,
                                  not_before=not_before, not_after=not_after, clock=clock))
    return case


def test_ended_certificates_are_a_verdict_of_their_own_and_nobody_is_taken_out() -> None:
    case = without_certificates(not_after=(NOW - timedelta(days=1)).isoformat())
    assert one(case, "certificates_ended").remedy.startswith("ansible-playbook quorum.swarm.recover brings it back")
    remedies = {item.remedy for item in case.examine() if item.id == "certificate_expired"}
    assert len(remedies) == 1
    assert remedies.pop().endswith("else ansible-playbook quorum.swarm.recover. Keep what is on its disk.")


def test_a_wrong_clock_is_named_where_it_makes_certificates_invalid() -> None:
    case = without_certificates(not_before=(NOW - timedelta(days=1)).isoformat(),
                                not_after=(NOW + timedelta(days=80)).isoformat(),
                                clock=(NOW - timedelta(days=300)).isoformat())
    found = {item.id: item for item in case.examine() if item.host in ("", "m1")}
    assert found["certificates_ended"].remedy.startswith("Set the clock of m1, m2, m3 right")
    assert found["certificate_early"].remedy == "Set the clock of the host right, and restart Docker there."
    assert "300 days behind the controller's" in found["clock_differs"].fact


def test_strangers() -> None:
    case = Case(5, 3)
    case.wanted = replace(
        case.wanted, nodes=tuple(node for node in case.wanted.nodes if node.host not in ("m4", "m5", "w3"))
    )
    for name in ("m4", "m5", "w3"):
        del case.hosts[name]
        case.alter(name, labels={"zone": case.zone(name)})
    assert ids(case) == {("unlisted_managers", "warning"), ("unlisted_workers", "info")}
    assert "m4 and m5" in one(case, "unlisted_managers").fact
    case.wanted = replace(case.wanted, absent=("m4", "m5", "w3"))
    assert ids(case) == {("absent_host_is_member", "info")}


def test_role_drift() -> None:
    case = Case(5, 2)
    case.alter("w1", role="manager", voter=True, reachability="reachable", manager_addr="192.0.2.31:2377")
    assert one(case, "role_drift").host == "w1"


def test_a_spare_is_a_manager_as_long_as_one_is_missing() -> None:
    case = Case(3, 2)
    case.wanted = replace(case.wanted, nodes=tuple(
        replace(node, spare=node.host == "w1") for node in case.wanted.nodes))  # fmt: skip
    case.alter("w1", role="manager", voter=True, reachability="reachable", manager_addr="192.0.2.31:2377")
    assert "is a manager (swarm_spare_manager), and all managers of the inventory are there" in one(
        case, "role_drift").fact  # fmt: skip
    case.alter("m3", reachability="unreachable", state="down")
    assert "role_drift" not in {item for item, _severity in ids(case)}
    assert "as long as m3 is missing" in one(case, "spare_stands_in").fact


@pytest.mark.parametrize(
    ("changes", "identifier", "severity"),
    [
        ({"engine": Engine()}, "engine_absent", "warning"),
        ({"engine": Engine(installed=True, error="docker.service is inactive (dead).")}, "engine_silent", "warning"),
        ({"engine": Engine(installed=True), "problem": "no_sdk"}, "sdk_missing", "warning"),
        ({"pending_restart": "daemon.json changed"}, "pending_restart", "warning"),
        ({"unfinished": "a restore of swarm s1"}, "unfinished_restore", "critical"),
        ({"auto_upgrades": True}, "auto_upgrades", "info"),
        ({"engine": Engine(installed=True, answers=True, id="engine-m1")}, "engine_id_shared", "warning"),
    ],
)
def test_what_a_worker_says_of_itself(changes: dict[str, Any], identifier: str, severity: str) -> None:
    case = Case()
    case.say("w1", **changes)
    assert ids(case) == {(identifier, severity)}
    assert "w1" in one(case, identifier).fact


def test_unattended_upgrades_on_managers_are_worse() -> None:
    case = Case()
    case.say("m1", auto_upgrades=True)
    case.say("m2", auto_upgrades=True)
    assert ids(case) == {("auto_upgrades", "warning")}
    assert "m1 and m2: on several managers at the same hour" in one(case, "auto_upgrades").fact


def test_hosts_that_were_not_asked_are_told_once() -> None:
    case = Case(3, 5)
    for name in ("w3", "w4"):
        case.silence(name, health.NOT_ASKED)
    del case.hosts["w5"]
    assert ids(case) == {("host_not_asked", "info")}
    assert one(case, "host_not_asked").fact.startswith("3 hosts were not asked")


def test_a_manager_that_was_not_asked_is_not_called_silent() -> None:
    case = Case()
    case.silence("m3", health.NOT_ASKED)
    assert ids(case) == {("host_not_asked", "info")}


def test_two_live_nodes_with_one_hostname() -> None:
    case = Case()
    case.alter("w2", hostname="w1")
    assert ids(case) == set()  # its host says otherwise, and the engine errs
    case.say("w2", hostname="w1")
    assert ids(case) == {("hostname_shared", "info")}


# --- addresses --------------------------------------------------------------------------------------------------------


def test_addresses_of_managers() -> None:
    case = Case()
    case.say("m1", addresses=(Address("192.0.2.11", 24, "eth0", dynamic=True),))
    assert ids(case) == {("dynamic_address", "warning")}
    case.wanted = replace(case.wanted, allowed=frozenset(["swarm_allow_dynamic_address"]))
    assert ids(case) == {("dynamic_address", "info")}


def test_an_address_that_the_host_has_lost() -> None:
    case = Case()
    case.say("m1", addresses=(Address("192.0.2.99", 24, "eth0"),))
    assert ids(case) == {("address_not_on_host", "warning")}


def test_an_address_that_the_inventory_does_not_want() -> None:
    case = Case()
    case.say("m1", addresses=(Address("192.0.2.11", 24, "eth0"), Address("198.51.100.1", 24, "eth1")))
    nodes = [replace(node, advertise_addr="198.51.100.1") if node.host == "m1" else node for node in case.wanted.nodes]
    case.wanted = replace(case.wanted, nodes=tuple(nodes))
    assert ids(case) == {("unexpected_address", "warning")}
    assert "by 192.0.2.11, and the inventory wants 198.51.100.1" in one(case, "unexpected_address").fact


def test_a_leased_address_of_a_worker_is_fine() -> None:
    case = Case()
    case.say("w1", addresses=(Address("192.0.2.31", 24, "eth0", dynamic=True),))
    assert ids(case) == set()


@pytest.mark.parametrize(
    ("text", "address"), [("192.0.2.1:2377", "192.0.2.1"), ("[2001:db8::1]:2377", "2001:db8::1"), ("", "")]
)
def test_address_of(text: str, address: str) -> None:
    assert health.address_of(text) == address


# --- work -------------------------------------------------------------------------------------------------------------

WEB = Service("web", "web", replicas=2, limited_cpu=True, limited_memory=True)


def test_tasks_on_managers() -> None:
    case = Case()
    case.services = [WEB]
    case.tasks = [Task("t1", "web", "id-m1", state="running"), Task("t2", "web", "id-w1", state="running")]
    assert ids(case) == {("manager_runs_tasks", "info")}
    assert "docker node update --availability drain" in one(case, "manager_runs_tasks").remedy


@pytest.mark.parametrize("lacking", ["limited_cpu", "limited_memory"])
def test_tasks_without_limits_on_managers_are_worse(lacking: str) -> None:
    case = Case(3, 0)
    limits: dict[str, Any] = {lacking: False}
    case.services = [replace(WEB, **limits), replace(WEB, id="api", name="api")]
    for name in case.nodes:
        case.alter(name, availability="active")
    case.tasks = [Task("t1", "web", "id-m1", state="running"), Task("t2", "api", "id-m2", state="running")]
    assert ids(case) == {("manager_runs_tasks", "info"), ("manager_runs_unlimited", "warning")}
    assert "Workers would take the tasks" in one(case, "manager_runs_tasks").remedy
    fact = one(case, "manager_runs_unlimited").fact
    assert "m1: web" in fact
    assert "api" not in fact


def test_managers_that_were_told_no_address() -> None:
    case = Case()
    for name, told in (("m1", ""), ("m2", None), ("m3", "")):
        case.say(name, membership=replace(case.hosts[name].membership, advertises=told))
    case.say("w1", membership=replace(case.hosts["w1"].membership, advertises=""))
    assert ids(case) == {("address_not_pinned", "info")}
    found = one(case, "address_not_pinned")
    assert found.fact == "m1 and m3 joined without an advertise address: the engine looks for one at each start."
    assert "swarm_pin_addresses=true" in found.remedy


def test_tasks_that_have_ended_do_not_count() -> None:
    case = Case()
    case.services = [WEB]
    case.tasks = [Task("t1", "web", "id-m1", state="shutdown")]
    assert ids(case) == set()


@pytest.mark.parametrize(
    ("service", "tasks", "severity"),
    [
        (replace(WEB, constraints=("node.labels.ssd == yes",)), [], "critical"),
        (
            replace(WEB, constraints=("node.labels.ssd == yes",)),
            [Task("t", "web", "id-w1", state="running")],
            "warning",
        ),
        (replace(WEB, constraints=("node.labels.ssd == yes",), mode="global"), [], "warning"),
        (replace(WEB, constraints=("node.role == manager",)), [], "critical"),
    ],
)
def test_a_service_that_no_node_can_run(service: Service, tasks: list[Task], severity: str) -> None:
    case = Case()
    case.services, case.tasks = [service], tasks
    assert ids(case) == {("service_homeless", severity)}


def test_a_homeless_service_says_why() -> None:
    case = Case()
    case.services = [replace(WEB, constraints=("node.labels.zone == x",))]
    assert "(node.labels.zone == x)" in one(case, "service_homeless").fact
    case.services = [replace(WEB, constraints=("node.hostname == m2",))]
    assert "m2 would do, but is drained, paused or not ready" in one(case, "service_homeless").fact


def test_tasks_that_wait_are_told_in_the_words_of_the_scheduler() -> None:
    case = Case()
    case.services = [WEB]
    why = "no suitable node (insufficient resources on 2 nodes)"
    case.tasks = [Task(f"t{i}", "web", state="pending", error=why) for i in range(2)]
    case.tasks += [Task("new", "web", state="pending"), Task("ill", "web", "id-w1", state="running", error="once")]
    assert ids(case) == {("service_waits", "warning")}
    assert one(case, "service_waits").fact == f"2 tasks of the service web wait for a node: {why}."


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "life", "expected"),
    [
        (timedelta(days=18, hours=1), 90, set()),
        (timedelta(days=17), 90, {("certificate_expiring", "warning")}),
        (timedelta(hours=23), 90, {("certificate_expiring", "critical")}),
        (timedelta(seconds=-1), 90, {("certificate_expired", "critical")}),
        (timedelta(days=20), 365, set()),  # a life raised lately: what is left of 90 days is no reproach
        (timedelta(hours=10), 1, set()),  # a life of a day
        (timedelta(hours=4), 1, {("certificate_expiring", "warning")}),
        (timedelta(hours=1), 1, {("certificate_expiring", "critical")}),
    ],
)
def test_certificates(left: timedelta, life: int, expected: set[tuple[str, str]]) -> None:
    case = Case()
    case.swarm = replace(case.swarm, spec={"CAConfig": {"NodeCertExpiry": life * 24 * 3600 * 10**9}})
    for name in case.hosts:
        case.say(name, certificate_expires=(NOW + timedelta(days=60)).isoformat())
    case.say("w1", certificate_expires=(NOW + left).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert ids(case) == expected


@pytest.mark.parametrize("text", ["", "never", "2026-13-01"])
def test_a_time_that_cannot_be_read_is_no_finding(text: str) -> None:
    case = Case()
    case.say("w1", certificate_expires=text)
    assert ids(case) == set()


def test_a_key_that_would_go_with_the_job() -> None:
    case = Case()
    case.wanted = replace(case.wanted, controller_dir="/runner/keys")

    def told(key: str) -> set[tuple[str, str]]:
        found = health.examine(case.judge(), case.wanted, case.facts(), NOW, key, short_life="it lies in memory")
        return {(item.id, item.severity) for item in found if item.id == "ephemeral_controller"}

    assert told("kept") == {("ephemeral_controller", "warning")}
    assert told("not_needed") == set()
    case.wanted = replace(case.wanted, allowed=frozenset({"swarm_allow_ephemeral_controller"}))
    assert told("kept") == {("ephemeral_controller", "info")}


def test_known_defects_and_encrypted_networks() -> None:
    case = Case()
    for name in case.nodes:
        case.alter(name, engine_version="29.2.0")
    assert ids(case) == {("engine_defect", "warning")}
    case.swarm = replace(case.swarm, encrypted_networks=("secure",))
    case.alter("w1", engine_version="29.2.1")
    assert one(case, "encrypted_overlay_cut").fact == (
        "The encrypted network secure passes no traffic between engines of this swarm: 29.2.0 on m1, m2, m3 and w2; "
        "29.2.1 on w1.")


def test_a_member_with_nftables() -> None:
    case = Case()
    case.say("w1", engine=Engine(True, True, "29.6.0", firewall="nftables"))
    assert ids(case) == {("firewall_nftables", "critical")}
    case.say("w1", engine=Engine(True, True, "29.6.0", firewall="nftables", swarm_nftables=True))
    assert ids(case) == set()


def test_containers_out_of_reach_over_ipv6() -> None:
    case = Case()
    case.alter("w1", engine_version="20.10.24", addr="fd00::31")
    assert one(case, "ipv6_overlay").fact.startswith("w1 has an IPv6 address in the swarm")


def test_version_skew() -> None:
    case = Case()
    case.alter("w1", engine_version="20.10.24")
    assert ids(case) == {("version_skew", "info")}
    case.alter("m3", engine_version="26.1.5")
    assert one(case, "version_skew").severity == "warning"
    assert "26.1.5 on m3; 28.5.2 on m1, m2 and w2" in one(case, "version_skew").fact


@pytest.mark.parametrize(("seconds", "expected"), [(120, ("lease_held", "info")), (-60, ("lease_expired", "warning"))])
def test_lease(seconds: int, expected: tuple[str, str]) -> None:
    case = Case()
    labels, _replaced = lease.take({}, "ann@ops", "provision", NOW.timestamp(), seconds)
    case.swarm = replace(case.swarm, spec={"Labels": labels})
    assert ids(case) == {expected}
    assert "ann@ops" in one(case, expected[0]).fact


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("not_needed", set()),
        ("kept", set()),
        ("missing", {("unlock_key_missing", "warning")}),
        ("wrong", {("unlock_key_wrong", "critical")}),
        ("unchecked", {("unlock_key_unchecked", "info")}),
    ],
)
def test_unlock_key(status: str, expected: set[tuple[str, str]]) -> None:
    case = Case()
    case.swarm = replace(case.swarm, spec={"EncryptionConfig": {"AutoLockManagers": True}})
    case.unlock_key = status
    assert ids(case) == expected


def test_the_place_of_the_unlock_key_is_named() -> None:
    case = Case()
    case.swarm = replace(case.swarm, spec={"EncryptionConfig": {"AutoLockManagers": True}})
    case.unlock_key = "missing"
    assert "kept in swarm_controller_dir, which is not set" in one(case, "unlock_key_missing").fact
    case.wanted = replace(case.wanted, controller_dir="/srv/swarm")
    assert "kept in /srv/swarm." in one(case, "unlock_key_missing").fact


def test_a_status_that_does_not_exist_is_refused() -> None:
    case = Case()
    case.unlock_key = "lost"
    with pytest.raises(ValueError, match="lost"):
        case.examine()


def test_a_rotation_of_the_ca_is_told() -> None:
    case = Case()
    case.swarm = replace(case.swarm, ca_rotating=True)
    assert ids(case) == {("ca_rotating", "info")}


@pytest.mark.parametrize(
    ("fail_on", "failing"), [("critical", ["critical"]), ("warning", ["critical", "warning"]), ("never", [])]
)
def test_failing_by_severity(fail_on: str, failing: list[str]) -> None:
    findings = [Finding("x", severity, "") for severity in SEVERITIES]
    grave = health.fails(findings, fail_on)
    assert [item.severity for item in grave] == failing
    sentence = health.failure(Case().judge(), grave, fail_on)
    assert bool(sentence) is bool(failing)
    with pytest.raises(ValueError, match="often"):
        health.fails(findings, "often")


def test_the_document_is_json_and_whole() -> None:
    case = Case()
    case.lose("w1")
    judgement, facts = case.judge(), case.facts()
    findings = case.examine()
    document = json.loads(json.dumps(health.document(judgement, case.wanted, facts, findings, NOW)))
    assert document["checked_at"] == "2026-11-22T03:00:00Z"
    assert document["quorum"] == {
        "voters": 3,
        "reachable": 3,
        "majority": 2,
        "tolerates": 1,
        "worst_zone": "a",
        "left": 2,
    }
    assert document["counts"] == {"critical": 0, "warning": 2, "info": 0}
    assert [node["host"] for node in document["nodes"]] == ["m1", "m2", "m3", "w1", "w2"]
    assert {host["host"]: host["answered"] for host in document["hosts"]}["w1"] is False


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7199, "119 minutes"), (7200, "2 hours"),
     (172799, "47 hours"), (172800, "2 days"), (90 * 86400, "90 days")],
)  # fmt: skip
def test_span(seconds: int, words: str) -> None:
    assert health.span(timedelta(seconds=seconds)) == words


DAY = 86400
FRESH = health.Backup("/b", "s1_m2_20261122T000000Z.tar.gz", "m2", timedelta(hours=3))


@pytest.mark.parametrize(
    ("backup", "max_age", "expected"),
    [
        (None, 7 * DAY, set()),
        (FRESH, 7 * DAY, set()),
        (health.Backup(""), 7 * DAY, {("backup_not_set_up", "info")}),
        (health.Backup("/b"), 7 * DAY, {("backup_missing", "warning")}),
        (health.Backup("/b", problem="no way."), 7 * DAY, {("backup_unreadable", "warning")}),
        (replace(FRESH, age=timedelta(days=7)), 7 * DAY, set()),
        (replace(FRESH, age=timedelta(days=7, seconds=1)), 7 * DAY, {("backup_old", "warning")}),
        (replace(FRESH, age=timedelta(days=700)), 0, set()),
        (replace(FRESH, age=timedelta(days=-1)), 7 * DAY, set()),
    ],
)
def test_backups(backup: health.Backup | None, max_age: int, expected: set[tuple[str, str]]) -> None:
    case = Case()
    case.wanted = replace(case.wanted, backup_max_age=max_age)
    case.backup = backup
    assert ids(case) == expected


DRILLED = health.Drilled(timedelta(days=3), "w1", 8.4)


@pytest.mark.parametrize(
    ("backup", "max_age", "expected"),
    [
        (FRESH, 30 * DAY, set()),
        (replace(FRESH, recorded=True), 30 * DAY, {("drill_never", "info")}),
        (replace(FRESH, recorded=True, file=""), 30 * DAY, {("backup_missing", "warning")}),
        (replace(FRESH, recorded=True, drilled=DRILLED), 30 * DAY, set()),
        (replace(FRESH, recorded=True, drilled=DRILLED), 3 * DAY, set()),
        (replace(FRESH, recorded=True, drilled=DRILLED), 3 * DAY - 1, {("drill_old", "warning")}),
        (replace(FRESH, recorded=True, drilled=DRILLED), 0, set()),
        (replace(FRESH, drill_problem="no way."), 30 * DAY, {("drill_unreadable", "warning")}),
    ],
)
def test_drills(backup: health.Backup, max_age: int, expected: set[tuple[str, str]]) -> None:
    case = Case()
    case.wanted = replace(case.wanted, drill_max_age=max_age)
    case.backup = backup
    assert ids(case) == expected


def test_an_old_drill_in_words() -> None:
    case = Case()
    case.backup = replace(FRESH, recorded=True, drilled=replace(DRILLED, age=timedelta(days=40)))
    found = one(case, "drill_old")
    assert found.fact == (
        "That a backup of this swarm comes back was last seen 40 days ago, on w1; that is to be less than 30 days "
        "(swarm_drill_max_age)."
    )
    assert found.remedy == "ansible-playbook quorum.swarm.drill"
    document = health.document(case.judge(), case.wanted, case.facts(), [], NOW, case.backup)
    assert document["drill"] == {"host": "w1", "age_seconds": 40 * DAY, "seconds": 8.4}
    assert health.document(case.judge(), case.wanted, case.facts(), [], NOW, FRESH)["drill"] is None


def test_an_old_backup_in_words() -> None:
    case = Case()
    case.backup = replace(FRESH, age=timedelta(days=9))
    found = one(case, "backup_old")
    assert found.fact == (
        "The newest proven backup of this swarm is 9 days old (s1_m2_20261122T000000Z.tar.gz); it is to be younger "
        "than 7 days (swarm_backup_max_age)."
    )
    assert found.remedy == "ansible-playbook quorum.swarm.backup"


def test_the_backup_in_the_document() -> None:
    case = Case()
    document = health.document(case.judge(), case.wanted, case.facts(), [], NOW, FRESH)
    assert document["backup"] == {"file": "/b/s1_m2_20261122T000000Z.tar.gz", "age_seconds": 3 * 3600}
    for nothing in (None, health.Backup(""), health.Backup("/b")):
        assert health.document(case.judge(), case.wanted, case.facts(), [], NOW, nothing)["backup"] is None


def test_the_readme_lists_exactly_the_findings_that_exist() -> None:
    source = (
        "".join(Path(module.__file__ or "").read_text()
                for module in (engines, health, reach, remains, split, unread, verdict))
        + Path(health.inventory.__file__ or "").read_text().split("def count_voters")[1].split("def advertise")[0]
    )
    known = set(re.findall(r'Finding\(\s*"([a-z_]+)"', source)) | {"unlisted_managers", "unlisted_workers"}
    known |= set(verdict.VERDICTS) - {"healthy", "degraded"} | {"expel_unfinished"}
    listed = re.findall(r"^\| `([a-z_]+)` \|", README.read_text().split("## Findings")[1], re.MULTILINE)
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == known


NAMES = ["m1", "m2", "m3", "m4", "m5", "w1", "w2", "x1"]
STATES = st.sampled_from(["", "inactive", "pending", "active", "error", "locked"])
ANY_NODE = st.builds(
    Node,
    id=st.sampled_from([f"id-{name}" for name in NAMES]),
    hostname=st.sampled_from(NAMES),
    role=st.sampled_from(["manager", "worker"]),
    state=st.sampled_from(["ready", "down", "unknown", "disconnected"]),
    availability=st.sampled_from(["active", "drain", "pause"]),
    labels=st.sampled_from([{}, {"zone": "a"}, {"zone": "b", LABEL_HOST: "m1"}]),
    voter=st.booleans(),
    reachability=st.sampled_from(["", "reachable", "unreachable"]),
    manager_addr=st.sampled_from(["", "192.0.2.1:2377", "nonsense"]),
)
ANY_FACTS = st.builds(
    HostFacts,
    host=st.just(""),
    hostname=st.sampled_from(["", *NAMES]),
    answered=st.booleans(),
    membership=st.builds(Membership, state=STATES, node_id=st.sampled_from(["", "id-m1", "id-x1"])),
    engine=st.builds(Engine, installed=st.booleans(), answers=st.booleans()),
    problem=st.sampled_from(["", "no_leader", "locked", "not_manager", "timeout", "no_engine", "no_sdk", "error"]),
    addresses=st.sampled_from([(), (Address("192.0.2.1"),)]),
    certificate_expires=st.sampled_from(["", "2026-11-23T00:00:00Z", "2026-11-23", "?"]),
)


@given(
    st.lists(ANY_NODE, max_size=6, unique_by=lambda node: node.id),
    st.lists(ANY_FACTS, max_size=7),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
)
def test_it_never_crashes_and_never_names_one_thing_twice(
    nodes: list[Node], told: list[HostFacts], absent: list[str]
) -> None:
    case = Case(5)
    case.wanted = replace(case.wanted, absent=tuple(absent))
    facts = {
        node.host: replace(item, host=node.host, swarm=Swarm("s1"), nodes=tuple(nodes))
        for node, item in zip(case.wanted.nodes, told, strict=False)
    }
    managers = [facts.get(node.host, HostFacts.silent(node.host, "off")) for node in case.wanted.managers]
    judgement = verdict.judge(managers)
    findings = health.examine(judgement, case.wanted, facts, NOW)
    keys = [(item.id, item.host, item.fact) for item in findings]
    assert len(keys) == len(set(keys))
    assert [SEVERITIES.index(item.severity) for item in findings] == sorted(
        SEVERITIES.index(item.severity) for item in findings
    )
    if not judgement.readable:
        assert findings[0].severity == "critical"
    if judgement.view is not None:
        host_of = health.hosts_of(judgement.view, case.wanted, facts)
        assert len(set(host_of.values())) == len(host_of) or any(
            [item.membership.node_id for item in facts.values()].count(node_id) > 1 for node_id in host_of
        )
        numbers = health.margin(judgement.view, health.zones_of(judgement.view, case.wanted, host_of))
        assert quorum.has_quorum(numbers.voters, numbers.reachable) is (numbers.tolerates >= 0)
    json.dumps(health.document(judgement, case.wanted, facts, findings, NOW))
