# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_rejoin does on its host: a state that a real engine left, an engine that is scripted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import (
    healing,
    journal,
    rejoin_journal,
    rejoining,
    services,
    statedir,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.archives import capture
from tests.unit.kept_archives import LOCKED
from tests.unit.modules.restoring import Machine, lay, settle_in, tree
from tests.unit.modules.scripted import Script


class Host:
    """A host whose node takes no part, though its state lies there."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.path = str(folder / "own" / "rejoin.json")
        statedir.remove(str(machine.swarm))
        lay(machine.swarm, machine.archived)
        self.before = dict(machine.archived)
        self.ids = machine.state.certificate
        self.entry = rejoin_journal.Entry(self.ids.swarm, [self.ids.node], "manager", "drain", {"mine": "yes"})

    def note(self, managers: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
        entry = replace(self.entry, **changes) if changes else self.entry
        return rejoining.note(self.machine.engine, entry, managers, False, self.path)

    def clean(self, known: tuple[str, ...] = (), check: bool = False) -> dict[str, Any]:
        return rejoining.clean(self.machine.engine, self.ids.swarm, False, known, 1.0, check, self.path)

    def journal(self) -> rejoin_journal.Entry | None:
        return rejoin_journal.last(self.path)

    def noted(self) -> rejoin_journal.Entry:
        entry = self.journal()
        assert entry is not None
        return entry


@pytest.fixture
def make(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Host]:
    def make() -> Host:
        one = capture(LOCKED)
        machine = Machine(tmp_path, script, one.files, one.unlock_key)
        settle_in(monkeypatch, tmp_path, machine)
        monkeypatch.setattr(healing, "ANSWER", 0.2)
        monkeypatch.setattr(services, "runs_on", lambda _seconds: "")
        return Host(machine, tmp_path)

    return make


def test_the_state_is_moved_aside_whole_and_once(make: Callable[[], Host]) -> None:
    here = make()
    assert here.note()["changed"]
    assert not here.note(availability="active")["changed"], "what was noted first counts"
    done = here.clean()
    assert (done["changed"], done["way"]) == (True, "moved")
    assert tree(done["aside"]) == here.before
    assert here.machine.calls == ["stop", "start"]
    assert (here.noted().step, here.noted().availability) == ("cleaned", "drain")
    assert not here.clean()["changed"]
    assert here.machine.calls == ["stop", "start"]
    assert rejoining.finish(here.ids.swarm, False, here.path)["changed"]
    assert not rejoining.finish(here.ids.swarm, False, here.path)["changed"]
    assert rejoin_journal.pending(here.path) == {}


def test_where_docker_does_not_start_without_it_either_it_is_put_back(make: Callable[[], Host]) -> None:
    here = make()
    here.note()
    here.machine.trouble["start"] = "no space left on device"
    with pytest.raises(Refused, match=r"not even without its state of the swarm: no space left .* was put back"):
        here.clean(known=(here.ids.node,))
    assert tree(here.machine.swarm) == here.before
    assert here.machine.calls[-2:] == ["stop", "start"], "it is left to systemd, as it was"
    assert here.journal() is None, "the swarm lists it still: nothing has happened"
    here.note()
    with pytest.raises(Refused):
        here.clean(known=("another",))
    assert (here.noted().step, here.noted().aside) == ("noted", ""), "its entry is gone: the next run goes on"


def test_where_docker_ends_right_after_each_start_it_is_put_back(
    make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make()
    here.note()
    words = "it ended again within 4 s of its start (systemd: signal)"
    monkeypatch.setattr(services, "runs_on", lambda _seconds: words)
    with pytest.raises(Refused, match=r"not even without its state of the swarm: it ended again .* was put back"):
        here.clean(known=(here.ids.node,))
    assert tree(here.machine.swarm) == here.before


def test_broken_off_after_the_move_the_next_run_starts_docker(make: Callable[[], Host]) -> None:
    here = make()
    here.note()
    aside = journal.place_aside("rejoin")
    rejoin_journal.write(replace(here.noted(), aside=aside), here.path)
    here.machine.stop()
    statedir.move(str(here.machine.swarm), aside)
    assert here.clean()["aside"] == aside
    assert tree(aside) == here.before
    assert here.machine.running


def test_nothing_is_begun_where_it_could_not_end(make: Callable[[], Host]) -> None:
    here = make()
    with pytest.raises(Refused, match=r"No manager answers from this host: TCP to 127.0.0.1:1 fails"):
        here.note(("127.0.0.1:1",))
    with pytest.raises(Refused, match="foreign: the state on this host is of swarm"):
        here.note(swarm_id="another")
    with pytest.raises(Refused, match="no rejoin was begun"):
        here.clean()
    assert (here.journal(), here.machine.calls, tree(here.machine.swarm)) == (None, [], here.before)


@pytest.mark.parametrize(
    ("program", "text", "asked"),
    [
        # The flags of its unit may be wrong, without any file.
        ("/usr/sbin/dockerd", "", ["{}"]),
        ("/usr/sbin/dockerd", '{"debug": true}', ['{"debug": true}']),
        ("/usr/local/bin/start-docker", "", []),
    ],
)
def test_flags_that_no_engine_takes_are_found_before_the_state_is_moved(
    make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch, program: str, text: str, asked: list[str]
) -> None:
    here, tried = make(), []

    def refuse(_command: daemon.CommandLine, given: str) -> str:
        tried.append(given)
        return "unknown flag: --no-such."

    monkeypatch.setattr(services, "unit_command", lambda: daemon.CommandLine(program, flags=("--no-such",)))
    monkeypatch.setattr(services, "read", lambda path: text if path == daemon.DEFAULT_FILE else "")
    monkeypatch.setattr(services, "try_config", refuse)
    here.machine.stop()
    if asked:
        with pytest.raises(Refused, match=r"This step changed nothing\. Docker does not start .* flag: --no-such"):
            here.note()
    else:
        assert here.note()["changed"]
    assert tried == asked


def test_a_manager_that_works_is_not_emptied(make: Callable[[], Host], monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    here.note()
    monkeypatch.setattr(rejoining, "takes_part", lambda *_args: True)
    with pytest.raises(Refused, match="this is a manager that works"):
        here.clean()
    assert tree(here.machine.swarm) == here.before


def test_a_host_that_is_another_node_by_now_is_left_alone(make: Callable[[], Host]) -> None:
    here = make()
    here.note(node_ids=["older"])
    with pytest.raises(Refused, match="none of those that it is to give up"):
        here.clean()
    assert tree(here.machine.swarm) == here.before


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"swarm_id": "s", "step": "somewhere"}', '{"swarm_id": "s", "labels": 1}']
)
def test_a_journal_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rejoin.json"
    path.write_text(text)
    with pytest.raises(journal.Unreadable, match="Look at it, and move it away"):
        rejoin_journal.last(str(path))
    assert rejoin_journal.pending(str(path)) == {}
