# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a phase from what stages registered; and what a run says of a phase that left no result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import phases
from ansible_collections.quorum.swarm.plugins.module_utils.core.phases import Phase, Unplayable

GROUPS = {
    "all": ["m1", "m2", "fd00::3", "w1", "m9"],
    "swarm_managers": ["m1", "m2", "fd00::3"],
    "swarm_workers": ["w1", "m2"],
    "swarm_absent": ["m9", "gone"],
}
BEGUN = {"begun": True, "compromised": ["gone"]}


def memory(playbook: str, **told: Any) -> dict[str, Any]:
    return {phases.guard_of(playbook): BEGUN, **told}


PLAN = {"phases": {"joins": ["w1", "m2"], "init": [], "actor": ["m1"]}}
JUDGED = {"what": "recover", "bring": ["m2"], "again": False}


@pytest.mark.parametrize(
    ("playbook", "name", "told", "hosts"),
    [
        ("provision", "judge", {}, ["localhost"]),
        ("provision", "observe", {}, ["m1", "m2", "fd00::3", "m9"]),
        ("health", "workers", {}, ["w1"]),
        ("recover", "observe", {}, ["m1", "m2", "fd00::3", "w1", "m9"]),
        ("provision", "join", {"__swarm_plan": PLAN}, ["w1", "m2"]),
        ("provision", "init", {"__swarm_plan": PLAN}, []),
        ("restore", "follow", {"__swarm_restore_order": {"phases": {"restore": ["m1"]}},
                               "__swarm_restore_members": {"follow": {"w1": {}, "gone": {}}}}, ["w1"]),
        ("drill", "drill", {"__swarm_drill_chosen": {"host": "w1"}}, ["w1"]),
        ("drill", "drill", {"__swarm_drill_chosen": {"host": ""}}, []),
        ("rejoin", "observe", {"__swarm_heal_start": {"node": "w1"}}, ["m1", "m2", "fd00::3", "w1"]),
        ("rejoin", "observe", {"__swarm_heal_start": {"node": "m2"}}, ["m1", "m2", "fd00::3"]),
        ("recover", "await", {"__swarm_recover_judged": JUDGED}, ["m1", "m2", "fd00::3"]),
        ("recover", "look", {"__swarm_recover_judged": JUDGED}, []),
        ("recover", "brought", {"__swarm_recover_judged": JUDGED}, ["localhost"]),
        ("recover", "brought", {"__swarm_recover_judged": {**JUDGED, "what": "nothing"}}, []),
        ("recover", "confirm", {"__swarm_recover_judged": JUDGED, "__swarm_recover_brought": {"what": "recover"}},
         ["localhost"]),
        # A stage that had nothing to do left nothing, and what follows from it has nothing to do either.
        ("recover", "confirm", {"__swarm_recover_judged": {**JUDGED, "what": "nothing"}}, []),
        ("recover", "force", {"__swarm_recover_judged": {**JUDGED, "what": "nothing"}}, []),
        ("backup", "back_up", {"__swarm_backup_order": {"skipped": True}}, []),
    ],
)  # fmt: skip
def test_the_hosts_of_a_phase(playbook: str, name: str, told: dict[str, Any], hosts: list[str]) -> None:
    assert phases.hosts(playbook, name, memory(playbook, **told), GROUPS) == hosts


def test_a_play_may_say_that_it_has_nothing_to_do() -> None:
    assert phases.hosts("provision", "look", memory("provision"), GROUPS, when=False) == []


@pytest.mark.parametrize(
    ("playbook", "name", "told", "says"),
    [
        ("recover", "fences", {}, "fences is no phase of the playbook recover"),
        ("recovery", "fence", {}, "recovery is no playbook"),
        ("provision", "join", {}, "The stage decide of provision left no result (__swarm_plan)"),
        ("provision", "join", {"__swarm_plan": {"phases": {}}}, "__swarm_plan has no phases.joins"),
        ("provision", "join", {"__swarm_plan": {"phases": {"joins": 3}}}, "names no hosts"),
        ("recover", "confirm", {"__swarm_recover_judged": JUDGED}, "The stage brought of recover left no result"),
        ("drill", "drill", {"__swarm_drill_chosen": {"host": "w1,m1"}}, "'w1,m1' is taken apart by Ansible"),
        ("drill", "drill", {"__swarm_drill_chosen": {"host": "swarm_workers"}}, "the name of a group"),
    ],
)
def test_what_ends_the_playbook(playbook: str, name: str, told: dict[str, Any], says: str) -> None:
    with pytest.raises(Unplayable) as caught:
        phases.hosts(playbook, name, memory(playbook, **told), GROUPS)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("result", "begun"),
    [(None, None), ({"begun": True}, True), ({"begun": False}, False), ({"skipped": True, "changed": False}, False)],
)
def test_whether_a_playbook_has_begun(result: dict[str, Any] | None, begun: bool | None) -> None:
    assert phases.begun("drill", {} if result is None else {phases.guard_of("drill"): result}) is begun


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A playbook of a few phases, whatever becomes of the real ones."""
    made = (Phase("guard", phases.CONTROLLER), Phase("look", phases.MANAGERS, registers=("__swarm_seen",)),
            Phase("members", phases.CONTROLLER, registers=("__swarm_members",)),
            Phase("follow", told="__swarm_members.follow", registers=("__swarm_followed",)),
            Phase("again", phases.MANAGERS, asked=True, registers=("__swarm_again",)),
            Phase("fence", told="__swarm_members.fence", registers=("__swarm_fenced",), needed=True))  # fmt: skip
    monkeypatch.setitem(phases.PLAYBOOKS, "made", made)


MADE = memory("made", __swarm_members={"follow": {"w1": {}}, "fence": ["m1"]})
HOSTS: dict[str, dict[str, Any]] = {host: {"__swarm_seen": {}} for host in ("m1", "m2", "fd00::3")}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, [("phase_without_result", "w1"), ("phase_without_result", "m1")]),
        ({"w1": {"__swarm_followed": {"unreachable": True}},
          "m1": {"__swarm_fenced": {"fenced": "ca"}}}, []),
        ({"w1": {"__swarm_followed": {"skipped": True}},
          "m1": {"__swarm_fenced": {"failed": True, "msg": "no quorum"}}},
         [("phase_failed", "m1")]),
        ({"w1": {"__swarm_followed": {"failed": True}},
          "m1": {"__swarm_fenced": {"fenced": "begun", "problem": "not everywhere"}}},
         [("phase_failed", "m1")]),
        ({"w1": {"__swarm_followed": {"failed": True}},
          "m1": {"__swarm_fenced": {"unreachable": True}}}, [("phase_failed", "m1")]),
    ],
)  # fmt: skip
def test_absent_is_failed(more: dict[str, Any], said: list[tuple[str, str]]) -> None:
    results = {host: {**HOSTS.get(host, {}), **more.get(host, {})} for host in (*HOSTS, "w1")}
    found = phases.missing("made", MADE, GROUPS, results)
    assert [(item.id, item.host) for item in found] == said, found


def test_a_fence_that_is_absent_is_named() -> None:
    found = phases.missing("made", MADE, GROUPS, {**HOSTS, "w1": {"__swarm_followed": {}}})
    assert found[0].sentence().startswith("m1: The phase fence of made was planned for m1 and left no result there "
                                          "(__swarm_fenced).")
