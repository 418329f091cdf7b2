# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of hosts whose state on the disk could not be read: nothing of theirs is moved, made anew or given up.

The scenes are those of the other tests of the core.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    heal,
    health,
    provision,
    recover,
    restore,
    returning,
    unread,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.heal import DAEMON, REBOOT, REJOIN
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Engine, HostFacts, LocalState, Membership
from hypothesis import given
from hypothesis import strategies as st

from . import test_heal, test_recover, test_restore

WHY = "/srv/docker/swarm: Permission denied"
PLACELESS = LocalState(unread=WHY)


def hide(item: HostFacts, stopped: bool = True) -> HostFacts:
    """The same host, whose disk does not say what it holds."""
    if not item.answered:
        return item
    dead: dict[str, Any] = {"engine": Engine(True), "membership": Membership(), "problem": "no_engine", "nodes": (),
                            "swarm": None}
    return replace(item, state=PLACELESS, certificate_expires="", **(dead if stopped else {}))


# --- heal -------------------------------------------------------------------------------------------------------------


def healed(hosts: dict[str, HostFacts], **entries: Any) -> heal.Found:
    facts = {name: hosts.get(name) or test_heal.host(name) for name in ("m1", "m2", "m3", "w1", "w2")}
    return heal.find(test_heal.wanted(), test_heal.view(**entries), facts, test_heal.NOW, reboot=True)


def test_heal_starts_a_manager_that_cannot_be_read_and_moves_nothing() -> None:
    found = healed({"m2": hide(test_heal.host("m2"))}, m2="gone")
    (sick,) = found.sick
    assert sick.rungs == (DAEMON, REBOOT)
    assert WHY in sick.what
    assert "nothing of the swarm" not in sick.what
    assert "systemctl start docker" in sick.remedy


def test_heal_leaves_a_stranger_that_cannot_be_read_alone() -> None:
    (sick,) = healed({"m2": hide(test_heal.host("m2"))}, m2="unlisted").sick
    assert sick.rungs == ()


def test_heal_says_nothing_of_one_that_works() -> None:
    assert healed({"m2": hide(test_heal.host("m2"), stopped=False)}).sick == ()


@given(st.sampled_from(["", "gone", "locked", "unlisted"]), st.booleans(), st.sampled_from(["m2", "w1"]))
def test_heal_never_moves_what_was_not_read(entry: str, stopped: bool, name: str) -> None:
    found = healed({name: hide(test_heal.host(name), stopped)}, **{name: entry})
    assert all(REJOIN not in sick.rungs for sick in found.sick if sick.host == name)


# --- recover ----------------------------------------------------------------------------------------------------------


def lost(**says: str | HostFacts) -> recover.Loss:
    facts = {}
    for name in test_recover.ADDRESS:
        word = says.get(name, "blind")
        facts[name] = word if isinstance(word, HostFacts) else test_recover.host(name, word)
    return recover.loss(test_recover.wanted(), facts)


def test_recover_never_says_that_there_is_no_state() -> None:
    hidden = {name: hide(test_recover.host(name)) for name in test_recover.MANAGERS}
    found = lost(**hidden)
    assert {item.id for item in found.refusals} == {"state_unread"}
    assert all("restore" not in item.sentence() for item in found.refusals)


def test_recover_gives_nobody_up_that_could_not_be_read() -> None:
    found = lost(m1="silent", m2=hide(test_recover.host("m2")), m3="silent")
    assert [(item.id, item.host) for item in found.refusals] == [("state_unread", "m2")]
    assert "power the host off" in found.refusals[0].remedy


def test_recover_sends_nobody_to_restore_while_managers_are_reached_that_modules_cannot_look_at() -> None:
    mute = replace(HostFacts.silent("m2", "there is no sudo on it"), reached=True)
    found = lost(m1="silent", m2=mute, m3="silent", m4="silent", m5="silent")
    assert [(item.id, item.host) for item in found.refusals] == [("recover_reached", "m2")]
    assert "restore" not in found.refusals[0].sentence()


def test_recover_does_not_mind_a_worker() -> None:
    found = lost(m1="silent", m2="silent", m3="silent", w1=hide(test_recover.host("w1")))
    assert found.refusals == ()


# --- restore ----------------------------------------------------------------------------------------------------------


def decided(wanted: Wanted, lost: tuple[str, ...] = (), **hosts: HostFacts) -> restore.Decision:
    facts = {name: hosts.get(name) or test_restore.host(name, "bare") for name in test_restore.ADDRESS}
    return restore.decide(test_restore.SOURCE, wanted, "m2", facts, lost)


def test_restore_asks_before_it_replaces_what_was_not_read() -> None:
    hidden = hide(test_restore.host("m2", "bare"), stopped=False)
    refusals = decided(test_restore.wanted(), m2=hidden).refusals
    assert [(item.id, item.relaxed_by) for item in refusals] == [("state_unread", unread.ALLOW)]
    assert decided(test_restore.wanted(swarm_allow_unread_state=True), m2=hidden).refusals == ()


def test_restore_wants_a_word_for_others_that_were_not_read() -> None:
    hidden = hide(test_restore.host("m3", "bare"))
    (refusal,) = decided(test_restore.wanted(), m3=hidden).refusals
    assert refusal.id == "restore_silent"
    assert WHY in refusal.fact
    assert '"m3"' in refusal.remedy
    assert decided(test_restore.wanted(), ("m3",), m3=hidden).refusals == ()


def test_who_was_not_read_is_left_alone_when_the_others_come_back() -> None:
    facts = {name: test_restore.host(name, "bare") for name in test_restore.ADDRESS}
    facts["m3"] = hide(facts["m3"])
    members = returning.members(test_restore.MANIFEST, test_restore.wanted(), "m2", facts, ())
    (way,) = (item for item in members.returns if item.host == "m3")
    assert way.way == returning.SILENT
    assert WHY in way.why


# --- all --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "severity"), [("m2", "critical"), ("w1", "warning")])
def test_health_names_it(name: str, severity: str) -> None:
    facts = {one: test_heal.host(one) for one in ("m1", "m2", "m3", "w1", "w2")}
    facts[name] = hide(facts[name])
    judged = verdict.Judgement("degraded", "", test_heal.view())
    found = [item for item in health.examine(judged, test_heal.wanted(), facts, test_heal.NOW)
             if item.id == "state_unread"]
    assert [(item.host, item.severity) for item in found] == [(name, severity)]


def test_nothing_is_made_anew_beside_it() -> None:
    facts = {one: replace(test_heal.host(one, "wiped"), nodes=()) for one in ("m1", "m2", "m3", "w1", "w2")}
    facts["w1"] = replace(facts["w1"], state=PLACELESS)
    decision = provision.decide(test_heal.wanted(), verdict.Judgement("absent", ""), facts)
    assert "state_unread" in [item.id for item in decision.refusals]


def test_who_is_not_root_is_told_once() -> None:
    facts = [replace(test_heal.host(name), root=False, state=LocalState(unread=f"{unread.NOT_ROOT} (x)"))
             for name in ("m1", "m2")]
    (finding,) = unread.not_root([*facts, test_heal.host("m3"), HostFacts.silent("w1", "no route")])
    assert (finding.id, finding.severity) == ("not_root", "critical")
    assert finding.fact.startswith("m1, m2 were asked as a user who is not root")
    judged = verdict.Judgement("healthy", "", test_heal.view())
    ids = [item.id for item in health.examine(judged, test_heal.wanted(), {item.host: item for item in facts},
                                              test_heal.NOW)]
    assert ids.count("not_root") == 1
    assert "state_unread" not in ids


def test_docker_that_stays_down_after_a_power_cut_is_told() -> None:
    facts = [replace(test_heal.host("m1"), not_at_boot="docker.service is disabled"),
             replace(test_heal.host("m2"), not_at_boot="docker.service is masked"), test_heal.host("m3")]
    found = unread.not_at_boot(facts)
    assert [(item.host, item.remedy) for item in found] == [
        ("m1", "systemctl enable docker.service"), ("m2", "systemctl unmask docker.service")]
