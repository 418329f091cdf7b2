# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stop of the engine with the guard in place: the real guard in a process of its own, systemd and engine scripted.

What systemd and engines really do is held by molecule/backup and tests/faults/shard_backup_kills.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import restart_guard, services, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused, Stop

from tests.unit.modules.scripted import Request, Script
from tests.unit.modules.systemd import Systemd

KEY = "SWMKEY-1-uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
LONG = 40.0


@pytest.fixture
def runtime(tmp_path: Path, script: Script, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the guard, where it is as good as a tmpfs; an engine that is what systemd says."""

    def info(_request: Request) -> tuple[int, Any]:
        return (200, {"Swarm": {"LocalNodeState": "active"}}) if systemd.docker == "active" else (503, None)

    script.say("GET /info", info)
    folder = tmp_path / "run"
    for name, path in places(folder).items():
        monkeypatch.setattr(stopped, name, path)
    monkeypatch.setattr(stopped, "_on_tmpfs", lambda _path: True)
    return folder


def places(folder: Path) -> dict[str, str]:
    return {"RUNTIME": str(folder), "GUARD": str(folder / "guard"), "LOCK": str(folder / "stop.lock"),
            "STEP": str(folder / "step")}  # fmt: skip


def stop_of(script: Script, seconds: float = 60, start_timeout: float = 60) -> Stop:
    return Stop(script.host.removeprefix("unix://"), KEY, seconds, start_timeout)


def ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be waited for."""
    return not restart_guard.started(pid)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_one_stop(runtime: Path, script: Script, systemd: Systemd) -> None:
    with stop_of(script) as stop:
        assert not ended(systemd.guard)
        assert (systemd.docker, stop.stopped_at) == ("active", 0.0)
        stop.down()
        assert systemd.docker == "inactive"
        assert "stop docker.socket docker.service" in systemd.calls, "the socket would start it again"
        stop.undisturbed()
        stop.up()
        assert systemd.docker == "active"
        assert 0 < stop.stopped_at < stop.running_again
        stop.release()
        until(lambda: ended(systemd.guard))
    assert not (runtime / "guard").exists(), "the key is still there"
    assert [call for call in systemd.calls if call.startswith(("stop", "start"))] == [
        "stop docker.socket docker.service",
        "start docker.socket docker.service",
    ]


def test_the_key_is_in_one_file_of_root_and_in_no_command(runtime: Path, script: Script, systemd: Systemd) -> None:
    before = os.umask(0)
    try:
        with stop_of(script) as stop:
            guard = runtime / "guard"
            holding = [path.name for path in guard.iterdir() if KEY in path.read_text()]
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (runtime, guard, *guard.iterdir())}
            assert KEY.encode() not in Path(f"/proc/{systemd.guard}/cmdline").read_bytes()
            assert KEY not in repr(stop)
            stop.release()
    finally:
        os.umask(before)
    assert holding == [restart_guard.ORDER]
    assert {mode for name, mode in modes.items() if name not in ("run", "guard")} == {0o600}
    assert modes["guard"] == 0o700
    assert [call for call in systemd.calls if KEY in call] == []


def test_an_error_starts_docker_and_the_guard_stays_until_the_process_is_gone(
    runtime: Path, script: Script, systemd: Systemd
) -> None:
    """It may have to unlock: a module that failed does not do that any more."""
    def fill_the_disk() -> None:
        with stop_of(script) as stop:
            stop.down()
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fill_the_disk()
    assert systemd.docker == "active"
    assert not ended(systemd.guard)
    assert (runtime / "guard" / restart_guard.ORDER).exists()


def test_an_error_before_the_stop_starts_nothing(runtime: Path, script: Script, systemd: Systemd) -> None:
    with pytest.raises(RuntimeError), stop_of(script):
        raise RuntimeError
    assert [call for call in systemd.calls if call.startswith(("stop", "start "))] == []


@pytest.mark.parametrize("what", ["stop.fails", "stop.ignored", "stop.slow"])
def test_docker_does_not_stop(runtime: Path, script: Script, systemd: Systemd, what: str) -> None:
    systemd.let(what)
    with pytest.raises(Refused, match=r"^Docker could not be stopped: .+\.$"), stop_of(script, 0.5) as stop:
        stop.down()
    assert "start docker.socket docker.service" in systemd.calls


def test_docker_does_not_start(runtime: Path, script: Script, systemd: Systemd) -> None:
    systemd.let("start.fails")
    systemd.let("journal", "failed to start daemon: no space left on device\n")
    def stop_and_start() -> None:
        with stop_of(script) as stop:
            stop.down()
            stop.up()

    with pytest.raises(Refused, match=r"Docker does not start again: .*no space left on device.*15 minutes; journal"):
        stop_and_start()
    assert not ended(systemd.guard), "nobody tries again"


def test_somebody_starts_docker_meanwhile(runtime: Path, script: Script, systemd: Systemd) -> None:
    def copy() -> None:
        with stop_of(script) as stop:
            stop.down()
            systemd.docker = "active"
            stop.undisturbed()

    with pytest.raises(Refused, match=r"started while its state was copied .by somebody else., so the copy is worth"):
        copy()


def test_the_guard_starts_docker_meanwhile(runtime: Path, script: Script, systemd: Systemd) -> None:
    """The time was up: what was copied so far may be of before and after, even if Docker stands still again."""
    def copy() -> None:
        with stop_of(script, 1.0) as stop:
            stop.down()
            until(lambda: stopped.rescue() != "")
            until(lambda: systemd.docker == "active")
            systemd.docker = "inactive"
            stop.undisturbed()

    with pytest.raises(Refused, match=r"started while its state was copied .Docker was to be stopped for 1 s at most"):
        copy()


# Whoever runs the tests may ignore a hangup (nohup), and a child would, too: sshd's do not.
PROGRAM = """
    import signal, sys, time
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    from ansible_collections.quorum.swarm.plugins.module_utils import stopped
    for name, path in {places!r}.items():
        setattr(stopped, name, path)
    stopped._on_tmpfs = lambda path: True
    with stopped.Stop({socket!r}, {key!r}, 60) as stop:
        stop.down()
        print("stopped", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_module_is_killed_while_docker_is_stopped(runtime: Path, script: Script, systemd: Systemd, by: int) -> None:
    program = PROGRAM.format(places=places(runtime), socket=script.host.removeprefix("unix://"), key=KEY)
    environment = {**systemd.environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    module = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True,
                              env=environment, start_new_session=True)  # fmt: skip
    assert module.stdout is not None
    assert module.stdout.readline() == "stopped\n"
    assert systemd.docker == "inactive"
    os.killpg(module.pid, by)  # all of its session, as sshd does
    module.wait(LONG)
    module.stdout.close()
    until(lambda: systemd.docker == "active")
    until(lambda: ended(systemd.guard))
    assert not (runtime / "guard" / restart_guard.ORDER).exists()
    assert stopped.rescue() == "the module that had stopped Docker is gone"


def test_without_a_guard_nothing_is_stopped(
    runtime: Path, script: Script, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.let("run.fails")
    with pytest.raises(Refused, match=r"cannot be started .systemd-run: status 1., so Docker is not stopped"):
        stop_of(script).__enter__()
    assert not (runtime / "guard").exists(), "the key is still there"
    systemd.mend("run.fails")
    monkeypatch.setattr(stopped, "ARMING", 1.0)
    monkeypatch.setattr(stopped, "source_of", lambda _program: "import sys; sys.exit(1)")
    with pytest.raises(Refused, match="cannot be started"):
        stop_of(script).__enter__()
    assert not (runtime / "guard").exists()


def test_a_guard_that_still_works_is_not_disturbed(runtime: Path, script: Script, systemd: Systemd) -> None:
    with pytest.raises(RuntimeError), stop_of(script):
        raise RuntimeError
    order = (runtime / "guard" / restart_guard.ORDER).read_text()
    with pytest.raises(Refused, match="restart guard of an earlier run is still bringing Docker back"):
        stop_of(script).__enter__()
    assert (runtime / "guard" / restart_guard.ORDER).read_text() == order


def test_no_key_goes_to_a_disk(runtime: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped, "_on_tmpfs", lambda _path: False)
    with pytest.raises(Refused, match="is not on a tmpfs: the unlock key would be written to a disk"):
        stop_of(script).__enter__()
    assert not (runtime / "guard").exists()


MOUNTS = """\
21 26 0:19 / /proc rw,nosuid - proc proc rw
26 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 26 0:22 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=98304k
25 24 0:23 / /run/lock rw - tmpfs tmpfs rw
27 26 252:1 / /srv/run/quorum.swarm rw - ext4 /dev/vdb rw
28 26 0:30 / /srv/run rw master:1 - ramfs none rw
29 26 0:31 / /over rw - tmpfs none rw
30 29 252:2 / /over rw - ext4 /dev/vdc rw
"""


@pytest.mark.parametrize(
    ("path", "memory"),
    [
        ("/run/quorum.swarm", True),
        ("/run", True),
        ("/run/lock/a/b", True),
        ("/running", False),
        ("/var/lib", False),
        ("/", False),
        ("/srv/run/x", True),
        ("/srv/run/quorum.swarm/guard", False),
        ("/over/x", False),  # what was mounted later lies above
    ],
)
def test_on_tmpfs(path: str, memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "read", lambda name: MOUNTS if name == "/proc/self/mountinfo" else "")
    assert stopped._on_tmpfs(path) is memory


def test_this_machine_can_be_asked() -> None:
    assert stopped._on_tmpfs("/proc") is False


def test_only_one_run_on_a_host(runtime: Path) -> None:
    with stopped.alone():
        with pytest.raises(Refused, match="Another run is stopping Docker on this host"), stopped.alone():
            pass
        assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    with stopped.alone():
        pass


def test_the_lock_of_a_killed_run_is_none(runtime: Path) -> None:
    with stopped.alone():
        pass
    child = subprocess.Popen(
        [sys.executable, "-c",
         "import fcntl, sys, time\nlock = open(sys.argv[1], 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
         "print('locked', flush=True)\ntime.sleep(60)", stopped.LOCK],
        stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "locked\n"
    with pytest.raises(Refused), stopped.alone():
        pass
    child.kill()
    child.wait()
    child.stdout.close()
    with stopped.alone():
        pass


def test_the_guard_does_not_inherit_the_lock(runtime: Path, script: Script, systemd: Systemd) -> None:
    """Else the next run would be refused as long as the guard watches, with the wrong reason."""
    with stopped.alone(), pytest.raises(RuntimeError), stop_of(script):
        raise RuntimeError
    assert not ended(systemd.guard)
    with open(stopped.LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_step_is_there_for_who_looks(runtime: Path) -> None:
    stopped.step("copying")
    assert (runtime / "step").read_text() == "copying\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [("", ""), (json.dumps({"why": "x", "state": ""}), "x"), ("{", "for an unknown reason"), ("[]", "for an unknown r"
                                                                                             "eason")],
)  # fmt: skip
def test_rescue(runtime: Path, text: str, why: str) -> None:
    (runtime / "guard").mkdir(parents=True)
    if text:
        (runtime / "guard" / restart_guard.RESCUED).write_text(text)
    assert stopped.rescue() == why


NODE = {"Version": {"Index": 1}, "Spec": {"Role": "manager"}, "Status": {"State": "ready"}}


def nodes(own: str = "reachable") -> list[dict[str, Any]]:
    return [{**NODE, "ID": name, "ManagerStatus": {"Reachability": own if name == "n1" else "reachable",
                                                   "Addr": "127.0.0.1:1"}} for name in ("n1", "n2", "n3")]  # fmt: skip


def member(state: str, **more: Any) -> tuple[int, Any]:
    return 200, {"Swarm": {"LocalNodeState": state, "NodeID": "n1", "ControlAvailable": state == "active", **more}}


def test_come_back_unlocks_and_waits_until_the_leader_reaches_it(script: Script) -> None:
    opened = member("active")
    script.say("GET /info", (503, None), member("pending"), member("locked"), member("pending"), opened)
    script.say("POST /swarm/unlock", (200, None))
    script.say("GET /nodes", (500, {"message": "does not have a leader"}), (200, nodes("unreachable")), (200, nodes()))
    assert stopped.come_back(Engine(script.host), KEY, LONG) == ""
    assert [request.body for request in script.said("POST /swarm/unlock")] == [{"UnlockKey": KEY}]
    assert len(script.said("GET /nodes")) == 3


@pytest.mark.parametrize(
    ("info", "key", "words"),
    [
        (member("locked"), "", "locked"),
        (member("pending"), KEY, "pending"),
        (member("active", Error="rpc error"), KEY, "rpc error"),
        ((500, {"message": "it broke SWMKEY-1-secret"}), KEY, "it broke SWMKEY-(hidden)"),
    ],
)
def test_come_back_says_what_it_waits_for(script: Script, info: Any, key: str, words: str) -> None:
    script.say("GET /info", info)
    script.say("GET /nodes", (200, nodes("unreachable")))
    assert stopped.come_back(Engine(script.host), key, 0.3) == words


def test_standing_asks_the_others_itself(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """The swarm's own word on who is reachable may be 20 s old."""
    asked: list[str] = []

    def speaks(address: str) -> bool:
        asked.append(address)
        return address != "b:1"

    monkeypatch.setattr(services, "speaks_tls", speaks)
    listed = nodes()
    for node, address in zip(listed, ("a:1", "b:1", "c:1"), strict=True):
        node["ManagerStatus"]["Addr"] = address
    worker = {**NODE, "ID": "w1", "Spec": {"Role": "worker"}}
    script.say("GET /info", member("active"))
    script.say("GET /nodes", (200, [*listed, worker]))
    script.say("GET /swarm", (200, {"ID": "s1", "Version": {"Index": 1}, "Spec": {
        "EncryptionConfig": {"AutoLockManagers": True}}}))  # fmt: skip
    standing = stopped.Standing.look(Engine(script.host))
    assert asked == ["b:1", "c:1"], "itself, it does not ask"
    assert (standing.silent, standing.autolock) == (("n2",), True)
    assert "of 3 managers n2 cannot be reached" in standing.refusal(True, key_at_hand=True)


def test_a_key_at_hand_needs_no_other_manager(script: Script) -> None:
    script.say("GET /info", member("active"))
    script.say("GET /nodes", (200, nodes()[:1]))
    script.say("GET /swarm", (200, {"ID": "s1", "Version": {"Index": 1}, "Spec": {
        "EncryptionConfig": {"AutoLockManagers": True}}}))  # fmt: skip
    standing = stopped.Standing.look(Engine(script.host))
    assert "unlock key" in standing.refusal(True)
    assert standing.refusal(True, key_at_hand=True) == ""
    assert "a majority of 1 is 1" in standing.refusal(False, key_at_hand=True)


@pytest.mark.parametrize("info", [member("locked"), member("active", Error="no leader"),
                                  member("active", ControlAvailable=False)])  # fmt: skip
def test_standing_of_what_cannot_speak_for_its_swarm(script: Script, info: Any) -> None:
    script.say("GET /info", info)
    assert stopped.Standing.look(Engine(script.host)).nodes == ()
    assert [request.path for request in script.asked if request.path != "/version"] == ["/info"]
