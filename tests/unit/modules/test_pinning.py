# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_pin does on a manager: the state is of a real engine that was told no address, its answers are scripted.

That the node comes back as the one that it was, on real engines, is the scenario `foreign`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import (
    host,
    journal,
    observe,
    pinning,
    services,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import ENGINE_SETTINGS
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.modules.scripted import Script
from tests.unit.modules.systemd import Systemd
from tests.unit.modules.test_backup import Manager

Make = Callable[[], "Pinned"]


class Pinned(Manager):
    """A manager whose engine was told no address."""

    def __init__(self, root: Path, script: Script, systemd: Systemd) -> None:
        super().__init__(root, script, systemd, "trixie-promoted")
        self.aside = self.own / "aside"
        self.address = self.capture.truth["managers"][self.state.certificate.node]
        script.say("GET /tasks", (200, []))

    @property
    def settings(self) -> dict[str, Any]:
        """What docker-state.json says."""
        return dict(json.loads((self.root / "swarm" / ENGINE_SETTINGS).read_text()))

    def pin(self, check: bool = False, **request: Any) -> dict[str, Any]:
        engine = Engine(self.script.host)
        wanted = pinning.Request(**{"address": self.address, "timeout": 5.0, **request})
        return pinning.pin(engine, wanted, Holder(engine, "ops@bastion", "provision"), check)


@pytest.fixture
def make(tmp_path: Path, script: Script, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> Make:
    run = tmp_path / "run"
    for name, path in (("RUNTIME", run), ("GUARD", run / "guard"), ("LOCK", run / "lock"), ("STEP", run / "step")):
        monkeypatch.setattr(stopped, name, str(path))
    monkeypatch.setattr(stopped, "OTHERS", 0.2)
    monkeypatch.setattr(stopped, "_on_tmpfs", lambda _path: True)
    monkeypatch.setattr(services, "speaks_tls", lambda _address: True)
    monkeypatch.setattr(observe, "pending_restart", lambda: "")
    monkeypatch.setattr(journal, "ASIDE", str(tmp_path / "own" / "aside"))
    monkeypatch.setattr(pinning, "TASKS", 0.2)

    def make() -> Pinned:
        manager = Pinned(tmp_path, script, systemd)
        monkeypatch.setattr(host, "addresses", lambda: [{"address": manager.address.rpartition(":")[0]}])
        return manager

    return make


def test_the_address_is_written_and_the_settings_of_before_are_kept(make: Make) -> None:
    manager = make()
    before = manager.settings
    result = manager.pin()
    assert (result["changed"], result["warnings"], manager.stops, manager.systemd.docker) == (True, [], 1, "active")
    assert manager.settings == {**before, "AdvertiseAddr": manager.address}
    assert json.loads((Path(result["kept"]) / ENGINE_SETTINGS).read_text()) == before
    assert (manager.root / "swarm" / ENGINE_SETTINGS).stat().st_mode & 0o777 == 0o600
    assert manager.unlocked_with == [manager.capture.unlock_key]
    assert not Path(stopped.GUARD).exists()
    assert manager.pin()["changed"] is False
    assert manager.stops == 1


def test_check_mode_refuses_the_same_and_changes_nothing(make: Make) -> None:
    manager = make()
    before = manager.settings
    assert manager.pin(check=True)["changed"] is True
    assert (manager.stops, manager.settings, manager.own.exists()) == (0, before, False)


def elsewhere(patch: pytest.MonkeyPatch, _manager: Pinned) -> None:
    patch.setattr(host, "addresses", lambda: [{"address": "192.0.2.99"}])


def alone(_patch: pytest.MonkeyPatch, manager: Pinned) -> None:
    own = [node for node in manager.nodes() if node["ID"] == manager.state.certificate.node]
    manager.script.say("GET /nodes", (200, own))


def silent(patch: pytest.MonkeyPatch, _manager: Pinned) -> None:
    patch.setattr(services, "speaks_tls", lambda _address: False)


def pending(patch: pytest.MonkeyPatch, _manager: Pinned) -> None:
    patch.setattr(observe, "pending_restart", lambda: "log-driver")


def another(_patch: pytest.MonkeyPatch, manager: Pinned) -> None:
    path = manager.root / "swarm" / ENGINE_SETTINGS
    path.write_text(json.dumps({**manager.settings, "AdvertiseAddr": "192.0.2.99:2377"}))


def unread(_patch: pytest.MonkeyPatch, manager: Pinned) -> None:
    (manager.root / "swarm" / ENGINE_SETTINGS).write_text("{")


def moved(_patch: pytest.MonkeyPatch, manager: Pinned) -> None:
    manager.address = "192.0.2.99:2377"


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (elsewhere, r"is none of this host's addresses \(192.0.2.99\). ansible-playbook quorum.swarm.rejoin"),
        (alone, "a majority of 1 is 1"),
        (silent, "cannot be reached, and two are never down at once"),
        (pending, "a changed configuration waits for a restart .log-driver"),
        (another, r"its settings name another address already \(192.0.2.99:2377\)"),
        (unread, "the settings of its engine cannot be read"),
        (moved, "the swarm knows this manager by .*, not by 192.0.2.99:2377"),
    ],
)
def test_refused_and_nothing_stopped(
    make: Make, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[pytest.MonkeyPatch, Pinned], None], words: str
) -> None:
    manager = make()
    trouble(monkeypatch, manager)
    for check in (True, False):
        with pytest.raises(Refused, match=f"^This step changed nothing: .*{words}"):
            manager.pin(check)
    assert manager.stops == 0
    assert not manager.aside.exists()


def test_a_disk_that_takes_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = make()
    before = manager.settings

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statedir, "pin", full)
    with pytest.raises(Refused, match=r"could not be written .*No space left.* Docker runs as before"):
        manager.pin()
    assert (manager.systemd.docker, manager.settings) == ("active", before)


@pytest.mark.parametrize("changed", ["node", "address"])
def test_a_manager_that_comes_back_as_another_has_its_settings_put_back(make: Make, changed: str) -> None:
    manager = make()
    before = manager.settings
    nodes = manager.nodes()
    own = next(node for node in nodes if node["ID"] == manager.state.certificate.node)

    def answer(_request: object) -> tuple[int, Any]:
        if manager.settings["AdvertiseAddr"]:
            own["ManagerStatus"]["Addr"] = "192.0.2.99:2377"
        else:
            own["ManagerStatus"]["Addr"] = manager.address
        return 200, nodes

    def info(_request: object) -> tuple[int, Any]:
        status, body = manager.info()
        if body and manager.settings["AdvertiseAddr"]:
            others = [node["ID"] for node in nodes if node is not own and node.get("ManagerStatus")]
            body["Swarm"]["NodeID"] = others[0]
        return status, body

    manager.script.say(*(("GET /nodes", answer) if changed == "address" else ("GET /info", info)))
    with pytest.raises(Refused, match=r"did not come back as it was: .* was put back|did not come back as it was"):
        manager.pin()
    assert (manager.systemd.docker, manager.settings, manager.stops) == ("active", before, 2)


@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_while_docker_stands_still_the_next_run_ends_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """The file is the old one or the new one; the guard of another process starts Docker (`test_restart_guard.py`)."""
    manager = make()
    pin, up = statedir.pin, stopped.Stop.up

    class Killed(BaseException):
        pass

    def killed(*args: Any) -> None:
        if point == "after":
            pin(*args)
        raise Killed

    monkeypatch.setattr(statedir, "pin", killed)
    monkeypatch.setattr(stopped.Stop, "up", lambda _self: None)
    with pytest.raises(Killed):
        manager.pin()
    monkeypatch.setattr(statedir, "pin", pin)
    monkeypatch.setattr(stopped.Stop, "up", up)
    assert manager.settings["AdvertiseAddr"] == (manager.address if point == "after" else "")
    stopped.disarm()
    manager.systemd.docker = "active"
    manager.locked = False
    result = manager.pin()
    assert result["changed"] is (point == "before")
    assert manager.settings["AdvertiseAddr"] == manager.address
    assert [name for name in os.listdir(manager.root / "swarm") if name.endswith(".new")] == []
