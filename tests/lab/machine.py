# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine under the lab: its folder, its packages and the Docker engine that the nodes run in.

Touches apt (as root on Debian and Ubuntu, and only for what is missing), and starts an engine only where none answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .console import LabError, execute, locked, say, wait_until

LABEL = "quorum.swarm.lab"
"""Label on every container, network and image of a lab. Its value is the lab's name, or an image's suite."""

# Each systemd takes dozens of these, and all nodes share the machine's.
_SYSCTLS = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 1048576}
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


def folder() -> Path:
    """The one folder where the labs of this machine keep everything: QS_LAB_DIR, or /var/lib/quorum-swarm-lab."""
    return Path(os.environ.get("QS_LAB_DIR", "/var/lib/quorum-swarm-lab")).absolute()


def owner_label() -> str:
    """The label that tells this folder's labs from those of another folder in the same engine."""
    return f"{LABEL}.folder={hashlib.sha256(str(folder()).encode()).hexdigest()[:12]}"


def private_key() -> Path:
    """The ssh key that opens every node."""
    return folder() / "id_ed25519"


def control_folder() -> Path:
    """Where ssh keeps its control sockets."""
    return folder() / "cm"


def lock() -> contextlib.AbstractContextManager[None]:
    """Hold the machine: for changes that two labs must not make at once."""
    return locked(folder() / "lock")


def docker(*arguments: str, check: bool = True, timeout: float | None = 120, stdin: str | None = None) -> str:
    """Run the docker client against the lab's engine and return what it printed, stripped. Raises LabError."""
    done = execute(["docker", *arguments], check=check, timeout=timeout, stdin=stdin, env=_environment())
    return done.stdout.strip()


def docker_exec(
    container: str, command: list[str], *, check: bool, timeout: float, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a container; it is killed there after so many seconds. Raises LabError as execute does."""
    whole = ["docker", "exec", *(["-i"] if stdin is not None else []), container]
    whole += ["timeout", "--kill-after=2", f"{timeout:g}", *command]
    return execute(whole, check=check, timeout=timeout + 10, stdin=stdin, env=_environment())


def docker_interactive(container: str, command: list[str]) -> int:
    """Run a command in a container with this program's own input and output; returns its status."""
    terminal = ["-it"] if os.isatty(0) and os.isatty(1) else ["-i"]
    return subprocess.call(["docker", "exec", *terminal, container, *command], env=_environment())


def prepare() -> None:
    """Make the machine ready for nodes: folder, ssh key, packages, a running engine. Raises LabError.

    Whatever is there already is left alone.
    """
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        control_folder().mkdir(mode=0o700, exist_ok=True)
    except PermissionError as error:
        raise LabError(f"{folder()} cannot be written: run this as root, or set QS_LAB_DIR.") from error
    with lock():
        answers = _engine_answers()
        _install_missing(engine=not answers)
        if not answers:
            _start_engine()
        _raise_limits()
        if not private_key().exists():
            execute(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "quorum-swarm-lab", "-f", str(private_key())])


def require() -> None:
    """Raise LabError if the machine has no engine that answers; change nothing."""
    if not _engine_answers():
        raise LabError("no Docker engine answers on this machine: `python3 -m tests.lab up` starts one.")


def wake() -> None:
    """Have the engine answer, so that what is in it can be removed: after a reboot the one that we started is off."""
    with lock():
        if _record() and not _engine_answers():
            _start_engine()
    require()


def cgroup_version() -> str:
    """'1' or '2', as the engine under the nodes sees it."""
    return docker("info", "--format", "{{.CgroupVersion}}")


def remove() -> None:
    """Stop the engine if the lab started it, and remove the lab's folder. Nodes must be gone. Raises LabError."""
    record = _record()
    if record:
        _stop_engine(record)
    _restore_limits()
    _unmount_below(folder())
    shutil.rmtree(folder(), ignore_errors=True)
    if folder().exists():
        raise LabError(f"{folder()} could not be removed whole: is something still mounted or running in it?")


def _environment() -> dict[str, str]:
    """The docker client finds the engine as it always does, unless we started one."""
    record = _record()
    return {**os.environ, "DOCKER_HOST": str(record["socket"])} if record else dict(os.environ)


def _record() -> dict[str, str | int] | None:
    """What is known of an engine that the lab started, or None if it never started one."""
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads((folder() / "engine.json").read_text()))
    return None


def _engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    try:
        done = execute(command, check=False, timeout=20, env=_environment())
    except LabError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _install_missing(*, engine: bool) -> None:
    programs = {"mmdebstrap": "mmdebstrap", "ssh-keygen": "openssh-client"}
    if engine:
        programs |= {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables"}
    missing = sorted({package for program, package in programs.items() if shutil.which(program) is None})
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(
            f"This machine lacks {', '.join(missing)}: install "
            + ("them" if len(missing) > 1 else "it")
            + " (the lab does so itself only as root on Debian or Ubuntu)."
        )
    say(f"machine: installing {', '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    execute(["apt-get", "update"], env=quiet, timeout=300)
    execute(["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=quiet, timeout=900)


def _raise_limits() -> None:
    """Raise kernel limits that would let the tenth node fail to boot; what they were is kept for remove."""
    found = {name: int(Path("/proc/sys", name).read_text()) for name in _SYSCTLS}
    low = {name: value for name, value in found.items() if value < _SYSCTLS[name]}
    if not low:
        return
    if os.geteuid() != 0:
        say(f"machine: a big lab may fail, and only root can raise {', '.join(low)}")
        return
    kept = folder() / "sysctls.json"
    if not kept.exists():
        kept.write_text(json.dumps(low) + "\n")
    for name in low:
        Path("/proc/sys", name).write_text(str(_SYSCTLS[name]))


def _restore_limits() -> None:
    with contextlib.suppress(FileNotFoundError):
        for name, value in json.loads((folder() / "sysctls.json").read_text()).items():
            Path("/proc/sys", name).write_text(str(value))


def _start_engine() -> None:
    """Start an engine whose every file is in the lab's folder, and that does not touch the machine's firewall."""
    if os.geteuid() != 0:
        raise LabError("No Docker engine answers, and only root can start one: start Docker, or run this as root.")
    if Path("/run/systemd/system").is_dir():
        # Here the package's own service is the right one; it is the machine's from now on.
        execute(["systemctl", "start", "docker.service"], timeout=60)
        return
    socket = os.environ.get("DOCKER_HOST", DEFAULT_SOCKET)
    if not socket.startswith("unix://"):
        raise LabError(f"DOCKER_HOST is {socket}, and no engine answers there: start it, or unset DOCKER_HOST.")
    home = folder() / "engine"
    home.mkdir(mode=0o700, exist_ok=True)
    log = home / "dockerd.log"
    (home / "dockerd.pid").unlink(missing_ok=True)
    command = [
        "dockerd",
        f"--host={socket}",
        f"--data-root={home / 'data'}",
        f"--exec-root={home / 'run'}",
        f"--pidfile={home / 'dockerd.pid'}",
        "--bridge=none",
        # Nodes live on internal networks with no way out: nothing is to be forwarded, so no rule is needed.
        "--iptables=false",
        "--ip6tables=false",
        "--ip-masq=false",
        "--ip-forward=false",
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    (folder() / "engine.json").write_text(json.dumps({"socket": socket, "pid": process.pid}) + "\n")
    say(f"machine: starting an engine (log: {log})")

    def up() -> bool:
        if process.poll() is not None:
            (folder() / "engine.json").unlink()
            raise LabError(f"dockerd ended with status {process.returncode}: its reason is at the end of {log}.")
        return _engine_answers()

    wait_until(up, seconds=60, failure=f"dockerd does not answer after 60 s: see {log}.")


def _stop_engine(record: dict[str, str | int]) -> None:
    pid = int(record["pid"])
    if not _is_our_engine(pid):
        return
    say("machine: stopping the engine that the lab started")
    os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    wait_until(lambda: not _is_our_engine(pid), seconds=60, failure=f"dockerd (process {pid}) does not stop.")
    time.sleep(0.5)  # its containerd ends just after it


def _is_our_engine(pid: int) -> bool:
    """Whether this process is the engine whose data is in our folder: a process number may have a new owner."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return f"--data-root={folder() / 'engine' / 'data'}" in arguments


def _unmount_below(path: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounted if m.startswith(f"{path}/")), reverse=True):
        execute(["umount", "--lazy", mount], check=False)
