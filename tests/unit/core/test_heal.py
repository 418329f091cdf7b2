# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes no part, which rungs are left for whom, who stands in, and how a host becomes a new node.

Three managers, two workers, the second of which may stand in for a manager.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import heal, inventory, plan, quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.heal import DAEMON, REBOOT, REJOIN, REPLACE
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    LABEL_MANAGED,
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Swarm,
    View,
)
from hypothesis import given
from hypothesis import strategies as st

SWARM = "swarm1"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
ZONES = {"m1": "a", "m2": "b", "m3": "c", "m4": "a", "m5": "b", "w1": "a", "w2": "c"}
NOTED = {"swarm_id": SWARM, "node_ids": ["node-w1"], "role": "worker", "availability": "pause",
         "labels": {"mine": "yes"}, "started_at": "2026-11-25T00:00:00+00:00"}  # fmt: skip


def wanted(managers: int = 3, spares: tuple[str, ...] = ("w2",), **shared: Any) -> Wanted:
    hosts = [f"m{number}" for number in range(1, managers + 1)]
    own = {name: {"ansible_host": f"192.0.2.{ord(name[0]) + int(name[1])}", "swarm_zone": ZONES[name],
                  "swarm_spare_manager": name in spares} for name in [*hosts, "w1", "w2"]}  # fmt: skip
    return inventory.read({"swarm_managers": hosts, "swarm_workers": ["w1", "w2"]}, own, shared)


def node(name: str, word: str = "", **more: Any) -> Node:
    """One entry: nothing said, it works."""
    manager = name.startswith("m") or word == "standing"
    gone = word in ("gone", "locked")
    made = Node(f"node-{name}", name, "manager" if manager else "worker", "drain" if manager else "active",
                "down" if gone else "ready", voter=manager, leader=name == "m1",
                reachability=("unreachable" if gone else "reachable") if manager else "",
                manager_addr=f"192.0.2.{name[1]}:2377" if manager else "",
                labels={LABEL_HOST: name, LABEL_MANAGED: "zone", "zone": ZONES[name]})  # fmt: skip
    return replace(made, **more)


def view(managers: int = 3, **words: str) -> View:
    names = [*(f"m{number}" for number in range(1, managers + 1)), "w1", "w2"]
    listed = tuple(node(name, words.get(name, "")) for name in names if words.get(name) != "unlisted")
    return View(Swarm(SWARM), listed, told_by="m1")


UNABLE: dict[str, Any] = {"answered": False, "reached": True, "why_not": "its disk is full", "nodes": ()}
"""Of a host that the connection reaches, and that cannot run a module."""


def host(name: str, word: str = "") -> HostFacts:
    """What one host says, in a word; nothing said, it works."""
    if word == "silent":
        return HostFacts.silent(name, "no route")
    manager = name.startswith("m")
    item = HostFacts(
        name, name, engine=Engine(True, True), addresses=(Address(f"192.0.2.{ord(name[0]) + int(name[1])}", 24),),
        membership=Membership("active", f"node-{name}", control=manager), nodes=(node("m1"),) if manager else (),
        state=LocalState("/var/lib/docker", SWARM, f"node-{name}", "manager" if manager else "worker", manager),
        certificate_expires="2027-02-01T00:00:00+00:00", problem="" if manager else "not_manager")  # fmt: skip
    changes: dict[str, Any] = {
        "stopped": {"engine": Engine(True), "membership": Membership(), "problem": "no_engine"},
        "locked": {"membership": Membership("locked"), "problem": "locked"},
        "wiped": {"membership": Membership("inactive"), "problem": "not_member", "state": LocalState()},
        "error": {"membership": Membership("error", error="bad key"), "problem": "error"},
        "other": {"state": replace(item.state, swarm_id="swarm2")},
        "ghost": {"membership": Membership("active", "node-old"), "state": replace(item.state, node_id="node-old")},
        "expired": {"certificate_expires": "2026-11-01T00:00:00+00:00"},
        "early": {"membership": Membership("error"), "problem": "error",
                  "state": replace(item.state, not_before="2027-01-01T00:00:00+00:00")},
        "clock": {"membership": Membership("error"), "problem": "error",
                  "state": replace(item.state, clock="2028-01-01T00:00:00+00:00")},
        "noted": {"state": replace(item.state, rejoin=NOTED)},
        "full": {"engine": Engine(True), "membership": Membership(), "problem": "no_engine",
                 "state": replace(item.state, room=1 << 20)},
        "narrow": {"engine": Engine(True), "membership": Membership(), "problem": "no_engine",
                   "state": replace(item.state, room=100 << 20)},
        "wiped and narrow": {"membership": Membership("inactive"), "problem": "not_member",
                             "state": LocalState("/var/lib/docker", room=100 << 20)},
        "unable": UNABLE,
        "unable and stopped": {**UNABLE, "engine": Engine(True), "membership": Membership(), "problem": "no_engine",
                               "startable": True},
        "unable and another": {**UNABLE, "engine": Engine(True), "membership": Membership(), "startable": True,
                               "state": replace(item.state, node_id="node-old")},
        "bare": {"engine": Engine(), "membership": Membership(), "problem": "no_engine", "state": LocalState()},
    }  # fmt: skip
    return replace(item, **changes.get(word, {}))


def facts(managers: int = 3, **words: str) -> dict[str, HostFacts]:
    names = [*(f"m{number}" for number in range(1, managers + 1)), "w1", "w2"]
    return {name: host(name, words.get(name, "")) for name in names}


def found(entry: str, word: str, name: str = "m3", reboot: bool = False) -> heal.Found:
    return heal.find(wanted(), view(3, **{name: entry}), facts(3, **{name: word}), NOW, reboot)


@pytest.mark.parametrize("state", ["ready", "down"])
def test_a_promotion_that_the_managers_do_not_reach_is_left_as_it_is(state: str) -> None:
    """Its entry reads ready and down in turns, and its engine names no node every now and then."""
    seen = view()
    away: dict[str, Any] = {"state": state, "voter": False, "reachability": ""}
    nodes = [replace(one, **(away if one.hostname == "m3" else {})) for one in seen.nodes]
    ill = replace(host("m3"), problem="error", membership=Membership(
        "error", error="manager stopped: can't initialize raft node: rpc error: code = DeadlineExceeded desc = could "
                       "not connect to prospective new cluster member using its advertised address"))  # fmt: skip
    (sick,) = heal.find(wanted(), replace(seen, nodes=tuple(nodes)), {**facts(), "m3": ill}, NOW).sick
    assert sick.rungs == ()
    assert "Open 2377/tcp into m3" in sick.remedy


@pytest.mark.parametrize(
    ("name", "entry", "word", "rungs"),
    [
        ("m3", "", "", None),
        ("w1", "", "", None),
        # It takes part, whatever it does not answer.
        ("m3", "", "silent", None),
        ("m3", "gone", "stopped", [DAEMON, REJOIN]),
        ("m3", "gone", "locked", [DAEMON, REJOIN]),
        ("m3", "", "locked", [DAEMON, REJOIN]),
        ("m3", "gone", "", [DAEMON, REJOIN]),
        ("m3", "gone", "error", [DAEMON, REJOIN]),
        ("w1", "gone", "stopped", [DAEMON, REJOIN]),
        # A restart would not help.
        ("m3", "gone", "wiped", [REJOIN]),
        ("m3", "gone", "ghost", [REJOIN]),
        ("m3", "unlisted", "ghost", [REJOIN]),
        ("m3", "gone", "expired", [REJOIN]),
        ("m3", "gone", "early", [REJOIN]),
        # Nothing is made anew for a clock that is wrong.
        ("m3", "gone", "clock", []),
        ("w1", "", "noted", [REJOIN]),
        # It reads ready for a while after its node has left.
        ("w1", "", "wiped", [REJOIN]),
        ("m3", "gone", "silent", [REPLACE]),
        ("m3", "unlisted", "silent", [REPLACE]),
        # Nothing is moved aside where a new node would find no room.
        ("m3", "gone", "full", [DAEMON]),
        ("w1", "gone", "full", [DAEMON]),
        ("m3", "", "full", None),
        ("m3", "gone", "narrow", [DAEMON]),
        ("w1", "gone", "narrow", [DAEMON, REJOIN]),
        ("m3", "gone", "wiped and narrow", []),
        ("w1", "gone", "wiped and narrow", [REJOIN]),
        # Reached, and no module runs there: it is started by the shell, or somebody stands in for it.
        ("m3", "", "unable", None),
        ("m3", "gone", "unable", [REPLACE]),
        ("m3", "gone", "unable and stopped", [DAEMON, REPLACE]),
        ("m3", "gone", "unable and another", [REPLACE]),
        ("m3", "unlisted", "unable", None),
        ("w1", "gone", "unable", []),
        ("w1", "gone", "unable and stopped", [DAEMON]),
        # For an operator.
        ("w1", "gone", "silent", []),
        ("m3", "gone", "other", []),
        ("m3", "gone", "bare", []),
        # For provision.
        ("w1", "unlisted", "wiped", None),
        ("w1", "unlisted", "silent", None),
        ("w1", "unlisted", "bare", None),
    ],
)
def test_who_takes_no_part(name: str, entry: str, word: str, rungs: list[str] | None) -> None:
    sick = {item.host: list(item.rungs) for item in found(entry, word, name).sick}
    assert sick == ({} if rungs is None else {name: rungs})


@pytest.mark.parametrize("spares", [("w2",), ()])
def test_whoever_stands_in_the_entry_of_a_host_that_is_reached_stays(spares: tuple[str, ...]) -> None:
    want, seen, told = wanted(spares=spares), view(m3="gone"), facts(m3="unable")
    sick = heal.find(want, seen, told, NOW).sick
    assert [(item.host, item.keep) for item in sick] == [("m3", True)]
    replaced = heal.replacements(want, seen, sick, ["m3"], told)
    assert replaced == ({"m3": "w2"} if spares else {})
    work = heal.work(want, seen, told, [], replaced, "node-m1")
    assert work.removals == ()
    assert [step.kind for step in work.steps if step.node_id == "node-m3"] == ["demote"] * bool(spares)
    assert "remove" not in [step.kind for step in work.steps]
    assert heal.ladder(sick[0], replaced) == (
        ["w2 stands in for it as a manager; its entry and its state stay"] if spares else
        [f"nothing that this playbook can do. {sick[0].remedy}"])


def test_nobody_stands_in_for_a_host_whose_shell_can_start_docker_before_that_was_tried() -> None:
    want, seen, told = wanted(), view(m3="gone"), facts(m3="unable and stopped")
    assert heal.find(want, seen, told, NOW).sick[0].rungs == (DAEMON, REPLACE)
    assert heal.find(want, seen, told, NOW, tried={"m3": [DAEMON]}).sick[0].rungs == (REPLACE,)


def test_a_full_disk_is_told_in_one_sentence() -> None:
    (item,) = found("gone", "full").sick
    assert item.what == ("m3 is down, unreachable: Docker does not answer there (it stands still); its disk is full "
                         "(1 MiB are free in /var/lib/docker)")
    assert item.remedy == (
        "Make room on its disk, and run again: 1 MiB are free in /var/lib/docker, and a new node needs 192.")


def test_a_reboot_is_a_rung_where_it_is_allowed_and_none_is_tried_twice() -> None:
    assert found("gone", "stopped", reboot=True).sick[0].rungs == (DAEMON, REBOOT, REJOIN)
    again = heal.find(wanted(), view(m3="gone"), facts(m3="stopped"), NOW, True, {"m3": [DAEMON]})
    assert again.sick[0].rungs == (REBOOT, REJOIN)


def test_for_seconds_after_an_election_nobody_is_sick() -> None:
    seen = view()
    seen = replace(seen, nodes=tuple(replace(one, state="unknown") if one.id == "node-w1" else one
                                     for one in seen.nodes))  # fmt: skip
    assert heal.find(wanted(), seen, facts(), NOW).sick == ()


def test_a_docker_is_restarted_only_where_the_quorum_does_not_rest_on_it() -> None:
    assert found("gone", "").sick[0].may_restart
    reached = replace(view(m2="gone"), nodes=(node("m1"), node("m2", "gone"), node("m3", state="down"), node("w1")))
    sick = {item.host: item for item in heal.find(wanted(), reached, facts(m2="silent"), NOW).sick}
    assert not sick["m3"].may_restart


def test_a_swarm_without_quorum_is_sent_to_recover() -> None:
    for word in ("no_quorum", "split", "unknown"):
        (finding,) = heal.unreadable(Judgement(word, "why."))
        assert "quorum.swarm.recover" in finding.sentence()
    assert heal.unreadable(Judgement("degraded", "", view())) == []


# -- who stands in -----------------------------------------------------------------------------------------------------


def replaced(managers: int, spares: tuple[str, ...], *gone: str) -> dict[str, str]:
    words = dict.fromkeys(gone, "gone")
    want, seen = wanted(managers, spares), view(managers, **words)
    told = facts(managers, **dict.fromkeys(gone, "silent"))
    sick = heal.find(want, seen, told, NOW).sick
    return heal.replacements(want, seen, sick, gone, told)


@pytest.mark.parametrize(
    ("managers", "spares", "gone", "expected"),
    [
        (3, ("w2",), ("m3",), {"m3": "w2"}),
        (3, ("w1", "w2"), ("m3",), {"m3": "w2"}),  # of its zone
        (3, ("w1",), ("m3",), {"m3": "w1"}),
        # Without the entry of m3, no more of the others may be lost.
        (3, (), ("m3",), {}),
        (5, (), ("m5",), {}),
        # Three of five reachable tolerate no loss; three of three tolerate one.
        (5, (), ("m4", "m5"), {"m4": "", "m5": ""}),
        # One more would be four, which tolerate no more than three.
        (5, ("w1",), ("m4", "m5"), {"m4": "", "m5": ""}),
        (5, ("w1", "w2"), ("m4", "m5"), {"m4": "w1", "m5": "w2"}),
    ],
)
def test_a_spare_stands_in(managers: int, spares: tuple[str, ...], gone: tuple[str, ...], expected: Any) -> None:
    assert replaced(managers, spares, *gone) == expected


def test_who_is_stood_in_for_is_not_replaced_again() -> None:
    seen, told = view(m3="unlisted", w2="standing"), facts(m3="silent")
    result = heal.find(wanted(), seen, told, NOW)
    assert (result.sick, result.surplus) == ((), ())
    assert [note.id for note in result.notes] == ["stood_in_for"]


def test_a_spare_steps_back_when_all_managers_are_there() -> None:
    assert heal.find(wanted(), view(w2="standing"), facts(), NOW).surplus == ("w2",)
    work = heal.work(wanted(), view(w2="standing"), facts(), [], {}, "node-m1")
    assert [(step.kind, step.host) for step in work.steps] == [("demote", "w2"), ("update", "w2")]


# -- how a host becomes a new node -------------------------------------------------------------------------------------


def steps(seen: View, told: dict[str, HostFacts], *hosts: str, **given_replaced: str) -> list[tuple[str, str]]:
    work = heal.work(wanted(), seen, told, hosts, given_replaced, "node-m1")
    assert work.refusals == ()
    return [(step.kind, step.host) for step in work.steps]


def test_a_manager_that_works_is_demoted_and_leaves() -> None:
    assert steps(view(), facts(), "m2") == [
        ("demote", "m2"), ("leave", "m2"), ("remove", "m2"), ("join", "m2"), ("update", "m2"), ("promote", "m2"),
    ]  # fmt: skip
    assert heal.rejoin(wanted().managers[1], view(), facts(), wanted()).leave


def test_an_entry_that_is_dead_goes_before_the_host_joins() -> None:
    assert steps(view(m3="gone"), facts(m3="wiped"), "m3") == [
        ("demote", "m3"), ("remove", "m3"), ("join", "m3"), ("update", "m3"), ("promote", "m3"),
    ]  # fmt: skip


def test_a_ghost_comes_back_and_its_spare_steps_back_after_it() -> None:
    assert steps(view(m3="unlisted", w2="standing"), facts(m3="ghost"), "m3") == [
        ("join", "m3"), ("update", "m3"), ("promote", "m3"), ("demote", "w2"), ("update", "w2"),
    ]  # fmt: skip


def test_labels_and_availability_are_carried_over() -> None:
    labels = {LABEL_HOST: "w1", LABEL_MANAGED: "disk,zone", "zone": "a", "disk": "ssd", "mine": "yes"}
    seen = replace(view(), nodes=(*view().nodes[:3], node("w1", availability="pause", labels=labels), node("w2")))
    one = heal.rejoin(wanted().workers[0], seen, facts(), wanted())
    assert (one.role, one.availability, dict(one.labels)) == ("worker", "pause", labels)
    assert one.node_ids == ("node-w1",)


def test_what_was_noted_counts_and_a_new_node_is_not_emptied_again() -> None:
    drained = replace(view(), nodes=(*view().nodes[:3], node("w1", availability="drain", labels={}), node("w2")))
    one = heal.rejoin(wanted().workers[0], drained, facts(w1="noted"), wanted())
    assert (one.availability, dict(one.labels), one.joined) == ("pause", {"mine": "yes"}, "")
    told = facts(w1="noted")
    told["w1"] = replace(told["w1"], membership=Membership("active", "node-new"))
    seen = replace(view(), nodes=(*view().nodes[:3], node("w1", id="node-new", labels={}), node("w2")))
    one = heal.rejoin(wanted().workers[0], seen, told, wanted())
    assert (one.joined, one.leave) == ("node-new", False)
    work = heal.work(wanted(), seen, told, ["w1"], {}, "node-m1")
    assert work.removals == ()
    assert [(step.kind, step.host) for step in work.steps] == [("update", "w1")]


def refusals(seen: View, told: dict[str, HostFacts], name: str, **shared: Any) -> list[str]:
    return [item.id for item in heal.work(wanted(**shared), seen, told, [name], {}, "node-m1").refusals]


def test_what_could_cost_the_quorum_is_refused() -> None:
    assert refusals(view(m3="gone"), facts(m3="silent"), "m2") == ["would_lose_quorum"]
    five, told = view(5, m5="gone"), facts(5, m5="silent")
    assert refusals(five, told, "m2", managers=5) == ["rejoin_beside_a_loss"]
    assert refusals(five, told, "m2", managers=5, swarm_allow_quorum_pause=True) == []
    alone = replace(view(), nodes=(node("m1"), node("w1"), node("w2")))
    assert [item.id for item in heal.work(wanted(1), alone, facts(1), ["m1"], {}, "").refusals] == ["last_manager"]


@given(st.sampled_from([3, 5]), st.data())
def test_no_step_costs_the_quorum(managers: int, data: st.DataObject) -> None:
    """Whoever is gone, rejoins, or is replaced: after every step a majority of the voters is reachable."""
    names = [f"m{number}" for number in range(2, managers + 1)]
    gone = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=quorum.tolerance(managers)))
    back = [name for name in gone if data.draw(st.booleans())]
    words = {name: "wiped" if name in back else "silent" for name in gone}
    seen, told = view(managers, **dict.fromkeys(gone, "gone")), facts(managers, **words)
    want = wanted(managers, ("w1", "w2"))
    lost = [item for item in heal.find(want, seen, told, NOW).sick if REPLACE in item.rungs]
    work = heal.work(want, seen, told, back, heal.replacements(want, seen, lost, gone, told, back), "node-m1")
    assert work.refusals == ()
    state = seen.nodes
    for step in work.steps:
        if step.kind == "join":
            step = replace(step, set_labels={})
        state = plan.apply(state, step)
        voters = [one for one in state if one.is_manager]
        assert quorum.has_quorum(len(voters), sum(one.reachable for one in voters)), step
    assert len([one for one in state if one.reachable]) == managers
