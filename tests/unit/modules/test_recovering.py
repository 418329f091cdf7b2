# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A survivor's state is copied, read, and made the swarm: on a scripted engine, killed at every point, and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import host, recovering, reinit, statedir, surveying
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.archives import OTHER_KEY
from tests.unit.modules.restoring import NEW_KEY, Killed, Machine, forged, killed_at, lay, settle_in, tree
from tests.unit.modules.scripted import Script


class Survivor:
    """A machine with a manager's state, whose Docker runs and finds no leader."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.keys = [OTHER_KEY, machine.unlock_key] if machine.unlock_key else []
        statedir.remove(str(machine.swarm))
        lay(machine.swarm, machine.archived)
        machine.place = "pending"
        self.swarm_id = machine.state.certificate.swarm

    def survey(self, check: bool = False) -> dict[str, Any]:
        return surveying.survey(self.machine.engine, self.swarm_id, self.keys, 2.0, check)

    def recover(self, source: str, check: bool = False, **others: Any) -> dict[str, Any]:
        wanted = {"swarm_id": self.swarm_id, "unlock_keys": tuple(self.keys), "timeout": 2.0, **others}
        return recovering.recover(self.machine.engine, recovering.Request(source=source, **wanted), check)

    def back(self) -> dict[str, Any]:
        return surveying.back(self.machine.engine, self.keys, 2.0, False)


Make = Callable[..., Survivor]


@pytest.fixture
def make(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(locked: bool = True) -> Survivor:
        for folder in ("docker", "own", "run"):
            statedir.remove(str(tmp_path / folder))
        machine = Machine(tmp_path, script, *forged(locked))
        settle_in(monkeypatch, tmp_path, machine)
        address = machine.state.log.owner.address.rpartition(":")[0]
        monkeypatch.setattr(host, "addresses", lambda: [{"address": address}])
        return Survivor(machine)

    return make


@pytest.mark.parametrize("locked", [True, False])
def test_a_survivor_becomes_the_swarm(make: Make, locked: bool) -> None:
    here = make(locked)
    machine = here.machine
    before = tree(machine.swarm)
    told = here.survey()
    assert (told["changed"], told["lower_bound"], told["error"], told["damage"]) == (True, False, "", [])
    assert (told["locked"], told["node_id"]) == (locked, machine.state.certificate.node)
    assert (told["commit"], told["last_index"]) == (machine.state.position.commit, machine.state.position.last_index)
    assert not machine.running, "Docker stays stopped"
    assert tree(told["aside"]) == tree(machine.swarm) == before

    result = here.recover(told["aside"])
    assert (result["changed"], result["swarm_id"]) == (True, here.swarm_id)
    assert (result["rotated"], result["autolock"], machine.rotations) == (locked, locked, int(locked))
    assert machine.unlock_key == (NEW_KEY if locked else "")
    assert machine.place == "active"
    assert not locked or machine.clear_keys == []
    here.keys.append(machine.unlock_key)
    assert here.recover(told["aside"])["changed"] is False
    assert here.recover("")["changed"] is False


@pytest.mark.parametrize(("place", "patience"), [("pending", surveying.ENDING), ("active", 0.0)])
def test_only_a_manager_without_a_leader_is_killed_where_it_does_not_end(
    make: Make, monkeypatch: pytest.MonkeyPatch, place: str, patience: float
) -> None:
    here = make()
    here.machine.place = place
    seen: list[tuple[object, ...]] = []

    def daemon(*args: object) -> Machine:
        seen.append(args)
        return here.machine

    monkeypatch.setattr(reinit, "HostDaemon", daemon)
    here.survey()
    assert [args[3:] for args in seen] == [(patience,)]


def test_check_mode_reads_and_touches_nothing(make: Make) -> None:
    here = make()
    told = here.survey(check=True)
    assert (told["changed"], told["aside"], told["lower_bound"]) == (True, "", True)
    assert told["commit"] == here.machine.state.position.commit
    assert here.machine.calls == []
    assert not here.machine.own.exists()


def test_killed_at_every_point_the_next_run_ends_it(make: Make) -> None:
    """Before the force was seen, the next run takes it back and begins anew; after it, it goes on."""
    number, through = 0, False
    while not through:
        number += 1
        here = make()
        machine, old_key = here.machine, here.machine.unlock_key
        with killed_at(number) as seen:
            try:
                here.recover(here.survey()["aside"])
                through = True
            except Killed:
                pass
        where = seen[-1]
        entry = machine.journal().read()
        here.keys.append(machine.unlock_key)
        if entry is None or not entry.reached("forced"):
            here.back()
            assert machine.running, where
            assert tree(machine.swarm)["raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal"], where
            here.recover(here.survey()["aside"])
        else:
            here.recover("")
        assert (machine.place, machine.clear_keys) == ("active", []), where
        assert machine.unlock_key != old_key, where
        here.keys.append(machine.unlock_key)
        assert here.recover("")["changed"] is False, where
    assert number > 30


def test_back_starts_what_was_stopped(make: Make) -> None:
    here = make()
    here.survey()
    assert here.back()["changed"] is True
    assert here.machine.running
    assert here.machine.place == "active", "unlocked, too"
    assert here.back()["changed"] is False


def test_back_says_that_no_key_fits(make: Make) -> None:
    here = make()
    here.survey()
    here.keys = [OTHER_KEY]
    with pytest.raises(Refused, match="none of the 1 unlock keys that are kept fits"):
        here.back()


def test_it_is_refused_and_nothing_is_changed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    source = here.survey()["aside"]
    before = tree(here.machine.swarm)

    def refused(words: str, source: str = source, **others: Any) -> None:
        with pytest.raises(Refused, match=f"^This step changed nothing.*{words}"):
            here.recover(source, **others)

    refused("is of swarm", swarm_id="another")
    refused("none of the unlock keys", unlock_keys=(OTHER_KEY,))
    refused("is not a state that swarm_survey copied aside", source="/etc")
    refused("is not a state that swarm_survey copied aside", source="")
    monkeypatch.setattr(host, "addresses", lambda: [{"address": "203.0.113.9"}])
    refused("this manager is known to its swarm as")
    assert tree(here.machine.swarm) == before
    assert here.machine.inits == []
    here.back()
    refused("this manager finds a leader")


def test_a_survey_of_another_swarm_is_refused(make: Make) -> None:
    here = make()
    here.swarm_id = "another"
    with pytest.raises(Refused, match="This step changed nothing"):
        here.survey()
    assert here.machine.running


def test_the_fence_is_made_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    engine = here.machine.engine
    with pytest.raises(Refused, match="no recovery ended on this host"):
        recovering.fence(engine, [], True, 2.0, False)
    here.recover(here.survey()["aside"])
    asked: list[Any] = []

    def apply(_engine: Any, wanted: Any, check: bool) -> None:
        assert not check
        asked.append(wanted)
        if wanted.ca and len(asked) < 3:
            raise recovering.settings.NotDone("w1 (down) has no new certificate.")

    monkeypatch.setattr(recovering.settings, "apply", apply)
    first = recovering.fence(engine, [], True, 2.0, False)
    assert (first["changed"], first["fenced"]) == (True, recovering.BEGUN)
    assert "w1 (down)" in first["problem"]
    rotated = [(one.worker_token, one.manager_token, one.ca) for one in asked]
    assert rotated == [(True, True, False), (False, False, True)]
    monkeypatch.setattr(type(engine), "swarm", lambda _self: {"RootRotationInProgress": True})
    assert recovering.fence(engine, [], True, 2.0, False)["fenced"] == recovering.CA
    assert recovering.fence(engine, [], True, 2.0, False)["changed"] is False
    assert len(asked) == 3


def test_without_a_new_root_the_fence_is_whole(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator said once that the given-up are off for certain; a run to which nobody says so changes nothing."""
    here = make()
    here.recover(here.survey()["aside"])
    monkeypatch.setattr(recovering.settings, "apply", lambda *_args, **_options: None)
    first = recovering.fence(here.machine.engine, [], False, 2.0, False)
    assert (first["changed"], first["fenced"]) == (True, recovering.SURE)
    for ca in (True, False):
        assert recovering.fence(here.machine.engine, [], ca, 2.0, False)["changed"] is False
