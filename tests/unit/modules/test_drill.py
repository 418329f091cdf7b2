# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The isolated engine's unit, folders and leftovers, and the drill around it, with a systemd that only notes.

That a real systemd isolates a real engine so, and that nothing is left of it, is held by molecule/drill.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import (
    drill,
    drill_keeper,
    isolated,
    receiving,
    restore,
    services,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.archives import OTHER_KEY, capture, of_capture

KEY = capture("trixie-locked").unlock_key or ""


class Host:
    """A host's folders, and what its systemd says and is told."""

    def __init__(self, folder: Path) -> None:
        self.run, self.own = folder / "run", folder / "own"
        self.calls: list[list[str]] = []
        self.unit = "inactive"
        self.keeper: dict[str, Any] = {"ready": True, "order": "", "running": False, "status": None}
        """What the keeper says when the unit is started."""
        self.status = 0

    def __call__(self, command: list[str], _seconds: float = 5) -> tuple[int, str]:
        self.calls.append(command)
        if command[0] == "systemd-run" and not self.status:
            self.unit = "active"
            (self.run / "drill" / drill_keeper.STATE).write_text(json.dumps(self.keeper))
        if command[:2] == ["systemctl", "stop"]:
            self.unit = "inactive"
        return self.status, self.unit + "\n" if command[:2] == ["systemctl", "show"] else ""

    @property
    def left(self) -> list[str]:
        """Every file and folder."""
        return sorted(str(path) for folder in (self.run, self.own) for path in (folder, *folder.rglob("*"))
                      if path.exists())  # fmt: skip


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host on which a drill can run."""
    host = Host(tmp_path)
    for module, name, value in (
        (stopped, "RUNTIME", host.run), (stopped, "STEP", host.run / "step"), (services, "OWN_DIRECTORY", host.own),
        (isolated, "RUN", host.run / "drill"), (isolated, "DATA", host.own / "drill"),
        (isolated, "SOCKET", host.run / "drill" / "docker.sock"), (receiving, "FOLDER", host.own / "received"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, str(value))
    monkeypatch.setattr(isolated.host, "run", host)
    monkeypatch.setattr(isolated, "KEEPER", 0.3)
    monkeypatch.setattr(isolated, "obstacle", lambda: "")
    return host


def engine() -> isolated.Isolated:
    return isolated.Isolated(["192.0.2.12"], "m2", 300)


def test_it_is_kept_apart_and_its_folders_are_roots_alone(host: Host) -> None:
    with isolated.alone():
        one = engine()
        one.open()
        for folder in (host.run / "drill", host.own / "drill", host.own / "drill" / "data"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in (host.run / "drill").iterdir():
            if file.name != drill_keeper.STATE:  # the keeper's own
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        order = json.loads((host.run / "drill" / drill_keeper.ORDER).read_text())
        assert (order["pid"], order["hostname"], order["addresses"]) == (os.getpid(), "m2", ["192.0.2.12"])
        assert order["outside"] == drill_keeper.namespaces()
        assert (host.run / "drill" / isolated.PROGRAM).read_text() == Path(drill_keeper.__file__).read_text()
        one.close()
        assert not (host.run / "drill").exists()
    assert host.left == []
    assert host.unit == "inactive"


def test_the_unit_has_a_network_of_its_own_and_writes_nowhere_else(host: Host) -> None:
    words = isolated.unit(300)
    for needed in (
        "PrivateNetwork=yes", "PrivateMounts=yes", "TemporaryFileSystem=/run", "ProtectSystem=strict",
        f"BindPaths={isolated.RUN}", f"ReadWritePaths={isolated.DATA}", "KillMode=control-group", "RuntimeMaxSec=305",
        f"ExecStopPost=nsenter --mount=/proc/1/ns/mnt rm -rf {isolated.RUN} {isolated.DATA}",
    ):  # fmt: skip
        assert f"--property={needed}" in words


def test_the_engine_touches_no_firewall_and_reads_no_configuration_of_the_hosts(host: Host) -> None:
    words = isolated.command("/d")
    for needed in ("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none", "--data-root=/d"):
        assert needed in words
    paths = [word.partition("=")[2] for word in words if "/" in word and word != "--data-root=/d"]
    folders = [path.removeprefix("unix://") for path in paths]
    assert folders
    assert all(folder.startswith(isolated.RUN) for folder in folders)
    # The paths of sockets are limited to 108 bytes, and containerd's is below the exec root.
    assert len("/run/quorum.swarm/drill/x/containerd/containerd.sock.ttrpc") < 108


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda host: setattr(host, "status", 1), "systemd does not isolate an engine here"),
        (lambda host: host.keeper.clear(), "The drill's keeper did not start"),
        (lambda host: host.keeper.update(ready=False, why="it has the host's network"),
         "would not be isolated on this host: it has the host's network."),
    ],
)  # fmt: skip
def test_where_it_cannot_be_isolated_nothing_is_started_and_nothing_left(
    host: Host, break_it: Callable[[Host], object], words: str
) -> None:
    break_it(host)
    with isolated.alone():
        with pytest.raises(Refused, match=words):
            engine().open()
        assert not (host.run / "drill").exists()
        assert host.unit == "inactive"
    assert host.left == []


def test_what_a_killed_run_left_is_removed_first(host: Host) -> None:
    (host.run / "drill" / "x").mkdir(parents=True)
    (host.own / "drill" / "data" / "swarm").mkdir(parents=True)
    (host.own / "drill" / "data" / "swarm" / "key").write_text("in clear")
    host.unit = "active"
    with isolated.alone():
        isolated.clear()
        assert host.unit == "inactive"
        assert host.left == [str(host.own), str(host.run)]
    assert host.left == []


def test_what_cannot_be_removed_is_said(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.own / "drill").mkdir(parents=True)
    monkeypatch.setattr(isolated.shutil, "rmtree", lambda *_args, **_kwargs: None)
    with pytest.raises(Refused, match=f"could not be removed from this host: {host.own}/drill"):
        isolated.clear()


def test_what_others_keep_there_stays(host: Host) -> None:
    host.own.mkdir(mode=0o700)
    (host.own / "pending-restart").touch()
    with isolated.alone():
        pass
    assert host.left == [str(host.own), str(host.own / "pending-restart")]


def test_two_at_once_are_refused_before_anything_is_touched(host: Host) -> None:
    assert not isolated.busy()
    host.run.mkdir()
    (host.run / "drill").mkdir()
    handle = os.open(host.run, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert isolated.busy()
        assert drill.able() == {"changed": False, "able": False, "why": "another drill runs there"}
        request = received(host, "trixie-plain")
        with pytest.raises(Refused, match="Another drill runs on this host"):
            drill.drill(request)
        assert (host.run / "drill").exists()
        assert Path(request.path).exists(), "it may be the other one's"
    finally:
        os.close(handle)
    assert drill.able() == {"changed": False, "able": True, "why": ""}


def test_an_engine_that_ends_says_why(host: Host) -> None:
    with isolated.alone():
        one = engine()
        one.open()
        (host.run / "drill" / drill_keeper.STATE).write_text(
            json.dumps({"ready": True, "order": "1", "running": False, "status": 1}))  # fmt: skip
        assert one.start() == "it ended with status 1"
        (host.run / "drill" / drill_keeper.LOG).write_text("failed to start daemon: no room\n")
        (host.run / "drill" / drill_keeper.STATE).write_text(
            json.dumps({"ready": True, "order": "2", "running": False, "status": 1}))  # fmt: skip
        assert one.start() == "failed to start daemon: no room."
        (host.run / "drill" / drill_keeper.STATE).unlink()
        assert one.start() == one.stop() == "the drill was ended"
        one.close()


def received(host: Host, name: str, **said: Any) -> restore.Request:
    """An archive that has come to the host."""
    (host.own / "received").mkdir(parents=True)
    path = of_capture(name).say(**said).write(host.own / "received", "drill.tar.gz")
    return restore.Request(path, "0" * 64, (KEY,))


def test_a_damaged_archive_is_refused_and_nothing_is_left(host: Host) -> None:
    request = received(host, "trixie-plain")
    Path(request.path).write_bytes(Path(request.path).read_bytes()[:-100])
    with pytest.raises(Refused, match="No drill was begun"):
        drill.drill(request)
    assert host.left == []
    assert host.unit == "inactive"


def test_a_file_that_cannot_be_written_is_said_and_nothing_is_left(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: object) -> None:
        raise OSError(28, "No space left on device", "/x")

    monkeypatch.setattr(drill, "_need_room", full)
    with pytest.raises(Refused, match=r"broken off: /x: No space left on device\. Nothing is left of it"):
        drill.drill(received(host, "trixie-locked"))
    assert host.left == []


def test_a_wrong_key_is_refused_and_nothing_is_left(host: Host) -> None:
    request = received(host, "trixie-locked")
    with pytest.raises(Refused, match="the unlock key does not open it"):
        drill.drill(restore.Request(request.path, "", (OTHER_KEY,)))
    assert host.left == []


def test_without_room_nothing_is_begun(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    request = received(host, "trixie-locked")
    monkeypatch.setattr(drill, "SPARE", 1 << 60)
    with pytest.raises(Refused, match=r"MiB free, and a drill may need \d+ MiB for a while"):
        drill.drill(request)
    assert host.left == []


def test_an_engine_that_does_not_start_is_no_good_drill(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    request = received(host, "trixie-locked")
    monkeypatch.setattr(isolated.Isolated, "stop", lambda _self: "")
    monkeypatch.setattr(isolated.Isolated, "start", lambda _self: "no room")
    with pytest.raises(Refused, match=r"does not come up as a swarm: .*no room\. Nothing is left of the drill\."):
        drill.drill(request)
    assert host.left == []


def test_the_addresses_that_the_host_must_seem_to_have(host: Host) -> None:
    packing = of_capture("trixie-plain")
    opened = restore.archive.Archive("a", 1, packing.manifest, packing.files)
    source, _key = restore.source_of(opened, restore.Request("a", ""))
    own = source.advertise_addr.rpartition(":")[0]
    assert drill.addresses_of(source, packing.manifest) == [own]
    more = restore.reinit.replace(
        source, advertise_addr="[2001:db8::1]:2377", listen_addr="0.0.0.0:2377", data_path_addr="198.51.100.7"
    )
    assert drill.addresses_of(more, packing.manifest) == ["2001:db8::1", own, "198.51.100.7"]
    with pytest.raises(Refused, match="address 'eth0' is no IP address"):
        drill.addresses_of(restore.reinit.replace(source, data_path_addr="eth0"), packing.manifest)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("dockerd", r"dockerd is not installed .package docker\.io."), ("ip", "package iproute2")],
)
def test_what_a_host_lacks_is_named(monkeypatch: pytest.MonkeyPatch, missing: str, words: str) -> None:
    monkeypatch.setattr(isolated.shutil, "which", lambda name, path: None if name == missing else f"/bin/{name}")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(isolated.obstacle())
