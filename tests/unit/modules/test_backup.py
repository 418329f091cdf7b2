# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_backup does on a manager: the state and the truth are of real engines, the engine's answers are scripted.

The stop itself, on real engines, is molecule/backup.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import archive, backup, observe, services, statedir, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.backup import Request
from ansible_collections.quorum.swarm.plugins.module_utils.core import retention
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.raft import state as states
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.kept_archives import LOCKED, PLAIN, capture
from tests.unit.modules.scripted import Script
from tests.unit.modules.systemd import Systemd
from tests.unit.raft import forge
from tests.unit.raft.manager import tls_key

Usage = namedtuple("Usage", "total used free")


class Manager:
    """A manager whose engine says what a real one said when its state was captured."""

    def __init__(self, root: Path, script: Script, systemd: Systemd, name: str) -> None:
        self.capture = capture(name)
        self.root = root / "docker"
        self.own = root / "own"
        self.script = script
        self.systemd = systemd
        for path, content in self.capture.files.items():
            (self.root / "swarm" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / "swarm" / path).write_bytes(content)
        self.state = states.read_state(self.capture.files)
        self.locked = False
        self.unlocked_with: list[str] = []
        script.say("GET /info", lambda _request: self.info())
        script.say("GET /nodes", lambda _request: (200, self.nodes()))
        script.say("GET /swarm", (200, self.swarm()))
        script.say("GET /swarm/unlockkey", (200, {"UnlockKey": self.capture.unlock_key or ""}))
        script.say("POST /swarm/unlock", lambda request: self.unlock(request.body))
        script.say("POST /swarm/update", (200, None))
        script.say("GET /containers/json", (200, []))
        volumes = [{"Name": row[1], "ClusterVolume": {"ID": row[0]}} for row in self.capture.truth["volume"]]
        script.say("GET /volumes", (200, {"Volumes": [*volumes, {"Name": "a local one"}]}))
        for kind in ("service", "secret", "config"):
            rows = self.capture.truth[kind]
            script.say(f"GET /{kind}s", (200, [{"ID": row[0], "Spec": {"Name": row[1]}} for row in rows]))
        self.networks = [{"Id": row[0], "Name": row[1]} for row in self.capture.truth["network"]]
        script.say("GET /networks", lambda _request: (200, self.networks))

    def info(self) -> tuple[int, Any]:
        if self.systemd.docker != "active":
            self.locked = self.capture.unlock_key is not None
            return 503, None
        if "start docker.socket docker.service" in self.systemd.calls and not self.unlocked_with:
            self.locked = self.capture.unlock_key is not None
        state = "locked" if self.locked else "active"
        place = {"LocalNodeState": state, "ControlAvailable": not self.locked, "NodeID": self.state.certificate.node}
        version = self.capture.engine
        return 200, {"Name": "h1", "DockerRootDir": str(self.root), "ServerVersion": version, "Swarm": place}

    def unlock(self, body: dict[str, str]) -> tuple[int, Any]:
        self.unlocked_with.append(body["UnlockKey"])
        self.locked = False
        return 200, None

    def nodes(self) -> list[dict[str, Any]]:
        addresses = self.capture.truth["managers"]
        return [
            {
                "ID": row[0],
                "Version": {"Index": 1},
                "Description": {"Hostname": row[1]},
                "Spec": {"Role": "manager" if row[0] in addresses else "worker", "Labels": {"zone": "b"}},
                "Status": {"State": "ready"},
                **({"ManagerStatus": {"Reachability": "reachable", "Addr": addresses[row[0]]}}
                   if row[0] in addresses else {}),
            }
            for row in self.capture.truth["node"]
        ]  # fmt: skip

    def swarm(self) -> dict[str, Any]:
        spec = {"EncryptionConfig": {"AutoLockManagers": self.capture.unlock_key is not None}}
        return {"ID": self.state.certificate.swarm, "Version": {"Index": 1}, "Spec": spec,
                "DefaultAddrPool": ["10.0.0.0/8"], "SubnetSize": 24, "DataPathPort": 4789}  # fmt: skip

    def take(self, check: bool = False, **request: Any) -> dict[str, Any]:
        engine = Engine(self.script.host)
        wanted = Request(**{"host": "m2", "allow_pause": True, "timeout": 20.0, **request})
        return backup.take(engine, wanted, "ops@bastion", check)

    @property
    def stops(self) -> int:
        return sum(call.startswith("stop") for call in self.systemd.calls)


@pytest.fixture
def make(
    tmp_path: Path, script: Script, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Manager]:
    run = tmp_path / "run"
    for name, path in (("RUNTIME", run), ("GUARD", run / "guard"), ("LOCK", run / "lock"), ("STEP", run / "step")):
        monkeypatch.setattr(stopped, name, str(path))
    monkeypatch.setattr(stopped, "OTHERS", 0.2)
    monkeypatch.setattr(stopped, "_on_tmpfs", lambda _path: True)
    monkeypatch.setattr(services, "speaks_tls", lambda _address: True)
    monkeypatch.setattr(observe, "pending_restart", lambda: "")
    own = tmp_path / "own"
    monkeypatch.setattr(services, "OWN_DIRECTORY", str(own))
    monkeypatch.setattr(backup, "FOLDER", str(own / "backup"))
    monkeypatch.setattr(backup, "COPY", str(own / "backup" / "copy"))
    return lambda name: Manager(tmp_path, script, systemd, name)


@pytest.mark.parametrize("name", [PLAIN, LOCKED, "bookworm-promoted", "trixie-promoted", "forky-promoted"])
def test_an_archive_is_taken_and_is_what_the_swarm_was(make: Callable[[str], Manager], name: str) -> None:
    manager = make(name)
    result = manager.take()
    assert (manager.stops, manager.systemd.docker) == (1, "active")
    assert manager.unlocked_with == [manager.capture.unlock_key] * (name != PLAIN)
    opened = archive.read(result["archive"])
    keys = [manager.capture.unlock_key] if manager.capture.unlock_key else []
    assert archive.prove(opened, keys).keys_proven
    assert dict(opened.files) == manager.capture.files
    told = opened.manifest
    assert (told.host, told.hostname, told.zone, told.engine_version) == ("m2", "h1", "b", manager.capture.engine)
    assert (told.swarm_id, told.node_id) == (manager.state.certificate.swarm, manager.state.certificate.node)
    assert told.managers == manager.capture.truth["managers"]
    assert told.raft_addr == told.managers[told.node_id]
    # What docker-state.json says stays what it says: nothing, of a manager that joined without --advertise-addr.
    assert told.advertise_addr == ("" if name.endswith("promoted") else told.raft_addr)
    assert (told.default_addr_pool, told.subnet_size, told.data_path_port) == (("10.0.0.0/8",), 24, 4789)
    assert {key for key, _name in told.objects["secret"]} == {row[0] for row in manager.capture.truth["secret"]}
    assert result["sha256"] == archive.checksum_of(result["archive"])
    assert 0 < result["downtime"]["engine"] <= result["downtime"]["manager"]
    # Nothing else stays: neither the copy nor the key.
    assert [path.name for path in (manager.own / "backup").iterdir()] == [os.path.basename(result["archive"])]
    assert Path(result["archive"]).stat().st_mode & 0o777 == 0o600
    assert (manager.own / "backup").stat().st_mode & 0o777 == 0o700
    assert not Path(stopped.GUARD).exists()
    assert Path(stopped.STEP).read_text() == "done\n"


def test_the_key_is_in_nothing_that_stays(make: Callable[[str], Manager], tmp_path: Path) -> None:
    manager = make(LOCKED)
    result = manager.take()
    key = manager.capture.unlock_key
    assert key
    holding = [path for folder in (manager.own, tmp_path / "run") for path in folder.rglob("*")
               if path.is_file() and key.encode() in path.read_bytes()]  # fmt: skip
    assert holding == []
    opened = archive.read(result["archive"])
    assert key not in opened.manifest.dump()
    assert [name for name, content in opened.files.items() if key.encode() in content] == []
    assert key not in repr(result)


def test_what_an_earlier_run_left_goes_first(make: Callable[[str], Manager]) -> None:
    manager = make(PLAIN)
    (manager.own / "backup" / "copy" / "raft").mkdir(parents=True)
    (manager.own / "backup" / "copy" / "raft" / "old").write_text("x")
    (manager.own / "backup" / "s1_m2_20250101T000000Z.tar.gz").write_text("x")
    result = manager.take()
    assert os.listdir(manager.own / "backup") == [os.path.basename(result["archive"])]


def test_check_mode_refuses_the_same_and_changes_nothing(make: Callable[[str], Manager]) -> None:
    manager = make(PLAIN)
    assert manager.take(check=True)["changed"] is True
    assert (manager.stops, manager.own.exists()) == (0, False)
    own = [node for node in manager.nodes() if node["ID"] == manager.state.certificate.node]
    manager.script.say("GET /nodes", (200, own))
    with pytest.raises(Refused, match="a majority of"):
        manager.take(check=True, allow_pause=False)


def no_room(patch: pytest.MonkeyPatch, _manager: Manager) -> None:
    patch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, backup.SPARE))


def pending(patch: pytest.MonkeyPatch, _manager: Manager) -> None:
    patch.setattr(observe, "pending_restart", lambda: "log-driver")


def others_silent(patch: pytest.MonkeyPatch, manager: Manager) -> None:
    patch.setattr(services, "speaks_tls", lambda _address: False)
    other = {**manager.nodes()[0], "ID": "other", "ManagerStatus": {"Reachability": "reachable", "Addr": "o:1"}}
    other["Spec"] = {"Role": "manager"}
    manager.script.say("GET /nodes", (200, [*manager.nodes(), other]))


def a_worker(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    manager.script.say("GET /info", (200, {"DockerRootDir": str(manager.root), "Swarm": {
        "LocalNodeState": "active", "NodeID": "w1"}}))  # fmt: skip


def no_state(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    shutil.rmtree(manager.root / "swarm")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (no_room, r"MiB free, and a copy and an archive of the state may need \d+ MiB. Make room there."),
        (pending, "a changed configuration waits for a restart .log-driver.*quorum.swarm.restart"),
        (others_silent, "cannot be reached, and two are never down at once"),
        (a_worker, "it is a worker, and only a manager holds the swarm's state. Name a manager."),
        (no_state, "No such file or directory"),
    ],
)
def test_refused_and_nothing_stopped(
    make: Callable[[str], Manager], monkeypatch: pytest.MonkeyPatch, trouble: Any, words: str
) -> None:
    manager = make(PLAIN)
    trouble(monkeypatch, manager)
    for check in (True, False):
        with pytest.raises(Refused, match=f"^Docker is not stopped: .*{words}"):
            manager.take(check)
    assert manager.stops == 0


def test_containers_of_no_swarm_are_named_beforehand(make: Callable[[str], Manager]) -> None:
    manager = make(PLAIN)
    task = {"Id": "t" * 64, "Names": ["/web.1"], "Labels": {"com.docker.swarm.task.id": "x"}}
    manager.script.say("GET /containers/json", (200, [task, {"Id": "p" * 64, "Names": ["/registry"], "Labels": {}}]))
    assert manager.take(check=True)["warnings"] == [
        "Containers that no swarm started stop with Docker for some seconds: registry."
    ]


def test_another_run_on_this_host(make: Callable[[str], Manager]) -> None:
    manager = make(PLAIN)
    with stopped.alone(), pytest.raises(Refused, match="Another run is stopping Docker"):
        manager.take()
    assert manager.stops == 0


def full_disk(patch: pytest.MonkeyPatch, _manager: Manager) -> None:
    def copy(_root: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    patch.setattr(statedir, "copy", copy)


def damaged(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    log = next((manager.root / "swarm" / "raft" / "wal-v3-encrypted").iterdir())
    content = bytearray(log.read_bytes())
    content[len(content.rstrip(b"\0")) // 2] ^= 1
    log.write_bytes(content)


def other_key(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    manager.script.say("GET /swarm/unlockkey", (200, {"UnlockKey": f"SWMKEY-1-{'a' * 43}"}))


def unknown_object(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    manager.networks.append({"Id": "n9", "Name": "ghost"})


def lost_object(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    manager.networks.pop()


def started_meanwhile(patch: pytest.MonkeyPatch, manager: Manager) -> None:
    real = statedir.copy

    def copy(root: str, target: str) -> None:
        real(root, target)
        manager.systemd.docker = "active"

    patch.setattr(statedir, "copy", copy)


def strange_tls_key(_patch: pytest.MonkeyPatch, manager: Manager) -> None:
    """The data key is there, so that all can be read, but the node would not be let in with this key."""
    path = manager.root / "swarm" / "certificates" / "swarm-node.key"
    head, _gap, _body = path.read_text().partition("\n\n")
    strange = forge.pem("PRIVATE KEY", tls_key("somebody else's")).decode()
    path.write_text(f"{head}\n\n{strange.partition(chr(10))[2]}")


def no_archive(patch: pytest.MonkeyPatch, _manager: Manager) -> None:
    def pack(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    patch.setattr(archive, "pack", pack)


@pytest.mark.parametrize(
    ("name", "trouble", "words"),
    [
        (PLAIN, full_disk, "The state could not be copied to .*: No space left on device. Docker runs again."),
        (PLAIN, damaged, "The copy is no state that a manager would start from"),
        (LOCKED, other_key, "The copy could not be opened"),
        (PLAIN, strange_tls_key, "the TLS key is not the one of the node's certificate"),
        (PLAIN, started_meanwhile, "started while its state was copied .by somebody else., so the copy is worth"),
        (PLAIN, unknown_object, "not what the swarm said .network ghost is in the swarm and not in the state"),
        (PLAIN, lost_object, "is in the state and not in the swarm"),
        (PLAIN, no_archive, "The archive could not be written to .*: No space left on device. Docker runs."),
    ],
)
def test_no_archive_and_docker_runs(
    make: Callable[[str], Manager], monkeypatch: pytest.MonkeyPatch, name: str, trouble: Any, words: str
) -> None:
    manager = make(name)
    trouble(monkeypatch, manager)
    with pytest.raises(Refused, match=words):
        manager.take()
    assert (manager.stops, manager.systemd.docker) == (1, "active")
    assert [item for item in os.listdir(manager.own / "backup") if retention.parse(item)] == []


def test_a_manager_that_does_not_come_back_is_told_and_the_guard_stays(make: Callable[[str], Manager]) -> None:
    manager = make(LOCKED)
    manager.script.say("POST /swarm/unlock", (500, {"message": "context deadline exceeded"}))
    with pytest.raises(Refused, match=r"after 1 s the manager is not reachable.*no other manager should be stopped"):
        manager.take(timeout=1.0)
    assert manager.systemd.docker == "active"
    assert Path(stopped.GUARD, "order.json").exists()


# --- what the controller asks of an archive -------------------------------------------------------------------------

NAME = "s1_m2_20261125T013000Z.tar.gz"


@pytest.fixture
def ours(make: Callable[[str], Manager], tmp_path: Path) -> Path:
    """An archive in our folder, one file above it, and one that is none."""
    folder = tmp_path / "own" / "backup"
    (folder / "copy").mkdir(parents=True)
    (folder / NAME).write_bytes(bytes(range(100)))
    (folder.parent / NAME).write_text("above")
    (folder / "copy" / NAME).write_text("below")
    (folder / "secret").write_text("other")
    return folder


def test_read_and_drop(ours: Path) -> None:
    path = str(ours / NAME)
    got = [base64.b64decode(backup.read(path, offset, 40)["content"]) for offset in (0, 40, 80, 120)]
    assert (b"".join(got), got[3]) == (bytes(range(100)), b"")
    assert backup.drop(path) == backup.drop(path) == {"changed": False}
    assert not (ours / NAME).exists()
    with pytest.raises(Refused, match=f"{NAME}: No such file or directory."):
        backup.read(path, 0, 40)


@pytest.mark.parametrize(
    "path",
    [
        "{ours}/secret",
        "{ours}/../" + NAME,
        "{ours}/./" + NAME,
        "{ours}/copy/" + NAME,
        "{ours}/copy/../" + NAME,
        "{ours}/copy/../../" + NAME,
        "{ours}/" + NAME + "/../secret",
        "{ours}/" + NAME + "\n",
        "{ours}/..",
        "{ours}",
        NAME,
        "/etc/shadow",
        "",
    ],
)
def test_only_archives_of_ours_are_read_or_removed(ours: Path, path: str) -> None:
    for act in (lambda it: backup.read(it, 0, 40), backup.drop):
        with pytest.raises(Refused, match="is no archive in"):
            act(path.format(ours=ours))
    assert len([item for item in ours.parent.rglob("*") if item.is_file()]) == 4


