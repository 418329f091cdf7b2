# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a swarm may be restored, how every host comes back to it, and what is told of it; by tables and properties.

The archive is of m2, one of three managers, with two workers beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    inventory,
    plan,
    provision,
    restore,
    returning,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import File, Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.restore import Decision, Outcome, Source
from ansible_collections.quorum.swarm.plugins.module_utils.core.returning import Members
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Swarm,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SWARM, OTHER = "swarm1", "swarm2"
ADDRESS = {"m1": "192.0.2.11", "m2": "192.0.2.12", "m3": "192.0.2.13", "w1": "192.0.2.31", "w2": "192.0.2.32"}
GROUPS = {"swarm_managers": ["m1", "m2", "m3"], "swarm_workers": ["w1", "w2"], "swarm_absent": []}
ZONE = {"m1": "a", "m2": "b", "m3": "c", "n1": "b"}
MANIFEST = Manifest(
    SWARM, "node-m2", "m2", "m2", "2026-11-25T01:00:00Z", "26.1.5", raft_addr="192.0.2.12:2377",
    managers={f"node-{name}": f"{ADDRESS[name]}:2377" for name in ("m1", "m2", "m3")},
    objects={"node": tuple((f"node-{name}", name) for name in ADDRESS), "service": (("s1", "web"),)},
    files={"raft/a.wal": File(64_000_000, "x", 0o600), "certificates/c": File(1000, "x", 0o600)},
)  # fmt: skip
SOURCE = Source(MANIFEST, "abc", "/backups/a.tar.gz", 400_000)


def wanted(groups: Mapping[str, Sequence[str]] | None = None, **shared: Any) -> Wanted:
    groups = groups or GROUPS
    hosts = [host for names in groups.values() for host in names]
    own = {host: {"ansible_host": ADDRESS.get(host, host), "swarm_zone": ZONE.get(host, "")} for host in hosts}
    return inventory.read(groups, own, shared)


def host(name: str, says: str = "") -> HostFacts:
    """One host, in words: what is not usual of one that answers and is in no swarm."""
    item = HostFacts(name, name, engine=Engine(True, True, "26.1.5"), membership=Membership("inactive"),
                     addresses=(Address(ADDRESS.get(name, "192.0.2.99"), 24, "eth0"),),
                     state=LocalState("/var/lib/docker", free=1 << 40))
    for word in says.split():
        item = WORDS[word](item)
    return item


def _state(item: HostFacts, swarm: str, role: str, running: str, **more: Any) -> HostFacts:
    """A host with a state on its disk."""
    known = replace(item.state, swarm_id=swarm, node_id=f"node-{item.host}", role=role, raft_log=role == "manager")
    own = Membership(running, f"node-{item.host}" if running != "inactive" else "",
                     control=role == "manager" and running == "active")
    return replace(item, state=known, membership=replace(own, **more))


def _stopped(item: HostFacts) -> HostFacts:
    return replace(item, engine=replace(item.engine, answers=False), membership=Membership(), problem="no_engine")


def _journal(item: HostFacts, **entry: Any) -> HostFacts:
    known = {"what": "restore", "archive": SOURCE.sha256, "step": "placed", "started_at": "2026-11-25T02:00:00+00:00",
             "finished_at": "", **entry}
    return replace(item, state=replace(item.state, reinit=known))


WORDS = {
    "silent": lambda item: HostFacts.silent(item.host, "Connection timed out"),
    "unable": lambda item: replace(item, answered=False, reached=True, why_not="its disk is full"),
    "manager": lambda item: _state(item, SWARM, "manager", "active"),
    "blind": lambda item: _state(item, SWARM, "manager", "active", error="no leader"),
    "locked": lambda item: _state(item, SWARM, "manager", "locked"),
    "pending": lambda item: _state(item, SWARM, "manager", "pending"),
    "worker": lambda item: _state(item, SWARM, "worker", "active"),
    "off": lambda item: _stopped(item),
    "log": lambda item: _stopped(_state(item, SWARM, "manager", "inactive")),
    "beside": lambda item: _state(item, SWARM, "manager", "inactive"),
    "foreign": lambda item: _state(item, OTHER, "manager", "active"),
    "leftovers": lambda item: _stopped(_state(item, OTHER, "manager", "inactive")),
    "ended": lambda item: replace(item, certificate_expires="2026-11-24T00:00:00+00:00"),
    "old": lambda item: replace(item, engine=replace(item.engine, version="20.10.24")),
    "newer": lambda item: replace(item, engine=replace(item.engine, version="28.5.2")),
    "bare": lambda item: replace(item, engine=Engine(), problem="no_engine"),
    "no_sdk": lambda item: replace(item, engine=Engine(True), membership=Membership(), problem="no_sdk"),
    "full": lambda item: replace(item, state=replace(item.state, free=10 << 20)),
    "moved": lambda item: replace(item, addresses=(Address("192.0.2.77", 24, "eth0"),)),
    "has_m2": lambda item: replace(item, addresses=(*item.addresses, Address("192.0.2.12", 24, "eth0"))),
    "leased": lambda item: replace(item, addresses=(replace(item.addresses[0], dynamic=True),)),
    "begun": lambda item: _journal(item),
    "begun_other": lambda item: _journal(item, archive="other"),
    "begun_recovery": lambda item: _journal(item, what="recover", archive=""),
    "done": lambda item: _journal(item, step="finished", finished_at="2026-11-25T02:01:00+00:00"),
    "rotating": lambda item: _journal(item, step="finished", finished_at="2026-11-25T02:01:00+00:00", rotated=False),
    "done_other": lambda item: _journal(item, archive="o", step="finished", finished_at="2026-11-24T02:01:00+00:00"),
}


def facts(**says: str) -> dict[str, HostFacts]:
    """Every host: three managers wiped clean, two workers that still run, and what differs."""
    usual = {"w1": "worker", "w2": "worker", **says}
    return {name: host(name, usual.get(name, "")) for name in [*ADDRESS, *(set(says) - set(ADDRESS))]}


def decide(says: Mapping[str, str], lost: Sequence[str] = (), asked: str = "m2", **shared: Any) -> Decision:
    return restore.decide(SOURCE, wanted(**shared), asked, facts(**says), lost, now=NOW)


def ids(found: Sequence[Finding]) -> list[str]:
    return [item.id for item in found]


# -- before any host is asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "groups", "shared", "lost", "expected"),
    [
        # The manager that the archive is of, because it has the address; else the first.
        ("", GROUPS, {}, (), ("m2", [])),
        ("", {**GROUPS, "swarm_managers": ["n1", "m1", "m3"]}, {}, (), ("n1", [])),
        ("m3", GROUPS, {}, (), ("m3", [])),
        ("", GROUPS, {"swarm_id": SWARM}, ("m3", "w1"), ("m2", [])),
        ("w1", GROUPS, {}, (), ("w1", ["restore_host_no_manager"])),
        ("nobody", GROUPS, {}, (), ("nobody", ["restore_host_no_manager"])),
        ("", {**GROUPS, "swarm_managers": []}, {}, (), ("", ["restore_no_manager"])),
        ("", GROUPS, {"swarm_id": OTHER}, (), ("m2", ["restore_other_swarm"])),
        ("", GROUPS, {}, ("m9",), ("m2", ["restore_lost_unknown"])),
        ("", GROUPS, {}, ("m2",), ("m2", ["restore_host_lost"])),
        # What is wrong with the inventory, and would end the run when the swarm is back.
        ("", {**GROUPS, "swarm_workers": ["w1", "m3"]}, {}, (), ("m2", ["host_in_two_groups"])),
        ("", GROUPS, {"swarm_controller_dir": "keys"}, (), ("m2", ["controller_dir_relative"])),
    ],
)  # fmt: skip
def test_before_any_host_is_asked(
    asked: str, groups: Mapping[str, Sequence[str]], shared: dict[str, Any], lost: Sequence[str],
    expected: tuple[str, list[str]],
) -> None:  # fmt: skip
    start = restore.preflight(SOURCE, wanted(groups, **shared), groups, asked, lost)
    assert (start.host, ids(start.refusals)) == expected


def test_a_number_of_managers_keeps_no_swarm_dead() -> None:
    groups = {**GROUPS, "swarm_managers": ["m1", "m2"]}
    start = restore.preflight(SOURCE, wanted(groups), groups)
    assert (ids(start.refusals), ids(start.notes)) == ([], ["two_managers"])
    assert start.notes[0].severity == "warning"


def test_an_autolocked_archive_needs_a_place_for_the_new_key() -> None:
    locked = replace(SOURCE, manifest=replace(MANIFEST, autolock=True))
    assert ids(restore.preflight(locked, wanted(), GROUPS).refusals) == ["restore_without_controller_dir"]
    assert restore.preflight(locked, wanted(swarm_controller_dir="/srv"), GROUPS).refusals == ()


# -- before anything is changed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "lost", "expected"),
    [
        # All managers wiped; workers run on, or not, or were cleaned, too.
        ({}, (), ("restore", [])),
        ({"w1": "off", "w2": ""}, (), ("restore", [])),
        # A manager of the swarm that answers, whatever it says of itself: nothing need be given up.
        ({"m1": "manager"}, (), ("restore", ["restore_running"])),
        ({"m1": "blind"}, (), ("restore", ["restore_running"])),
        ({"m1": "locked"}, (), ("restore", ["restore_running"])),
        ({"m1": "pending"}, (), ("restore", ["restore_running"])),
        ({"w2": "manager"}, (), ("restore", ["restore_running"])),
        ({"m2": "manager"}, (), ("restore", ["restore_running"])),
        ({"m1": "manager"}, ("m1",), ("restore", ["restore_running"])),
        # Who does not answer may run: managers and workers are named, all at once.
        ({"m1": "silent"}, (), ("restore", ["restore_silent"])),
        ({"w1": "silent"}, (), ("restore", ["restore_silent"])),
        ({"m1": "silent", "m3": "silent", "w1": "silent"}, ("m1",), ("restore", ["restore_silent"])),
        ({"m1": "silent", "m3": "silent", "w1": "silent"}, ("m1", "m3", "w1"), ("restore", [])),
        # Who is reached is alive, whatever was named.
        ({"m1": "unable"}, (), ("restore", ["restore_reached"])),
        ({"m1": "unable"}, ("m1",), ("restore", ["restore_reached"])),
        ({"m1": "unable", "m3": "silent"}, (), ("restore", ["restore_reached", "restore_silent"])),
        ({"m2": "unable"}, (), ("restore", ["restore_host_silent"])),
        # A log without a running Docker: it may start at any moment, and it may be newer.
        ({"m1": "log"}, (), ("restore", ["restore_silent"])),
        ({"m1": "beside"}, (), ("restore", ["restore_silent"])),
        ({"m1": "log"}, ("m1",), ("restore", [])),
        ({"m2": "log"}, (), ("restore", [])),
        # Named as lost, and it answers: so it comes back.
        ({}, ("m1", "w1"), ("restore", [])),
        # Another swarm.
        ({"m1": "foreign"}, (), ("restore", ["restore_foreign"])),
        ({"w1": "foreign"}, (), ("restore", ["restore_foreign"])),
        ({"m2": "foreign"}, (), ("restore", ["restore_foreign"])),
        ({"m1": "leftovers", "w1": "leftovers"}, (), ("restore", [])),
        # The restored host.
        ({"m2": "silent"}, (), ("restore", ["restore_host_silent"])),
        ({"m2": "moved"}, (), ("restore", ["restore_address", "no_advertise_addr"])),
        ({"m2": "old"}, (), ("restore", ["restore_older_engine"])),
        ({"m2": "newer"}, (), ("restore", [])),
        ({"m2": "full"}, (), ("restore", ["restore_no_room"])),
        ({"m1": "full"}, (), ("restore", [])),
        ({"m3": "leased"}, (), ("restore", ["dynamic_address"])),
        # A restore that was broken off goes on; with another archive, or a recovery, it is not gone on with.
        ({"m2": "begun"}, (), ("resume", [])),
        ({"m2": "manager begun"}, (), ("resume", [])),
        ({"m2": "begun full"}, (), ("resume", [])),
        ({"m1": "manager", "m2": "begun"}, (), ("resume", ["restore_running"])),
        ({"m2": "begun_other"}, (), ("restore", ["restore_unfinished"])),
        ({"m2": "manager rotating"}, (), ("resume", [])),
        # The power failed after it: its manager has locked itself, and is unlocked.
        ({"m2": "locked rotating"}, (), ("resume", [])),
        ({"m2": "locked done"}, (), ("resume", [])),
        ({"m1": "manager", "m2": "locked done"}, (), ("resume", ["restore_running"])),
        ({"m2": "locked done_other"}, (), ("restore", ["restore_running"])),
        ({"m2": "begun_recovery"}, (), ("restore", ["restore_unfinished"])),
        # Restored already: the others may run, and must.
        ({"m1": "manager", "m2": "manager done", "m3": "manager"}, (), ("nothing", [])),
        ({"m1": "log", "m2": "manager done"}, (), ("nothing", [])),
        ({"m1": "silent", "m2": "manager done"}, (), ("nothing", ["restore_silent"])),
        ({"m1": "silent", "m2": "manager done"}, ("m1",), ("nothing", [])),
        # Restored once, and wiped since, or in trouble since: it is another restore.
        ({"m2": "done"}, (), ("restore", [])),
        ({"m2": "done_other"}, (), ("restore", [])),
        ({"m2": "blind done"}, (), ("restore", ["restore_running"])),
        ({"m2": "manager done_other"}, (), ("restore", ["restore_running"])),
    ],
)  # fmt: skip
def test_what_is_decided(says: dict[str, str], lost: Sequence[str], expected: tuple[str, list[str]]) -> None:
    decision = decide(says, lost)
    assert (decision.what, ids(decision.refusals)) == expected


@pytest.mark.parametrize(
    ("says", "variable"),
    [
        ({"m1": "manager"}, "swarm_allow_restore_running"),
        ({"w1": "foreign"}, "swarm_allow_restore_foreign"),
        ({"m2": "old"}, "swarm_allow_older_engine"),
        ({"m2": "begun_other"}, "swarm_allow_unfinished_restore"),
        ({"m3": "leased"}, "swarm_allow_dynamic_address"),
    ],
)
def test_what_is_allowed_passes(says: dict[str, str], variable: str) -> None:
    assert decide(says).refusals
    assert decide(says, **{variable: "true"}).refusals == ()
    assert f"-e {variable}=true" in decide(says).refusals[0].sentence()


def test_managers_that_run_all_the_same_are_stopped_first_and_not_the_restored_one() -> None:
    decision = decide({"m1": "manager", "m2": "locked", "m3": "pending"}, swarm_allow_restore_running=True)
    assert (decision.stop, decision.refusals) == (("m1", "m3"), ())
    assert decide({"m1": "manager", "m2": "manager done"}).stop == ()


def test_the_option_to_type_names_everybody_at_once() -> None:
    (refusal,) = decide({"m1": "silent", "m3": "log", "w1": "silent", "w2": "silent"}, ("w2",)).refusals
    assert "m1, w1 do not answer (Connection timed out)" in refusal.fact
    assert "m3 has a manager's raft log" in refusal.fact
    option = refusal.remedy.split("-e '")[1].rstrip("'")
    assert sorted(json.loads(option)["swarm_restore_lost"]) == ["m1", "m3", "w1", "w2"]
    lost = json.loads(option)["swarm_restore_lost"]
    assert decide({"m1": "silent", "m3": "log", "w1": "silent", "w2": "silent"}, lost).refusals == ()


def test_only_who_does_not_answer_is_given_up() -> None:
    decision = decide({"m1": "silent", "m3": "log"}, ("m1", "m3", "w1"))
    assert decision.lost == ("m1",)
    assert [item.host for item in decision.notes if item.id == "restore_not_lost"] == ["m3", "w1"]


@pytest.mark.parametrize(
    ("says", "named"),
    [
        ({"m2": "moved", "m3": "has_m2"}, "m3 has that address: -e swarm_restore_host=m3"),
        ({"m2": "moved", "w1": "worker has_m2"}, "w1 has that address: list it under swarm_managers"),
        ({"m2": "moved"}, "Give m2 the address 192.0.2.12"),
    ],
)
def test_another_address_is_refused_and_the_way_named(says: dict[str, str], named: str) -> None:
    refusal = next(item for item in decide(says).refusals if item.id == "restore_address")
    assert "fixed in its raft log" in refusal.fact
    assert named in refusal.remedy


@pytest.mark.parametrize(
    ("nodes", "groups", "expected"),
    [
        # A new name at the old address, or an old name at a new one: it was asked.
        ({"n1": "m1"}, ["n1", "m2", "m3"], []),
        ({}, ["m2", "m3"], ["restore_unlisted_manager"]),
    ],
)
def test_a_manager_of_the_archive_that_nobody_can_ask(
    nodes: dict[str, str], groups: list[str], expected: list[str]
) -> None:
    seen = {name: item for name, item in facts().items() if name in groups or name.startswith("w")}
    seen |= {name: replace(host(old), host=name, hostname=name) for name, old in nodes.items()}
    hosts = {**GROUPS, "swarm_managers": groups}
    found = restore.decide(SOURCE, wanted(hosts), "m2", seen, now=NOW)
    assert [name for name in ids(found.refusals) if name.startswith("restore")] == expected
    allowed = restore.decide(SOURCE, wanted(hosts, swarm_allow_unlisted_managers=True), "m2", seen, now=NOW)
    assert "restore_unlisted_manager" not in ids(allowed.refusals)


@pytest.mark.parametrize(
    ("says", "autolock", "libraries", "expected"),
    [
        ("", False, None, False),
        ("bare", False, (), True),
        ("no_sdk", False, None, True),
        ("", False, ("docker",), False),
        ("", True, ("docker",), True),
        ("", True, ("docker", "nacl", "cryptography"), False),
        ("", False, (), True),
    ],
)
def test_an_engine_or_its_libraries_are_installed(
    says: str, autolock: bool, libraries: Sequence[str] | None, expected: bool
) -> None:
    source = replace(SOURCE, manifest=replace(MANIFEST, autolock=autolock))
    decision = restore.decide(source, wanted(), "m2", facts(m2=says), (), libraries, NOW)
    assert (decision.engine, decision.refusals) == (expected, ())


def test_an_allocated_segment_weighs_what_is_in_it() -> None:
    assert restore.weight(MANIFEST, 300_000) == 301_000
    two = replace(MANIFEST, files={"raft/1.wal": File(64_000_000, "x", 0o600), "raft/2.wal": File(64_000_000, "x", 0)})
    assert restore.weight(two, 65_000_000) == 128_000_000
    assert restore.weight(two, 60_000_000) == 124_000_000
    assert restore.weight(replace(MANIFEST, files={}), 10) == 0


def test_the_age_is_told_and_a_newer_log_is_said_to_be_moved_aside() -> None:
    notes = {item.id: item.fact for item in decide({"m2": "log"}).notes}
    assert "2 hours old" in notes["restore_age"]
    assert "newer than the archive" in notes["restore_log_aside"]


# -- how the others come back ----------------------------------------------------------------------------------------


def node(name: str, **others: Any) -> Node:
    role = "manager" if name.startswith("m") else "worker"
    return Node(f"node-{name}", name, role, state=str(others.pop("state", "down")),
                labels={LABEL_HOST: name} if others.pop("labelled", True) else {}, **others)


def restored(**others: Node) -> list[Node]:
    """The nodes right after the restore: m2 leads, nobody else was heard of."""
    nodes = {name: node(name) for name in ADDRESS}
    nodes["m2"] = node("m2", state="ready", voter=True, leader=True, reachability="reachable")
    return list({**nodes, **others}.values())


def members(
    says: Mapping[str, str], lost: Sequence[str] = (), nodes: Sequence[Node] | None = None, **shared: Any
) -> Members:
    decision = decide(says, lost, **shared)
    assert decision.refusals == ()
    nodes = restored() if nodes is None else nodes
    return restore.members(SOURCE, wanted(**shared), decision, facts(**says), nodes, NOW)


def ways(found: Members) -> dict[str, str]:
    return {item.host: item.way for item in found.returns}


def gone(found: Members) -> set[str]:
    return {item.node_id for item in found.ghosts}


@pytest.mark.parametrize(
    ("says", "lost", "expected", "ghosts"),
    [
        # Wiped managers join anew, and their entries go; workers stay what they were.
        ({}, (), {"m1": "join", "m3": "join", "w1": "follow", "w2": "follow"}, {"node-m1", "node-m3"}),
        ({"w1": "off", "w2": ""}, (), {"w1": "clean", "w2": "join"}, {"node-m1", "node-m3", "node-w1", "node-w2"}),
        ({"m1": "silent"}, ("m1",), {"m1": "lost", "m3": "join"}, {"node-m1", "node-m3"}),
        ({"w1": "silent"}, ("w1",), {"w1": "lost"}, {"node-m1", "node-m3", "node-w1"}),
        # A manager that stood still keeps its node, and loses its log.
        ({"m1": "log"}, ("m1",), {"m1": "follow", "m3": "join"}, {"node-m3"}),
        ({"m1": "log ended"}, ("m1",), {"m1": "clean"}, {"node-m1", "node-m3"}),
        ({"w1": "worker ended"}, (), {"w1": "clean"}, {"node-m1", "node-m3", "node-w1"}),
        ({"m1": "leftovers"}, (), {"m1": "clean"}, {"node-m1", "node-m3"}),
    ],
)  # fmt: skip
def test_how_hosts_come_back(
    says: dict[str, str], lost: Sequence[str], expected: dict[str, str], ghosts: set[str]
) -> None:
    found = members(says, lost)
    assert ways(found).items() >= expected.items()
    assert gone(found) == ghosts


def test_a_manager_that_was_stopped_first_joins_anew() -> None:
    found = members({"m1": "manager", "m3": "manager"}, swarm_allow_restore_running=True)
    assert ways(found) == {"m1": "join", "m3": "join", "w1": "follow", "w2": "follow"}
    assert gone(found) == {"node-m1", "node-m3"}


def test_a_worker_that_joined_after_the_archive_is_cleaned() -> None:
    nodes = [item for item in restored() if item.id != "node-w2"]
    found = members({}, nodes=nodes)
    assert ways(found)["w2"] == "clean"
    assert gone(found) == {"node-m1", "node-m3"}


def test_entries_without_our_labels_are_told_by_their_hostnames() -> None:
    nodes = restored(m1=node("m1", labelled=False), w1=node("w1", labelled=False))
    assert gone(members({"w1": ""}, nodes=nodes)) == {"node-m1", "node-m3", "node-w1"}


def test_managers_of_the_archive_that_are_no_host_are_nobodys() -> None:
    stranger = Node("node-m9", "m9", "manager", state="down")
    unlisted = Node("node-w9", "w9", "worker", state="down")
    assert gone(members({}, nodes=[*restored(), stranger, unlisted])) == {"node-m1", "node-m3", "node-m9"}


def test_restored_already_leaves_who_is_back() -> None:
    back = {"voter": True, "reachability": "reachable", "state": "ready"}
    nodes = restored(m1=node("m1", **back), w1=node("w1", state="ready"))
    says = {"m1": "manager", "m2": "manager done", "m3": "log"}
    found = members(says, nodes=nodes)
    assert ways(found) == {"m1": "member", "m3": "follow", "w1": "member", "w2": "follow"}
    assert gone(found) == set()


def test_a_voter_is_never_removed_as_an_entry() -> None:
    nodes = restored(m1=node("m1", voter=True, reachability="unreachable"))
    says = {"m1": "silent", "m2": "manager done"}
    assert "node-m1" not in gone(members(says, ("m1",), nodes=nodes))


STATES = st.sampled_from(["", "silent", "log", "leftovers", "worker", "off", "worker ended"])


@given(st.fixed_dictionaries(dict.fromkeys(("m1", "m3", "w1", "w2"), STATES)), st.booleans())
def test_nobody_that_is_kept_is_removed_and_the_restored_never(says: dict[str, str], labelled: bool) -> None:
    nodes = restored(**{name: node(name, labelled=labelled) for name in ("m1", "m3", "w1", "w2")})
    found = members(says, ["m1", "m3", "w1", "w2"], nodes)
    kept = {item.node_id for item in found.of(returning.MEMBER, returning.FOLLOW)} | {MANIFEST.node_id}
    assert not kept & gone(found)
    # Every manager of before is kept or gone: none is left that would count as a dead voter.
    assert {"node-m1", "node-m3"} <= kept | gone(found)
    assert len(found.returns) == 4


@given(st.fixed_dictionaries(dict.fromkeys(("m1", "m3", "w1", "w2"), STATES)))
def test_what_is_removed_leaves_a_swarm_that_provision_can_go_on_with(says: dict[str, str]) -> None:
    """The entries go although no majority of the wanted managers is there; then who votes is a majority."""
    found = members(says, ["m1", "m3", "w1", "w2"])
    steps = plan.next_steps(restored(), (), found.ghosts).steps
    assert {step.node_id for step in steps} == gone(found)
    nodes: tuple[Node, ...] = tuple(restored())
    for step in steps:
        nodes = plan.apply(nodes, step)
    assert plan.next_steps(nodes, (), found.ghosts).steps == ()
    # What is left of the managers of before are those that come back with their nodes.
    assert not {item.id for item in nodes if item.role == "manager"} & gone(found)


def test_an_entry_that_is_ready_or_votes_is_not_removed() -> None:
    nodes = restored(m1=node("m1", voter=True, reachability="reachable"), w1=node("w1", state="ready"))
    asked = [plan.Removal(f"{name}, entry", f"node-{name}", live=False, entry=True) for name in ("m1", "m3", "w1")]
    assert [step.node_id for step in plan.next_steps(nodes, (), asked).steps] == ["node-m3"]


def test_entries_are_not_removed_where_the_raft_has_no_majority() -> None:
    nodes = restored(m1=node("m1", voter=True, reachability="unreachable"))
    asked = [plan.Removal("m3, entry", "node-m3", live=False, entry=True)]
    assert plan.next_steps(nodes, (), asked).steps == ()


def test_who_did_not_come_back_is_removed_afterwards() -> None:
    found = members({"m1": "log", "m3": "log"}, ("m1", "m3"))
    failed: dict[str, Any] = {"failed": True, "msg": "no"}
    results = {"m1": {"way": "pointed"}, "m3": failed, "w1": {"way": "cleaned"}}
    assert {item.node_id for item in returning.late(found, results)} == {"node-m3", "node-w1", "node-w2"}


# -- provision goes on without those that are down -------------------------------------------------------------------


def given_up(says: Mapping[str, str], lost: Sequence[str], nodes: Sequence[Node]) -> provision.Decision:
    want = wanted(swarm_given_up=list(lost))
    seen = {name: item for name, item in facts(**says).items() if name not in lost}
    seen["m2"] = replace(seen["m2"], swarm=Swarm(SWARM), nodes=tuple(nodes), problem="",
                         membership=Membership("active", "node-m2", control=True))
    judgement = verdict.judge([seen[item.host] for item in want.managers], "")
    return provision.decide(want, judgement, seen)


def test_provision_goes_on_without_hosts_that_are_given_up() -> None:
    nodes = [item for item in restored() if item.host in ("m2", "w1", "w2")]
    nodes = [replace(item, state="ready") for item in nodes]
    decision = given_up({"m3": ""}, ["m1"], nodes)
    assert (decision.refusals, decision.unsettled) == ((), ())
    assert [join.host for join in decision.joins] == ["m3"]
    assert "m1" not in [order.host for order in decision.orders]


def test_entries_of_hosts_that_are_given_up_are_removed() -> None:
    nodes = [replace(item, state="ready") if item.host != "w1" else item for item in restored()
             if item.host in ("m2", "w1", "w2")]
    decision = given_up({}, ["m1", "m3", "w1"], nodes)
    assert decision.refusals == ()
    assert [(item.host, item.node_id, item.live) for item in decision.removals] == [("w1", "node-w1", False)]


def test_without_a_restore_nothing_is_given_up_and_the_rules_hold() -> None:
    assert not wanted().allowed
    assert wanted(swarm_given_up=[]).allowed >= inventory.COUNTING
    assert wanted(swarm_given_up="m1, w1").given_up == ("m1", "w1")
    assert [item.host for item in wanted(swarm_given_up=["m1"]).managers] == ["m2", "m3"]


# -- what came of it -------------------------------------------------------------------------------------------------


def told(says: Mapping[str, str], lost: Sequence[str] = (), **outcome: Any) -> tuple[list[str], dict[str, Any]]:
    found = members(says, lost)
    want = wanted(swarm_given_up=list(lost))
    return restore.report(SOURCE, want, found, facts(**says), Outcome("restore", "m2", lost=lost, **outcome), NOW)


def test_the_report() -> None:
    nodes = [replace(node(name), state="ready", voter=name.startswith("m"), reachability="reachable")
             for name in ("m2", "m3", "w1")]
    lines, data = told(
        {"m1": "silent"}, ("m1",), nodes=nodes,
        restored={"missing": {"secret": [["s9", "password"]]}, "extra": {}, "rotated": True, "aside": "/var/aside",
                  "phases": {"stop": 1.0, "force": 0.5}, "relocked": "A key was locked again."},
        followed={"w1": {"way": "reconnected", "interrupted": 0}, "w2": {"failed": True, "msg": "it broke."}},
        phases={"looking": 2.0, "restoring": 10.0}, backup="/backups/new.tar.gz",
    )  # fmt: skip
    assert data["hosts"]["m1"] == {"way": "lost", "identity": "none", "interrupted": 0, "error": ""}
    assert data["hosts"]["m3"]["identity"] == "new"
    assert data["hosts"]["w1"] == {"way": "reconnected", "identity": "kept", "interrupted": 0, "error": ""}
    assert data["hosts"]["w2"]["way"] == "failed"
    assert (data["age_seconds"], data["seconds"], data["missing"]) == (7200, 12.0, {"secret": [["s9", "password"]]})
    assert json.loads(json.dumps(data)) == data
    text = "\n".join(lines)
    for words in ("2 hours old", "missing  secret: password", "/var/aside", "A key was locked again.", "it broke",
                  "a new backup: /backups/new.tar.gz", "m1 is in the inventory, and not in the swarm", "force 0.5 s",
                  "w2 did not come back", "the unlock key was changed", "12 s in all"):  # fmt: skip
        assert words in text


def test_tasks_that_ended_are_counted_by_host() -> None:
    seen = facts()
    seen["m2"] = replace(seen["m2"], state=replace(seen["m2"].state, containers=("c1", "c2")))
    outcome = Outcome("restore", "m2", followed={"w1": {"way": "pointed", "interrupted": 3}, "w2": {"way": "none"}})
    lines, data = restore.report(SOURCE, wanted(), members({}), seen, outcome, NOW)
    assert [data["hosts"][name]["interrupted"] for name in ("m2", "w1", "w2")] == [2, 3, 0]
    assert any("w1" in line and "3 task containers ended" in line for line in lines)


def test_long_after_a_restore_the_swarm_is_not_compared() -> None:
    outcome = Outcome("nothing", "m2", {"missing": {"node": [["node-m1", "m1"]]}})
    found = members({"m2": "manager done"})
    _lines, data = restore.report(SOURCE, wanted(), found, facts(), outcome, NOW + timedelta(days=3))
    assert (data["missing"], [line for line in data["to_do"] if "missing" in line]) == ({}, [])


def test_the_plan_is_one_line_a_deed() -> None:
    decision = decide({"m1": "silent", "m3": "log"}, ("m1", "m3"))
    found = restore.members(SOURCE, wanted(), decision, facts(m1="silent", m3="log"), restore.foreseen(MANIFEST), NOW)
    steps = restore.plan_of(SOURCE, decision, found)
    assert [(step.kind, step.host) for step in steps] == [
        ("restore", "m2"), ("remove", "m1"), ("lost", "m1"), ("follow", "m3"), ("follow", "w1"), ("follow", "w2"),
    ]  # fmt: skip


# -- what else is kept, and whose nodes cannot follow ----------------------------------------------------------------

TAKEN = datetime.fromisoformat(MANIFEST.taken_at)
LATER, BEFORE = TAKEN + timedelta(hours=1), TAKEN - timedelta(hours=1)


@pytest.mark.parametrize(
    ("kept", "identifiers", "says"),
    [
        (restore.Kept(), [], ""),
        (restore.Kept("/backups/a.tar.gz", TAKEN), ["restore_youngest_archive"], ""),
        (restore.Kept("/backups/b.tar.gz", LATER), ["restore_younger_archive"],
         "swarm_restore_archive=/backups/b.tar.gz"),
        (restore.Kept("/backups/a.tar.gz", TAKEN, "recover-1.json", LATER),
         ["restore_youngest_archive", "restore_before_recovery"], "Restore it only where nothing younger is left."),
        (restore.Kept("/backups/b.tar.gz", LATER, "recover-1.json", LATER, new_root=True),
         ["restore_younger_archive", "restore_before_recovery"], "The root certificate was changed then"),
        (restore.Kept("/backups/a.tar.gz", TAKEN, "recover-1.json", BEFORE), ["restore_youngest_archive"], ""),
    ],
)  # fmt: skip
def test_an_older_archive_than_is_kept_is_told_before_any_host_is_asked(
    kept: restore.Kept, identifiers: list[str], says: str
) -> None:
    notes = [item for item in restore.preflight(SOURCE, wanted(), GROUPS, kept=kept).notes
             if item.id.startswith(("restore_young", "restore_before"))]
    assert [item.id for item in notes] == identifiers
    assert says in " ".join(item.sentence() for item in notes)


def with_roots(*roots: str, name: str = "w1") -> dict[str, HostFacts]:
    found = facts()
    return {**found, name: replace(found[name], state=replace(found[name].state, roots=roots))}


@pytest.mark.parametrize(
    ("roots", "unable"), [((), False), (("old",), False), (("new",), True), (("new", "old"), False)])
def test_workers_that_trust_another_root_certificate_cannot_follow(roots: tuple[str, ...], unable: bool) -> None:
    """While a change is under way a node trusts both. What is not known is no reason."""
    source = replace(SOURCE, roots=("old",))
    found = with_roots(*roots)
    refusals = [item.id for item in restore.decide(source, wanted(), "m2", found).refusals]
    assert ("restore_workers_cannot_follow" in refusals) is unable
    allowed = wanted(swarm_allow_restore_new_workers=True)
    decision = restore.decide(source, allowed, "m2", found)
    assert "restore_workers_cannot_follow" not in [item.id for item in decision.refusals]
    members = restore.members(source, allowed, decision, found, restore.foreseen(source.manifest))
    assert {item.host: item.way for item in members.returns}["w1"] == ("clean" if unable else "follow")


def test_a_host_that_was_given_the_address_is_not_two() -> None:
    decision = decide({"m3": "has_m2", "m2": "silent"}, ["m2"], "m3")
    assert [item.id for item in decision.refusals] == ["restore_address_of_another"]
    assert "Take m2 out of the inventory, or correct its ansible_host." in decision.refusals[0].remedy
