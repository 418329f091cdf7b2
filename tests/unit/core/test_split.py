# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two swarms of one ID counts: what is taken for proof, and what is not.

m1 to m3 were given up, m4 was forced and m5 followed it; unless a case says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import inventory, provision, split, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import MANAGERS, WORKERS
from ansible_collections.quorum.swarm.plugins.module_utils.core.split import Recovery, Standing
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Swarm,
)

from .world import manager, worker

OLD, NEW = ("m1", "m2", "m3"), ("m4", "m5")
REPORT = Recovery("s1", "recover-s1.json", "m4", frozenset({"id-m4", "id-m5"}), frozenset({"id-m1", "id-m2", "id-m3"}),
                  OLD)  # fmt: skip


def nodes(*up: str, down: Sequence[str] = ()) -> tuple[Node, ...]:
    """Managers, the first of which leads, and a worker; those that are down are still listed."""
    return (*(manager(name, leader=name == up[0]) for name in up), *(manager(name, up=False) for name in down),
            worker("w1"))  # fmt: skip


OLD_NODES, NEW_NODES = nodes(*OLD, down=NEW), nodes(*NEW)


def reads(host: str, listed: Sequence[Node], forced: str = "", **told: Any) -> HostFacts:
    """A manager that reads its swarm, and may remember that it was forced."""
    reinit = {"what": forced, "swarm_id": "s1", "node_id": f"id-{host}", "step": "finished",
              "finished_at": "2026-11-25T03:04:05+00:00", **told} if forced else {}  # fmt: skip
    return HostFacts(host, host, engine=Engine(True, True), membership=Membership("active", f"id-{host}", control=True),
                     addresses=(Address("192.0.2.1"),), swarm=Swarm("s1"), nodes=tuple(listed),
                     state=LocalState("", "s1", f"id-{host}", "manager", True, reinit=reinit))  # fmt: skip


def blind(host: str, how: str = "no_leader") -> HostFacts:
    """A manager that reads none."""
    item = replace(reads(host, ()), swarm=None, problem=how)
    if how == "locked":
        return replace(item, membership=Membership("locked"))
    if how == "no_engine":
        return replace(item, membership=Membership(), engine=Engine(True))
    return replace(item, membership=replace(item.membership, state="pending", error="no leader"))


def of(*facts: HostFacts, kept: Recovery | None = None) -> Standing | None:
    return split.standing(facts, kept)


BACK = [reads(host, OLD_NODES) for host in OLD]
RECOVERED = [reads("m4", NEW_NODES, "recover"), reads("m5", NEW_NODES)]
FORGETFUL = [reads(host, NEW_NODES) for host in NEW]


@pytest.mark.parametrize("kept", [None, REPORT])
@pytest.mark.parametrize("first", [BACK, RECOVERED])
def test_the_given_up_are_back_as_a_majority(kept: Recovery | None, first: list[HostFacts]) -> None:
    both = [*first, *(RECOVERED if first is BACK else BACK)]
    assert verdict.judge(both).verdict == "split"
    found = of(*both, kept=kept)
    assert found is not None
    assert (found.host, found.remembers, found.members, sorted(found.former), found.leads, found.problem) == (
        "m4", True, NEW, list(OLD), OLD, "")  # fmt: skip
    judged = split.judge(both, "", kept)
    assert (judged.verdict, sorted(judged.returned)) == ("degraded", list(OLD))
    assert judged.view is not None
    assert judged.view.told_by in NEW
    told = split.told(both, "", kept)
    assert (told.verdict, told.reason) == ("split", "Two swarms share the ID s1: m4, m5 are of the one that was "
                                           "recovered (on m4, 2026-11-25 03:04); m1, m2, m3 are of the one that was "
                                           "given up.")  # fmt: skip
    assert "provision takes m1, m2, m3 in" in told.remedy


@pytest.mark.parametrize("how", ["no_leader", "locked", "no_engine"])
def test_one_is_back_alone(how: str) -> None:
    found = of(*RECOVERED, blind("m1", how))
    assert found is not None
    assert (dict(found.former), found.leads) == ({"m1": "id-m1"}, ())
    told = split.told([*RECOVERED, blind("m1", how)], "", None)
    assert told.verdict == "degraded"
    assert [(item.id, item.host) for item in told.findings] == [("former_state", "m1")]


def test_what_the_controller_keeps_is_enough() -> None:
    found = of(*FORGETFUL, *BACK, kept=REPORT)
    assert found is not None
    assert (found.host, found.remembers, sorted(found.former)) == ("m4", False, list(OLD))
    found = of(*FORGETFUL, blind("m1"), kept=REPORT)
    assert found is not None
    assert dict(found.former) == {"m1": "id-m1"}


def test_nothing_is_guessed() -> None:
    found = of(*FORGETFUL, *BACK)
    assert found is not None
    assert "neither their hosts nor the reports" in found.problem
    assert split.judge([*FORGETFUL, *BACK], "", None).verdict == "split"
    # One swarm, and a host that it does not list: as before, a stranger.
    assert of(*FORGETFUL, blind("m1")) is None
    assert [item.id for item in split.judge([*FORGETFUL, blind("m1")], "", None).findings] == ["foreign_host"]


def test_only_the_swarm_that_was_given_up_answers() -> None:
    for facts in (BACK, [*BACK, blind("m4")]):
        found = of(*facts, kept=REPORT)
        assert found is not None
        assert found.problem.startswith("m1, m2, m3 are of the swarm that was given up when s1 was recovered on m4")
        assert split.judge(facts, "", REPORT).verdict == "split"
    # Nobody knows of a recovery: they are the swarm.
    assert of(*BACK, blind("m4")) is None


def test_who_joined_the_recovered_swarm_is_no_stranger_to_the_old_one() -> None:
    """Its voters must not be cleaned because the wrong swarm was taken for the right one."""
    late = blind("m6")
    for kept in (REPORT, None):
        assert not split.judge([*BACK, late], "", kept).returned


@pytest.mark.parametrize(
    "told",
    [{"step": "begun"}, {"node_id": "id-other"}, {"swarm_id": "s2"}, {"what": "drill"}],
)
def test_a_journal_that_proves_nothing(told: dict[str, str]) -> None:
    found = of(reads("m4", NEW_NODES, "recover", **told), reads("m5", NEW_NODES), *BACK)
    assert found is not None
    assert found.problem


def test_a_restored_swarm_is_forced_anew_too() -> None:
    found = of(reads("m4", NEW_NODES, "restore"), reads("m5", NEW_NODES), *BACK)
    assert found is not None
    assert sorted(found.former) == list(OLD)


def test_recovered_twice_the_later_one_counts() -> None:
    """m4 and m5 were given up in their turn, when m6 was forced: what it lists has none of them, and they list it."""
    second = [reads("m6", nodes("m6"), "recover"), *(
        reads(host, nodes(*NEW, down=["m6"]), "recover" if host == "m4" else "") for host in NEW)]  # fmt: skip
    found = of(*second)
    assert found is not None
    assert (found.host, sorted(found.former)) == ("m6", list(NEW))


def test_recovered_from_both_halves_is_not_decided() -> None:
    found = of(*RECOVERED, *(reads(host, nodes(*OLD), "recover") for host in OLD))
    assert found is not None
    assert found.problem


def test_one_swarm_of_which_all_is_well() -> None:
    assert of(*RECOVERED, kept=REPORT) is None
    assert of(*BACK) is None
    assert of(*RECOVERED, HostFacts("m1", "m1", engine=Engine(True, True), membership=Membership("inactive"))) is None
    assert of(*RECOVERED, reads("x", nodes("x")), kept=replace(REPORT, swarm_id="s2")) is not None
    assert of(*RECOVERED, replace(reads("x", nodes("x")), swarm=Swarm("s2"))) is None


def test_a_report_is_read() -> None:
    data = {"swarm_id": "s1", "host": "m4", "survivors": ["m4"], "given_up": ["m1", "192.0.2.9"],
            "voters": [{"node_id": "id-m4", "address": "a:2377", "host": "m4"},
                       {"node_id": "id-m1", "address": "b:2377", "host": "m1"},
                       {"node_id": "id-x", "address": "192.0.2.9:2377", "host": ""}]}  # fmt: skip
    assert Recovery.of("f", data) == Recovery("s1", "f", "m4", frozenset({"id-m4"}), frozenset({"id-m1", "id-x"}),
                                              ("m1",))  # fmt: skip
    assert Recovery.of("f", {**data, "given_up": []}) is None


def decided(facts: Sequence[HostFacts], kept: Recovery | None, silent: Sequence[str] = ()) -> provision.Decision:
    """What provisioning does about it."""
    groups = {MANAGERS: [*OLD, *NEW], WORKERS: ["w1"]}
    own = {name: {"swarm_zone": zone, "swarm_advertise_addr": f"192.0.2.{number}"}
           for number, (name, zone) in enumerate(zip(groups[MANAGERS], "abcab", strict=True))}  # fmt: skip
    wanted = inventory.read(groups, own, {"swarm_allow_address_drift": True})
    seen = {item.host: replace(item, hostname=item.host, engine=replace(item.engine, id=f"e-{item.host}"),
                               addresses=(Address(own[item.host]["swarm_advertise_addr"]),)) for item in facts}
    seen |= {host: HostFacts.silent(host, "timed out") for host in silent}
    judged = split.judge(list(seen.values()), "", kept)
    return provision.decide(wanted, judged, seen, gone=kept.hosts if kept else ())


def test_provisioning_takes_them_in() -> None:
    decision = decided([*RECOVERED, *BACK], REPORT)
    assert not decision.refusals
    assert decision.returned == OLD
    assert [step.host for step in decision.steps if step.kind == "clean"] == list(OLD)
    assert [join.host for join in decision.joins] == list(OLD)
    assert [step.kind for step in decision.steps][:3] == ["clean"] * 3


def test_one_is_taken_in_while_the_others_that_were_given_up_are_away() -> None:
    decision = decided([*RECOVERED, blind("m1")], REPORT, silent=["m2", "m3"])
    assert not decision.refusals
    assert [join.host for join in decision.joins] == ["m1"]
    assert {item.host for item in decision.unsettled} == {"m2", "m3"}
    # Another silent manager may know better, as ever.
    assert not decided([RECOVERED[0], blind("m1")], REPORT, silent=["m2", "m3", "m5"]).joins


def test_provisioning_refuses_where_it_is_not_known() -> None:
    (refusal,) = decided([*FORGETFUL, *BACK], None).refusals
    assert refusal.id == "split"
    assert "systemctl stop docker.socket docker" in refusal.remedy
    assert "leave" not in refusal.remedy
