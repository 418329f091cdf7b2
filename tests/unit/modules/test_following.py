# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_follow does on its host: a state that a real engine left, an engine that is scripted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import following, journal, reinit, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import ENGINE_SETTINGS
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.archives import OTHER_KEY, capture
from tests.unit.kept_archives import LOCKED
from tests.unit.modules.restoring import Killed, Machine, killed_at, settle_in, tree
from tests.unit.modules.scripted import Script

MANAGER = ("n1", "192.0.2.11:2377")
OLD_MANAGERS = [{"node_id": "n7", "addr": "192.0.2.17:2377"}]


class Follower:
    """A host that was in the swarm before, and what its engine makes of its directory."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.before = dict(machine.archived)
        statedir.remove(str(machine.swarm))
        for name, content in self.before.items():
            (machine.swarm / name).parent.mkdir(parents=True, exist_ok=True)
            (machine.swarm / name).write_bytes(content)
        (machine.swarm / ENGINE_SETTINGS).write_bytes(b"{}")
        self.before[ENGINE_SETTINGS] = b"{}"
        self.knows(OLD_MANAGERS)
        self.ids = machine.state.certificate
        self.containers: list[str] = []
        machine.place = "active"
        machine.script.say("GET /info", self.info)
        machine.script.say("GET /containers/json", lambda _request: (200, [
            {"Id": one, "Labels": {"com.docker.swarm.task.id": "x"}} for one in self.containers]
            + [{"Id": "own", "Labels": {}}]))  # fmt: skip
        self.keys: list[str] = [machine.unlock_key]

    def knows(self, managers: list[dict[str, str]]) -> None:
        text = json.dumps(managers).encode()
        (self.machine.swarm / "state.json").write_bytes(text)
        self.before["state.json"] = text

    def as_worker(self, patch: pytest.MonkeyPatch) -> None:
        """Its certificate is a worker's, and no log lies there."""
        real = statedir.node_certificate
        patch.setattr(statedir, "node_certificate", lambda root: (found := real(root)) and replace(
            found, role="swarm-worker"))  # fmt: skip
        statedir.remove(str(self.machine.swarm / "raft"))
        self.before = {path: content for path, content in self.before.items() if not path.startswith("raft/")}

    def info(self, request: Any) -> tuple[int, Any]:
        status, found = self.machine._info(request)
        if status == 200 and found["Swarm"]["LocalNodeState"] == "active":
            known = statedir.known_managers(str(self.machine.root))
            found["Swarm"]["RemoteManagers"] = [{"NodeID": node, "Addr": addr} for node, addr in known]
        return status, found

    def follow(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        given = {"swarm_id": self.ids.swarm, "node_ids": (self.ids.node, "n1"), "managers": (MANAGER,),
                 "unlock_keys": tuple(self.keys), "timeout": 1.0, **changes}  # fmt: skip
        return following.follow_swarm(self.machine.engine, following.Request(**given), check)


Make = Callable[[], Follower]


@pytest.fixture
def make(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make() -> Follower:
        for folder in ("docker", "own", "run"):
            statedir.remove(str(tmp_path / folder))
        one = capture(LOCKED)
        machine = Machine(tmp_path, script, one.files, one.unlock_key)
        settle_in(monkeypatch, tmp_path, machine)
        return Follower(machine)

    return make


def test_a_manager_comes_back_as_the_node_that_it_was(make: Make) -> None:
    here = make()
    here.containers = ["a", "b"]
    result = here.follow(containers=("a", "c"))
    assert (result["changed"], result["way"], result["node_id"]) == (True, "pointed", here.ids.node)
    assert (result["kept"], result["interrupted"]) == (1, 1)
    assert here.machine.calls == ["stop", "start"]
    assert statedir.known_managers(str(here.machine.root)) == [MANAGER]
    assert not (here.machine.swarm / "raft").exists(), "it would start with the members of before"
    log = {path.removeprefix("raft/"): content for path, content in here.before.items() if path.startswith("raft/")}
    assert tree(result["aside"]) == log
    assert here.machine.place == "active"
    # The log that it gets from the swarm is a manager's again: so the second run tells it once more.
    assert here.follow()["way"] == "pointed"


def test_a_worker_that_knows_the_manager_is_left_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    here.as_worker(monkeypatch)
    here.knows([{"node_id": "n1", "addr": MANAGER[1]}])
    here.containers = ["a"]
    for _time in range(2):
        result = here.follow(containers=("a",))
        assert (result["changed"], result["way"], result["aside"]) == (False, "reconnected", "")
        assert (result["kept"], result["interrupted"]) == (1, 0)
    assert (here.machine.calls, tree(here.machine.swarm)) == ([], here.before)


def test_it_is_heard_of_before_its_tasks_are_counted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker forgets the dead managers when it has found the living one. Not to see it is no failure."""
    here = make()
    here.as_worker(monkeypatch)
    both = [{"node_id": "dead", "addr": "198.18.0.99:2377"}, {"node_id": MANAGER[0], "addr": MANAGER[1]}]
    here.knows(both)
    monkeypatch.setattr(following, "FINDING", 0.3)
    begun = time.monotonic()
    assert here.follow()["way"] == "reconnected"
    assert time.monotonic() - begun >= 0.3
    monkeypatch.setattr(following, "FINDING", 30.0)
    timer = threading.Timer(0.3, here.knows, [both[1:]])
    timer.start()
    begun = time.monotonic()
    assert here.follow()["way"] == "reconnected"
    assert 0.2 < time.monotonic() - begun < 15


def test_a_worker_that_does_not_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    here.as_worker(monkeypatch)
    result = here.follow()
    assert (result["changed"], result["way"], result["aside"]) == (True, "pointed", "")
    assert not (here.machine.own / "aside").exists()
    assert (here.machine.swarm / "state.json").stat().st_mode & 0o777 == 0o600
    result = here.follow()
    assert (result["changed"], result["way"]) == (False, "reconnected")


def test_docker_is_started_anew_before_a_worker_is_promoted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    here.as_worker(monkeypatch)
    here.knows([{"node_id": MANAGER[0], "addr": MANAGER[1]}])
    result = here.follow(restart=True)
    assert (result["changed"], result["way"], result["aside"]) == (True, "pointed", "")
    assert here.machine.calls == ["stop", "start"]


def test_it_is_never_cleaned_for_that(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    here.as_worker(monkeypatch)
    with pytest.raises(following.Refused, match="is not the node that is to become a manager"):
        here.follow(restart=True, node_ids=())
    assert (here.machine.calls, tree(here.machine.swarm)) == ([], here.before)


CLEANED = [{"swarm_id": "s9"}, {"node_ids": ("n1",)}, {"keep": False}]


@pytest.mark.parametrize("wanted", CLEANED)
def test_what_must_not_come_back_is_moved_aside_whole(make: Make, wanted: dict[str, Any]) -> None:
    here = make()
    here.containers = ["a"]
    result = here.follow(containers=("a",), **wanted)
    assert (result["changed"], result["way"], result["node_id"]) == (True, "cleaned", "")
    assert tree(result["aside"]) == here.before
    assert (here.machine.calls, here.machine.place, tree(here.machine.swarm)) == (["stop", "start"], "inactive", {})
    again = here.follow(**wanted)
    assert (again["changed"], again["way"], again["aside"]) == (False, "none", "")


def test_a_certificate_that_has_ended(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    real = statedir.node_certificate
    monkeypatch.setattr(statedir, "node_certificate", lambda root: (found := real(root)) and replace(
        found, not_after=found.not_after - timedelta(days=400)))  # fmt: skip
    assert here.follow()["way"] == "cleaned"


@pytest.mark.parametrize("wanted", [{}, *CLEANED])
def test_check_mode_changes_nothing(make: Make, wanted: dict[str, Any]) -> None:
    here = make()
    result = here.follow(check=True, **wanted)
    assert (result["changed"], result["way"]) == (True, "cleaned" if wanted else "pointed")
    assert (here.machine.calls, tree(here.machine.swarm)) == ([], here.before)
    assert not (here.machine.own / "aside").exists()


def test_a_host_that_was_cleaned_and_not_started_is_started(make: Make) -> None:
    here = make()
    statedir.remove(str(here.machine.swarm))
    here.machine.running = False
    assert here.follow(check=True)["changed"] is True
    assert here.machine.calls == []
    result = here.follow()
    assert (result["changed"], result["way"], here.machine.running) == (True, "none", True)
    assert here.follow()["changed"] is False


def test_a_manager_that_locks_itself_is_unlocked_with_the_key_that_fits(make: Make) -> None:
    here = make()
    key = here.keys[0]
    here.keys = [OTHER_KEY, "none", key, "never tried"]
    here.follow()
    tried = [request.body["UnlockKey"] for request in here.machine.script.said("POST /swarm/unlock")]
    assert tried == [OTHER_KEY, "none", key]


def test_without_the_key_it_is_told(make: Make) -> None:
    here = make()
    here.keys = [OTHER_KEY]
    with pytest.raises(Refused, match=r"^This host does not come back to the swarm within 0 s: this node is 'locked'"
                                      r" \(no reason given\)\. Look whether it reaches 192.0.2.11:2377"):  # fmt: skip
        here.follow(timeout=0.3)


def test_who_still_follows_others_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    monkeypatch.setattr(statedir, "point_at", lambda *_args: None)
    with pytest.raises(Refused, match=r"it still follows 192\.0\.2\.17:2377\."):
        here.follow(timeout=0.3)


def test_docker_does_not_stop(make: Make) -> None:
    here = make()
    here.machine.trouble = {"stop": "it did not stop within 1 s"}
    with pytest.raises(Refused, match=r"^Docker could not be stopped on this host: it did not stop within 1 s\. "
                                      r"This step changed nothing\.$"):  # fmt: skip
        here.follow()
    assert tree(here.machine.swarm) == here.before


@pytest.mark.parametrize(("wanted", "where"), [({}, "/raft"), ({"keep": False}, "/swarm")])
def test_docker_does_not_start(make: Make, wanted: dict[str, Any], where: str) -> None:
    here = make()
    here.machine.trouble = {"start": "no space left on device"}
    with pytest.raises(Refused, match=rf"^Docker does not start on this host: no space left on device\. What was here "
                                      rf"is in {here.machine.own}/aside/.*-follow{where}\.$"):  # fmt: skip
        here.follow(**wanted)


@pytest.mark.parametrize("wanted", [{}, {"keep": False}])
def test_a_disk_that_does_not_take_it(make: Make, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]) -> None:
    here = make()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(statedir, "move", full)
    with pytest.raises(Refused, match=r"^/somewhere: No space left on device\. Docker runs as before\.$"):
        here.follow(**wanted)
    assert here.machine.running


@pytest.mark.parametrize("wanted", [{}, {"keep": False}, {"swarm_id": "s9"}], ids=["pointed", "cleaned", "foreign"])
def test_killed_at_every_point_the_next_run_ends_it(make: Make, wanted: dict[str, Any]) -> None:
    number, through = 0, False
    while not through:
        number += 1
        here = make()
        with killed_at(number) as seen:
            try:
                here.follow(**wanted)
                through = True
            except Killed:
                pass
        result = here.follow(**wanted)
        assert here.machine.running, seen[-1]
        assert result["way"] in (("none", "cleaned") if wanted else ("pointed",)), seen[-1]
        everything = {**tree(here.machine.root), **tree(here.machine.own)}
        for name, content in here.before.items():
            if name != "state.json" or wanted:
                assert content in everything.values(), f"{name} is gone: {seen[-1]}"
        if not wanted:
            assert statedir.known_managers(str(here.machine.root)) == [MANAGER], seen[-1]
            assert not (here.machine.swarm / "raft").exists(), seen[-1]
    assert number > 8


@pytest.mark.parametrize("wanted", [{}, {"keep": False}])
def test_what_a_restore_left_with_its_key_in_clear_is_not_kept(make: Make, wanted: dict[str, Any]) -> None:
    """A restore was broken off here, and it was done elsewhere: what lay here before comes back, or is moved aside."""
    here = make()
    machine = here.machine
    aside = machine.own / "aside" / "x-restore" / "swarm"
    entry = journal.Entry("restore", here.ids.swarm, here.ids.node, "a" * 64, aside=str(aside))
    source = reinit.Source.of(machine.archived, {}, machine.unlock_key, True)
    work = reinit.Reinit(machine, machine.journal(), source, machine.unlock_key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "start", lambda: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            work.run(entry)
    assert machine.clear_keys
    result = here.follow(**wanted)
    assert result["way"] == ("cleaned" if wanted else "pointed")
    assert (machine.clear_keys, machine.journal().read()) == ([], None)
    if wanted:
        assert tree(result["aside"]) == here.before


def test_another_run_on_this_host(make: Make) -> None:
    here = make()
    with stopped.alone(), pytest.raises(Refused, match="Another run is stopping Docker"):
        here.follow()


def test_nothing_secret_is_shown(make: Make) -> None:
    here = make()
    here.machine.script.say("POST /swarm/unlock", (500, {"message": f"it broke {here.keys[0]}"}))
    with pytest.raises(Refused, match=r"it broke SWMKEY-\(hidden\)") as caught:
        here.follow(timeout=0.3)
    assert here.keys[0] not in str(caught.value)
    here.machine.script.say("POST /swarm/unlock", here.machine._unlock)
    for text in (repr(here.follow()), repr(following.Request("s", (), (), unlock_keys=tuple(here.keys)))):
        assert here.keys[0] not in text
        assert "PRIVATE" not in text
