# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reinit: its steps and their order, what it refuses, and killed at every point. On engines: tests/faults."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import journal, reinit, statedir
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.journal import Entry
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import ENGINE_SETTINGS, NODE_KEY, SNAPSHOT_FOLDER
from ansible_collections.quorum.swarm.plugins.module_utils.reinit import Failed, Reinit, Source

from tests.unit.kept_archives import LOCKED, PLAIN, capture
from tests.unit.modules.restoring import (
    HEARTBEAT,
    INTERVAL,
    OLD,
    Killed,
    Machine,
    forged,
    killed_at,
    relocked,
    settle_in,
    tree,
)
from tests.unit.modules.scripted import Script

MODES = {NODE_KEY: 0o600, "certificates/swarm-node.crt": 0o644}
Make = Callable[..., Machine]


@pytest.fixture
def make(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(name: str = "") -> Machine:
        one = capture(name) if name else None
        files, key = (one.files, one.unlock_key) if one else forged()
        machine = Machine(tmp_path, script, files, key)
        settle_in(monkeypatch, tmp_path, machine)
        return machine

    return make


def source_of(machine: Machine) -> Source:
    return Source.of(machine.archived, MODES, machine.unlock_key, bool(machine.unlock_key))


@pytest.mark.parametrize("suite", ["bookworm", "trixie", "forky"])
def test_the_address_is_that_of_the_raft_membership(suite: str) -> None:
    """Of a manager that joined without --advertise-addr neither docker-state.json nor the log's metadata has it."""
    one = capture(f"{suite}-promoted")
    for files in (one.files, {path: content for path, content in one.files.items() if path != ENGINE_SETTINGS}):
        source = Source.of(files, MODES, one.unlock_key or "", True)
        address = one.truth["managers"][source.node_id]
        assert not address.startswith("0.0.0.0")
        assert source.body()["AdvertiseAddr"] == source.advertise_addr == address
        assert source.listen_addr == ("0.0.0.0:2377" if ENGINE_SETTINGS in files else address)


def entry_of(machine: Machine, ran: bool = True) -> Entry:
    found = machine.state.certificate
    return Entry("restore", found.swarm, found.node, "a" * 64, aside=str(machine.own / "aside" / "x-restore" / "swarm"),
                 ran=ran, started_at="2026-11-25T03:15:00+00:00")  # fmt: skip


def work_of(machine: Machine, seconds: float = 5.0) -> Reinit:
    return Reinit(machine, machine.journal(), source_of(machine), machine.unlock_key, seconds)


def kept(machine: Machine) -> Entry:
    """The journal's entry, or a new one."""
    return machine.journal().read() or entry_of(machine)


@pytest.mark.parametrize("name", [LOCKED, PLAIN])
def test_a_state_becomes_a_swarm_of_one(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine = make(name)
    trace: list[str] = []
    write, place, init = journal.Journal.write, statedir.place, machine.engine.init

    def noted_write(self: Any, entry: Entry) -> Entry:
        trace.append(entry.step)
        return write(self, entry)

    def noted_place(root: str, files: Any, modes: Any) -> None:
        place(root, files, modes)
        assert ENGINE_SETTINGS not in files
        assert not machine.running
        trace.append("PLACE")

    def noted_init(body: Any) -> str:
        assert not machine.locked
        trace.append("INIT")
        return init(body)

    monkeypatch.setattr(journal.Journal, "write", noted_write)
    monkeypatch.setattr(statedir, "place", noted_place)
    monkeypatch.setattr(machine.engine, "init", noted_init)
    work = work_of(machine)
    done = work.run(entry_of(machine))
    # What is about to be done is on the disk before it is done; what was done, right after it.
    asked = "" if name == LOCKED else " forced"  # what is to be put back, and that it was
    assert " ".join(trace) == f"begun aside PLACE placed forcing INIT forced forced{asked} restarted finished"
    assert (machine.heartbeat, done.heartbeat) == (reinit.PATIENCE, HEARTBEAT)
    assert machine.calls == ["stop", "start", "stop", "start"]
    phases = ["stop", "aside", "place", "start", "force", "restart", "return"]
    assert [one for one in work.phases if one != "snapshot"] == phases
    assert ("snapshot" in work.phases) == (name == PLAIN)  # one that locks itself takes one by itself
    assert machine.intervals == ([INTERVAL] if name == LOCKED else [INTERVAL, 1, INTERVAL])
    assert machine.after_snapshot == 1, "with nothing after its snapshot it does not stand for election"
    assert (done.step, done.opened, bool(done.finished_at)) == ("finished", name == LOCKED, True)
    assert machine.journal().read() == done
    assert (machine.place, *machine.node) == ("active", done.swarm_id, done.node_id)
    assert machine.old_state == [Path(done.aside)]
    if name == LOCKED:
        assert machine.clear_keys == []
        assert relocked(machine)
    assert lasting(tree(machine.swarm)) == lasting(machine.archived)


def test_a_certificate_that_has_ended_is_renewed_before_docker_is_restarted(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine lets it through only while it forces: killed before the renewal, the next run forces anew."""
    machine = make(PLAIN)
    answers, calls = [True, True, True, False], []

    def certificate_ended(_root: str) -> bool:
        calls.append(len(machine.calls))
        return answers.pop(0)

    monkeypatch.setattr(reinit, "certificate_ended", certificate_ended)
    work = work_of(machine)
    done = work.run(entry_of(machine))
    assert (done.step, calls) == ("finished", [2, 2, 2, 2])  # each time after the first start, before the second stop
    assert "renew" in work.phases


def test_a_certificate_that_is_not_renewed_is_told_and_taken_back(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = make(PLAIN)
    monkeypatch.setattr(reinit, "certificate_ended", lambda _root: True)
    work = replace(work_of(machine), renewal=0.2)
    with pytest.raises(Failed, match="has not renewed it"):
        work.run(entry_of(machine))
    assert not kept(machine).reached(journal.FORCED)


def lasting(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Without what the engine writes itself when it makes a swarm of a state."""
    return {path: content for path, content in files.items()
            if path not in (ENGINE_SETTINGS, NODE_KEY) and not path.startswith(SNAPSHOT_FOLDER)}  # fmt: skip


def test_a_drill_needs_no_patience(make: Make) -> None:
    machine = make(LOCKED)
    work = work_of(machine)
    work.patient = False
    assert work.run(entry_of(machine)).heartbeat == 0
    assert machine.heartbeat == HEARTBEAT


@pytest.mark.parametrize("declared", [reinit.PATIENCE, 2 * reinit.PATIENCE, 0])
def test_who_is_patient_stays_as_patient(make: Make, declared: int) -> None:
    machine = make()
    machine.heartbeat = declared
    assert work_of(machine).run(entry_of(machine)).heartbeat == 0
    assert machine.heartbeat == declared


def test_without_a_snapshot_it_only_takes_longer(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reinit, "SNAPSHOT", 0.1)
    machine = make(PLAIN)
    machine.trouble["snapshot"] = True
    assert work_of(machine).run(entry_of(machine)).step == "finished"
    assert machine.intervals == [INTERVAL, 1, INTERVAL]


@pytest.mark.parametrize("declared", [0, 1, 500])
@pytest.mark.parametrize("after", [1, 2])
def test_killed_before_the_interval_was_put_back(
    make: Make, monkeypatch: pytest.MonkeyPatch, declared: int, after: int
) -> None:
    """What it was is in the journal, and not what is found there when the run goes on."""
    monkeypatch.setattr(reinit, "SNAPSHOT", 0.1)
    machine = make(PLAIN)
    machine.intervals = [declared]
    update, calls = machine.engine.update_swarm, [0]

    def dies(change: Any, **options: Any) -> Any:
        update(change, **options)
        calls[0] += 1
        if calls[0] == after:
            raise Killed("after update")

    with monkeypatch.context() as patch:
        patch.setattr(machine.engine, "update_swarm", dies)
        with pytest.raises(Killed):
            work_of(machine).run(entry_of(machine))
    assert kept(machine).interval == declared
    done = work_of(machine).run(kept(machine))
    assert (machine.intervals[-1], done.interval, done.heartbeat) == (declared, -1, HEARTBEAT)


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_change_that_is_refused_leaves_noted_what_is_to_be_put_back(
    make: Make, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    """The restart goes on, and `settle` puts both back."""
    monkeypatch.setattr(reinit, "SNAPSHOT", 0.1)
    machine = make(PLAIN)
    update, calls = machine.engine.update_swarm, [0]

    def refuses(change: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == refused:
            raise EngineError("no")
        return update(change, **options)

    with monkeypatch.context() as patch:
        patch.setattr(machine.engine, "update_swarm", refuses)
        done = work_of(machine).run(entry_of(machine))
    assert (done.step, done.heartbeat, done.interval) == ("finished", HEARTBEAT, -1 if refused == 3 else INTERVAL)
    reinit.settle(machine.engine, machine.journal(), [], 1)
    assert (machine.heartbeat, machine.intervals[-1]) == (HEARTBEAT, INTERVAL)
    assert kept(machine).settled


def test_the_swarm_settles_when_the_nodes_are_back(make: Make) -> None:
    """Waited for are the nodes that are named; the journal says whether there is anything to do."""
    machine = make()
    machine.objects["node"] = [("w1", "w1"), ("w2", "w2")]
    work_of(machine).run(entry_of(machine))
    own = machine.node[1]
    assert reinit.settle(machine.engine, machine.journal(), [own], 5) == (True, [])
    assert machine.heartbeat == HEARTBEAT
    assert reinit.settle(machine.engine, machine.journal(), [own], 5) == (False, [])


def test_it_settles_without_those_that_do_not_come_back(make: Make) -> None:
    again = make()
    again.objects["node"] = [("w1", "w1")]
    work_of(again).run(entry_of(again))
    assert reinit.settle(again.engine, again.journal(), ["w1", "gone"], 0.1) == (True, ["w1"])
    assert again.heartbeat == HEARTBEAT


def test_the_body_keeps_what_it_leaves_out(make: Make) -> None:
    machine = make(LOCKED)
    work_of(machine).run(entry_of(machine))
    told = machine.state.settings
    assert told is not None
    assert machine.inits == [{"ListenAddr": told.listen_addr, "AdvertiseAddr": told.advertise_addr,
                              "DataPathAddr": told.data_path_addr, "ForceNewCluster": True,
                              "Spec": {"EncryptionConfig": {"AutoLockManagers": True}}}]  # fmt: skip


def test_without_the_engines_settings_the_logs_address_is_taken(make: Make) -> None:
    machine = make()
    files = {path: content for path, content in machine.archived.items() if path != ENGINE_SETTINGS}
    body = Source.of(files, MODES, machine.unlock_key, True).body()
    address = machine.state.log.owner.address
    assert (body["ListenAddr"], body["AdvertiseAddr"], body["DataPathAddr"]) == (address, address, "")


def test_a_root_certificate_that_was_changed_before_is_not_changed_by_the_force(make: Make) -> None:
    """The engine compares the number with its own, and makes a new root certificate where they differ."""
    source = source_of(make())
    assert source.force_rotate == 0
    assert "CAConfig" not in source.body()["Spec"]
    assert replace(source, force_rotate=2).body()["Spec"]["CAConfig"] == {"ForceRotate": 2}


def test_nothing_secret_is_shown(make: Make) -> None:
    machine = make(LOCKED)
    shown = repr(work_of(machine)) + repr(source_of(machine))
    assert machine.unlock_key not in shown
    assert "PRIVATE" not in shown


def test_a_host_without_a_state_and_with_docker_stopped(make: Make) -> None:
    machine = make()
    statedir.remove(str(machine.swarm))
    machine.running = False
    work_of(machine).run(entry_of(machine, ran=False))
    assert (machine.place, (machine.own / "aside").exists()) == ("active", False)


TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "stop": ({"stop": "it did not stop"}, r"^Docker could not be stopped: it did not stop\.$"),
    "start": ({"start": "no space left on device"}, r"^Docker does not start: no space left on device\.$"),
    "init": ({"init": (500, {"message": "it broke SWMKEY-1-secret"})},
             r"^The engine does not make the swarm of this state: it broke SWMKEY-\(hidden\)$"),
    "swarm": ({"swarm": "other"}, "^The engine made swarm other with node .*, and the state is of swarm .* and node"),
    "node": ({"node": "other"}, "^The engine made swarm .* with node other, and the state is of swarm .* and node"),
    "voters": ({"voters": ["n2"]}, r"^The swarm is not up 0 s after it was forced: its voters are .*, n2\.$"),
    "autolock": ({"autolock": True}, r"0 s after it was forced: autolock is not on\.$"),
    "unlocked": ({"unlocked": True}, r"0 s after it was forced: its key is not locked yet\.$"),
}  # fmt: skip


@pytest.mark.parametrize("name", TROUBLES)
def test_what_does_not_come_about_is_told_and_undone(make: Make, name: str) -> None:
    machine = make()
    machine.trouble, words = TROUBLES[name]
    with pytest.raises(Failed, match=words):
        work_of(machine, 0.3).run(entry_of(machine))
    entry = machine.journal().read()
    assert entry is not None
    assert not entry.reached(journal.FORCED)
    machine.trouble = {}
    assert reinit.undo(machine, machine.journal(), entry) == ""
    assert_as_found(machine)


def test_an_engine_that_is_in_a_swarm_is_not_forced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = make()
    start = Machine.start

    def joins(self: Machine) -> str:
        words = start(self)
        self.place = "pending"
        return words

    monkeypatch.setattr(Machine, "start", joins)
    with pytest.raises(Failed, match=r"^Docker should be in no swarm now, and is 'pending'\.$"):
        work_of(machine).run(entry_of(machine))
    assert machine.inits == []


@pytest.mark.parametrize("trouble", ["place", "move"])
def test_a_full_disk(make: Make, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    machine = make()

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(statedir, trouble, full)
        with pytest.raises(Failed, match=r"^/somewhere: No space left on device\.$"):
            work_of(machine).run(entry_of(machine))
    assert reinit.undo(machine, machine.journal(), kept(machine)) == ""
    assert_as_found(machine)


def test_after_the_force_it_is_the_swarm_that_stays(make: Make) -> None:
    machine = make()
    work = work_of(machine, 0.3)
    starts = iter(["", "it broke"])
    real = machine.start
    machine.start = lambda: next(starts, "") or real()  # type: ignore[method-assign]
    with pytest.raises(Failed, match=r"^Docker does not start again: it broke\.$"):
        work.run(entry_of(machine))
    assert kept(machine).step == "forced"
    assert work_of(machine).run(kept(machine)).step == "finished"
    assert len(machine.inits) == 1


def test_a_manager_that_does_not_come_back_is_told(make: Make) -> None:
    machine = make()
    machine.script.say("POST /swarm/unlock", (500, {"message": "context deadline exceeded"}))
    with pytest.raises(Failed, match=r"^After its restart this manager is not back in its swarm: context deadline"):
        work_of(machine, 0.3).run(entry_of(machine))
    assert kept(machine).step == "restarted"


def test_an_answer_that_does_not_come_is_waited_for_elsewhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine gives up on the call after 20 s and goes on with the work."""
    machine = make()
    init = machine.engine.init

    def late(body: Any) -> str:
        init(body)
        raise reinit.Timeout("the engine did not answer within 60 s.")

    monkeypatch.setattr(machine.engine, "init", late)
    assert work_of(machine).run(entry_of(machine)).step == "finished"


# -- killed ----------------------------------------------------------------------------------------------------------


def assert_as_found(machine: Machine) -> None:
    """Byte for byte as before, with nothing left but the lock of runs."""
    assert tree(machine.swarm) == OLD
    assert [path.name for path in machine.root.iterdir()] == ["swarm"]
    assert [str(path) for path in machine.own.rglob("*") if path.is_file()] == []
    assert machine.running


def other_disk(patch: pytest.MonkeyPatch) -> None:
    """What is moved aside lies on another file system."""
    real = os.rename

    def rename(source: str, target: str) -> None:
        if ("/own/" in str(source)) != ("/own/" in str(target)):
            raise OSError(errno.EXDEV, "Invalid cross-device link", source)
        real(source, target)

    patch.setattr(os, "rename", rename)


@pytest.mark.parametrize("where", ["same disk", "other disk"])
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power cut"])
def test_killed_at_every_point_it_ends_the_same(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, power: bool
) -> None:
    """And whatever happens, the state of before lies somewhere, whole."""
    if where == "other disk":
        other_disk(monkeypatch)
    number, ends = 0, 0
    while not ends:
        number += 1
        machine = fresh(make, tmp_path)
        with killed_at(number) as seen:
            try:
                work_of(machine).run(kept(machine))
                ends = len(seen)
            except Killed:
                pass
        assert machine.old_state, f"killed at {seen}: the old state is gone"
        left = machine.journal().read()
        if power and left and not left.reached(journal.FINISHED):
            machine.start()  # the host boots
        done = work_of(machine).run(kept(machine))
        assert done.step == "finished", seen[-2:]
        assert machine.old_state == [Path(done.aside)], seen[-2:]
        assert (machine.place, relocked(machine), machine.clear_keys) == ("active", True, []), seen[-2:]
        assert sorted(path.name for path in machine.root.iterdir()) == ["swarm"], seen[-2:]
        assert [path.name for path in Path(done.aside).parent.iterdir()] == ["swarm"], seen[-2:]
    assert number > 25


def fresh(make: Make, tmp_path: Path) -> Machine:
    """The host as it is in the beginning."""
    for name in ("docker", "own", "run"):
        statedir.remove(str(tmp_path / name))
    return make()


STOPS = ("stop", "place", "start", "init")
"""Where it fails, so that it is undone."""


def fail_at(machine: Machine, what: str) -> Entry:
    """Fail there; the journal's entry."""
    with pytest.MonkeyPatch.context() as patch:
        if what == "place":
            patch.setattr(statedir, "place", lambda *_args: (_ for _ in ()).throw(OSError(28, "full", "x")))
        else:
            machine.trouble = {what: (500, {"message": "no"}) if what == "init" else "no"}
        with pytest.raises(Failed):
            work_of(machine, 0.2).run(kept(machine))
    machine.trouble = {}
    return kept(machine)


@pytest.mark.parametrize("where", ["same disk", "other disk"])
@pytest.mark.parametrize("what", STOPS)
def test_undone_whatever_failed_and_wherever_that_is_killed(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, where: str
) -> None:
    if where == "other disk":
        other_disk(monkeypatch)
    machine = fresh(make, tmp_path)
    assert reinit.undo(machine, machine.journal(), fail_at(machine, what)) == ""
    assert_as_found(machine)
    number, through = 0, False
    while not through:
        number += 1
        machine = fresh(make, tmp_path)
        entry = fail_at(machine, what)
        with killed_at(number) as seen:
            try:
                reinit.undo(machine, machine.journal(), entry)
                through = True
            except Killed:
                pass
        assert machine.old_state, f"undo killed at {seen}: the old state is gone"
        # Either the undo is done once more, or the next run goes on: both are right.
        for again in ("undo", "run"):
            if again == "undo" and number % 2:
                left = machine.journal().read()
                assert left is None or reinit.undo(machine, machine.journal(), left) == "", seen[-2:]
                machine.start()
                assert tree(machine.swarm) == OLD, seen[-2:]
            elif again == "run":
                done = work_of(machine).run(kept(machine))
                assert machine.old_state == [Path(done.aside)], seen[-2:]
                assert (machine.place, machine.clear_keys) == ("active", []), seen[-2:]


def test_what_cannot_be_undone_is_told(make: Make) -> None:
    machine = make()
    entry = fail_at(machine, "start")
    machine.trouble = {"stop": "it did not stop"}
    assert reinit.undo(machine, machine.journal(), entry) == "it did not stop"
    assert machine.old_state == [Path(entry.aside)]
    assert machine.journal().read() == entry
    machine.trouble = {"start": "it does not start"}
    assert reinit.undo(machine, machine.journal(), entry) == "it does not start"
    assert tree(machine.swarm) == OLD


def test_what_was_not_running_is_not_started(make: Make) -> None:
    machine = make()
    machine.running = False
    machine.journal().write(entry_of(machine, ran=False))
    fail_at(machine, "init")
    assert reinit.undo(machine, machine.journal(), kept(machine)) == ""
    assert (machine.running, tree(machine.swarm)) == (False, OLD)


@pytest.mark.parametrize(
    ("step", "aside", "lies_there", "runs", "as_left"),
    [
        ("begun", False, "before", True, False),  # it was not stopped yet, or somebody started it
        ("begun", False, "before", False, True),
        ("begun", True, "nothing", True, True),  # the host booted
        ("begun", True, "before", True, True),  # copied to another disk
        ("begun", True, "other", True, False),
        ("aside", True, "nothing", False, True),
        ("aside", True, "ours", False, True),
        ("placed", True, "ours", True, True),
        ("placed", True, "other", True, False),
        ("forcing", True, "ours", True, True),
        ("forcing", True, "before", True, False),
        ("forced", True, "ours", False, True),
        ("forced", True, "nothing", False, False),
        ("restarted", True, "other", True, False),
        ("finished", True, "ours", True, False),
    ],
)
def test_whether_the_host_is_as_it_was_left(
    make: Make, monkeypatch: pytest.MonkeyPatch, step: str, aside: bool, lies_there: str, runs: bool, as_left: bool
) -> None:
    machine = make()
    entry = replace(entry_of(machine), step=step)
    names = {"before": ("s0", "n0"), "ours": (entry.swarm_id, entry.node_id), "other": ("s9", "n9"), "nothing": None}
    if aside:
        Path(entry.aside).mkdir(parents=True)

    def certificate(root_dir: str) -> Any:
        told = names["before" if root_dir == os.path.dirname(entry.aside) else lies_there]
        return type("Certificate", (), {"swarm": told[0], "node": told[1]}) if told else None

    monkeypatch.setattr(statedir, "node_certificate", certificate)
    assert reinit.is_as_left(entry, machine.root_dir, runs) is as_left
