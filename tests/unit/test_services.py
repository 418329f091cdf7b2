# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, files and answers as this machine really has them. Nothing here needs an engine."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import services
from ansible_collections.quorum.swarm.plugins.module_utils.core.daemon import CommandLine

from tests.unit.modules.systemd import Systemd, fake


def test_a_process_says_how_it_was_called_and_when_it_started() -> None:
    before = time.time()
    child = subprocess.Popen(["sleep", "60"])
    after = time.time()
    try:
        time.sleep(0.3)
        seen = services.process(child.pid)
    finally:
        child.kill()
        child.wait()
    assert seen is not None
    assert seen.argv == ("sleep", "60")
    assert before - 0.1 < seen.started < after + 0.1
    assert services.process(child.pid) is None


def test_write_replaces_whole_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "daemon.json"
    services.write(str(path), "one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o644)
    path.chmod(0o600)
    inode = path.stat().st_ino
    services.write(str(path), "two")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert path.stat().st_ino != inode, "it was written in place: a reader may see half of it"
    assert os.listdir(path.parent) == ["daemon.json"]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        services.write(str(path), "\ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["daemon.json"]


def test_what_is_kept_comes_back_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "OWN_DIRECTORY", str(tmp_path / "own"))
    path = tmp_path / "daemon.json"
    path.write_text("old")
    os.utime(path, (1000, 1000))
    copy = services.keep(str(path), "daemon.json.1")
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700
    services.write(str(path), "new")
    services.put_back(copy, str(path))
    assert (path.read_text(), services.written(str(path))) == ("old", 1000)


def test_read_written_and_remove_of_what_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "no")
    assert services.read(path) == ""
    assert services.written(path) is None
    services.remove(path)


@pytest.fixture
def dockerd(tmp_path: Path) -> Callable[[str], CommandLine]:
    """A program that behaves as a `dockerd` does when it is asked about a file."""

    def make(script: str) -> CommandLine:
        program = tmp_path / "dockerd"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return CommandLine(str(program), "/etc/docker/daemon.json")

    return make


def test_the_text_is_handed_over_without_a_file(dockerd: Callable[[str], CommandLine]) -> None:
    command = dockerd('test "$3" = --validate && grep -q wanted "$2" || { echo "bad file $2"; exit 1; }')
    assert services.try_config(command, "wanted") == ""
    assert services.try_config(command, "other") == "bad file /etc/docker/daemon.json."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can call a program as nobody")
def test_an_engine_without_validate_is_asked_as_nobody() -> None:
    """In a folder that nobody may enter, unlike pytest's own."""
    path = Path("/tmp") / f"try.{os.getpid()}" / "dockerd"
    path.parent.mkdir(mode=0o755)
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--validate*) echo "unknown flag: --validate"; exit 125;; esac\n'
        'test "$(id -u)$(id -G)" = 6553465534 || { echo "called as $(id)"; exit 1; }\n'
        'grep -q wanted "$2" || { echo "bad file"; exit 1; }\n'
        'echo "dockerd needs to be started with root privileges"; exit 1\n'
    )
    path.chmod(0o755)
    try:
        assert services.try_config(CommandLine(str(path)), "wanted") == ""
        assert services.try_config(CommandLine(str(path)), "other") == "bad file."
    finally:
        path.unlink()
        path.parent.rmdir()


def test_another_program_is_not_called(tmp_path: Path) -> None:
    """A script that a unit starts would start an engine."""
    path = tmp_path / "start-docker"
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
    path.chmod(0o755)
    assert services.try_config(CommandLine(str(path)), "{}") is None
    assert not (tmp_path / "called").exists()


def test_a_program_that_cannot_be_called_says_nothing() -> None:
    assert services.try_config(CommandLine("/nowhere/dockerd"), "{}") is None


def test_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    assert services.listens(path) is False
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert services.listens(path) is True
    assert os.path.exists(path)
    assert services.listens(path) is False, "the file stays when nobody listens any more"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_an_open_port_without_an_answer_is_nobody(listener: socket.socket) -> None:
    """As of a frozen host: the kernel accepts, and no word comes."""
    assert services.speaks_tls(address(listener), 0.3) is False


@pytest.mark.parametrize(("answer", "speaks"), [(b"\x15\x03\x03\x00\x02\x02\x28", True), (b"", False)])
def test_a_refusal_in_tls_is_an_answer(listener: socket.socket, answer: bytes, speaks: bool) -> None:
    """A TLS alert (handshake_failure): somebody lives there. A connection that is closed says nothing."""

    def serve() -> None:
        connection, _peer = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    assert services.speaks_tls(address(listener), 2) is speaks
    thread.join()


@pytest.mark.parametrize("text", ["127.0.0.1:1", "nonsense", "127.0.0.1:", ""])
def test_nobody_there(text: str) -> None:
    assert services.speaks_tls(text, 0.5) is False


STOP, START = "stop docker.socket docker.service", "start docker.socket docker.service"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with fake(tmp_path / "systemd") as systemd:
        yield systemd


def test_stop_and_start_with_the_socket(systemd: Systemd) -> None:
    assert services.stop_engine(10) == ""
    assert systemd.docker == "inactive"
    assert services.start_stopped_engine(10) == ""
    assert systemd.docker == "active"
    changing = [call for call in systemd.calls if not call.startswith("show")]
    assert changing == [STOP, "reset-failed docker.socket docker.service", START]


@pytest.mark.parametrize(
    ("socket_unit", "stops", "starts"),
    [
        ("LoadState=not-found\nUnitFileState=\nActiveState=inactive\n", "docker.service", "docker.service"),
        ("LoadState=masked\nUnitFileState=masked\nActiveState=inactive\n", "docker.service", "docker.service"),
        ("LoadState=masked\nUnitFileState=masked\nActiveState=active\n", "docker.socket docker.service",
         "docker.service"),
        ("LoadState=loaded\nUnitFileState=disabled\nActiveState=inactive\n", "docker.socket docker.service",
         "docker.service"),
    ],
)
def test_only_units_that_are_there_are_stopped_and_started(
    systemd: Systemd, socket_unit: str, stops: str, starts: str
) -> None:
    systemd.let("socket", socket_unit)
    assert services.stop_engine(10) == ""
    assert services.start_stopped_engine(10) == ""
    changing = [call for call in systemd.calls if not call.startswith("show")]
    assert changing == [f"stop {stops}", f"reset-failed {starts}", f"start {starts}"]


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("LoadState=masked\nActiveState=active\n", "docker.service is masked (systemctl unmask docker.service)"),
        ("LoadState=not-found\nActiveState=inactive\n", "systemd has no docker.service to start (not-found)"),
    ],
)
def test_what_could_not_be_started_again_is_not_stopped(systemd: Systemd, unit: str, words: str) -> None:
    systemd.let("service", unit)
    assert services.stop_engine(10) == f"{words}, so that it would not be started again"
    assert not [call for call in systemd.calls if call.startswith("stop")]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("stop.fails", "systemctl stop ended with status 5"),
        ("stop.slow", "it did not stop within 1 s"),
        ("stop.ignored", "it was stopped, and runs again"),
    ],
)
def test_an_engine_that_does_not_stop(systemd: Systemd, what: str, words: str) -> None:
    systemd.let(what)
    assert services.stop_engine(1) == words


def test_an_engine_that_would_never_stop_is_killed(systemd: Systemd) -> None:
    systemd.let("stop.slow")
    assert services.stop_engine(10, kill_after=0.5) == ""
    assert [call for call in systemd.calls if not call.startswith("show")] == [
        "stop docker.socket docker.service",
        "kill --kill-who=main --signal=SIGKILL docker.service",
        "stop docker.socket docker.service",
    ]


def test_an_engine_that_stops_in_time_is_not_killed(systemd: Systemd) -> None:
    assert services.stop_engine(10, kill_after=5) == ""
    assert [call for call in systemd.calls if not call.startswith("show")] == [STOP]


@pytest.mark.parametrize(
    ("what", "journal", "words"),
    [
        ("start.fails", "", "systemctl start ended with status 1"),
        ("start.fails", "failed to start daemon: no space left\n", "failed to start daemon: no space left"),
        ("start.slow", "", "it did not start within 1 s"),
    ],
)
def test_an_engine_that_does_not_start(systemd: Systemd, what: str, journal: str, words: str) -> None:
    systemd.let(what)
    systemd.let("journal", journal)
    assert services.start_stopped_engine(1).rstrip(".") == words


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([("7", "success"), ("7", "success")], ""),
        ([("7", "success"), ("9", "signal")], "it ended again within 0 s of its start (systemd: signal"),
        ([("0", "exit-code"), ("0", "exit-code")], "it ended again within 0 s of its start (systemd: exit-code"),
        ([("", ""), ("", "")], ""),  # systemd does not say
    ],
)
def test_an_engine_that_ends_again(
    monkeypatch: pytest.MonkeyPatch, seen: list[tuple[str, str]], words: str
) -> None:
    left = list(seen)

    def run(_command: object, *_seconds: object) -> tuple[int, str]:
        pid, result = left.pop(0)
        return 0, f"Result={result}\nMainPID={pid}\n" if pid else ""

    monkeypatch.setattr(services.host, "run", run)
    said = services.runs_on(0.0)
    assert said.startswith(words)
    assert bool(said) == bool(words)
