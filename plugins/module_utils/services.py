# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine as a service of this host: its process, its unit, its journal, and files written so that they survive.

Runs ``systemctl``, ``journalctl`` and ``dockerd --validate``, reads ``/proc``, writes the files that it is told to.
Decides nothing, and knows nothing of swarms.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import json
import os
import pwd
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon, place

UNIT = "docker.service"
UNITS = ("docker.socket", UNIT)
"""Where there is a socket, it activates the service: while Docker is to stay stopped, both are."""
OWN_DIRECTORY = os.path.dirname(host.PENDING_RESTART)
"""Where the collection keeps what it knows on a node."""
PID_FILE = "/run/docker.pid"
TRIAL_SECONDS = 20
NOBODY = 65534
"""A user who may not start an engine."""


@dataclass(frozen=True)
class Process:
    """The running engine."""

    argv: tuple[str, ...]
    started: float
    """Epoch seconds."""


def engine_process() -> Process | None:
    """The engine that ``docker.service`` runs; None where it does not run, or systemd does not run it.

    Where the unit starts a script that stays there, the engine is the process that it names in its own file.
    """
    _status, text = host.run(["systemctl", "show", UNIT, "--property=MainPID", "--value"])
    pid = text.strip()
    main = process(int(pid)) if pid.isdigit() and int(pid) else None
    if main is None or os.path.basename(main.argv[0]) == place.ENGINE:
        return main
    pid = read(PID_FILE).strip()
    own = process(int(pid)) if pid.isdigit() else None
    return own if own is not None and os.path.basename(own.argv[0]) == place.ENGINE else main


def process(pid: int) -> Process | None:
    """One process, from ``/proc``; None where it is gone.

    Its start is known in clock ticks since boot (proc(5), ``starttime``), which is finer than what systemd tells.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            argv = tuple(part.decode("utf-8", "surrogateescape") for part in stream.read().split(b"\0") if part)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
    except OSError:
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return Process(argv, time.time() - age)


def unit() -> place.Unit:
    """``docker.service`` as systemd resolves it, drop-ins and environment files included; empty: there is no such unit.

    :raises place.Unresolved: it is there, and how it is started is not known.
    """
    _status, text = host.run(["systemctl", "show", UNIT, "--property=LoadState,ExecStart,Environment,EnvironmentFiles,"
                              "RootDirectory"])
    shown = dict(line.partition("=")[::2] for line in text.splitlines())
    state = shown.get("LoadState", "")
    if state == "not-found" or (not state and not host.engine_installed()):
        if host.engine_installed():
            raise place.Unresolved(f"there is no {UNIT} that says how Docker is started here")
        return place.Unit()
    if state != "loaded":
        raise place.Unresolved(f"{UNIT} is {state or 'unknown to systemd'}: it does not say how Docker is started")
    if shown.get("RootDirectory"):
        raise place.Unresolved(f"{UNIT} runs in a root directory of its own ({shown['RootDirectory']})")
    started = _property("Service", "ExecStartEx")
    if started:
        argv, plain = [str(word) for word in started[0][1]], "no-env-expand" in started[0][2]
    else:
        found = re.search(r"argv\[\]=([^;]*)", shown.get("ExecStart", ""))
        argv, plain = found.group(1).split() if found else [], False
    if not argv:
        raise place.Unresolved(f"{UNIT} does not say how Docker is started")
    return place.Unit(tuple(argv), _environment(text), not plain)


def _property(kind: str, name: str) -> Any:
    """One property of the unit, or of the manager; ``systemctl show`` loses where a word ends. None: not known."""
    path = "/unit/docker_2eservice" if kind != "Manager" else ""
    status, text = host.run(["busctl", "--json=short", "get-property", "org.freedesktop.systemd1",
                             f"/org/freedesktop/systemd1{path}", f"org.freedesktop.systemd1.{kind}", name])
    try:
        return json.loads(text)["data"] if status == 0 else None
    except (ValueError, LookupError, TypeError):
        return None


def _environment(shown: str) -> dict[str, str]:
    """The variables that systemd puts into the command line: the manager's, the unit's, and its files' over them.

    :param shown: what ``systemctl show`` prints, for where it cannot be asked exactly.
    :raises place.Unresolved: a file that is needed cannot be read.
    """
    own = _property("Service", "Environment")
    if own is None:
        own = shlex.split(" ".join(re.findall(r"^Environment=(.*)$", shown, re.MULTILINE)))
    found = dict(item.partition("=")[::2] for item in [*(_property("Manager", "Environment") or ()), *own])
    files = _property("Service", "EnvironmentFiles")
    if files is None:
        files = re.findall(r"^EnvironmentFiles=(\S+) \((ignore_errors)=", shown, re.MULTILINE)
    for pattern, _optional in files:
        for path in sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]:
            found.update(place.environment_file(read(path)))
    return found


def unit_command() -> daemon.CommandLine:
    """How systemd starts the engine, whether it runs or not.

    :raises place.Unread: that is not known.
    """
    try:
        return place.command_line(unit())
    except (OSError, ValueError) as error:
        raise place.Unresolved(f"{UNIT}: {error}") from None


def root_dir(answered: str = "") -> str:
    """The engine's ``DockerRootDir``, also where it does not run: as its unit and its configuration have it.

    :param answered: what the engine itself said, where it could be asked.
    :raises place.Unread: it is not known.
    """
    if answered:
        return answered
    running = engine_process()
    known = running is not None and os.path.basename(running.argv[0]) == place.ENGINE
    command = daemon.CommandLine.of(running.argv) if running is not None and known else unit_command()
    try:
        root = root_of(command, daemon.parse(read(command.config_file).lstrip("\ufeff"), command.config_file))
        away = place.not_mounted(root, read("/etc/fstab"), read("/proc/self/mountinfo"))
    except OSError as error:
        raise place.Unresolved(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise place.Unresolved(str(error).split(". ", maxsplit=1)[0].rstrip(".")) from None
    if away:
        raise place.Unresolved(f"{away}, on which Docker keeps its state ({root}), is in /etc/fstab and not mounted")
    if root != place.DEFAULT_ROOT and host.engine_installed() and not os.path.lexists(root):
        raise place.Unresolved(f"{root}, where Docker is told to keep its state, is not there")
    return root


def root_of(command: daemon.CommandLine, config: Mapping[str, Any]) -> str:
    """The folder that an engine uses which is called so and has this configuration, whether it is there or not.

    :raises place.Unresolved: there are no ranges for the user namespace that is wanted.
    """
    root, wanted = place.data_root(command, config), place.remap(command, config)
    return os.path.realpath(_remapped(root, wanted) if wanted else root)


def _remapped(root: str, wanted: str) -> str:
    """The folder of a remapped user namespace: of those that it may be, the one that is there."""
    names = [place.DEFAULT_USER] if wanted == "default" else wanted.split(":")
    users, groups = {}, {}
    with contextlib.suppress(KeyError):
        users[names[0]] = pwd.getpwuid(int(names[0])).pw_uid if names[0].isdigit() else pwd.getpwnam(names[0]).pw_uid
    with contextlib.suppress(KeyError):
        groups[names[-1]] = grp.getgrnam(names[-1]).gr_gid
    folders = place.remapped(root, wanted, users, groups, read("/etc/subuid"), read("/etc/subgid"))
    return next((folder for folder in folders if os.path.isdir(folder)), folders[0])


def feature(name: str) -> bool:
    """Whether the engine's configuration file turns one of its ``features`` on; False where it cannot be read."""
    try:
        return json.loads(read(unit_command().config_file))["features"][name] is True
    except (OSError, ValueError, LookupError, TypeError):
        return False


def try_config(command: daemon.CommandLine, text: str) -> str | None:
    """Have the engine's own program read a configuration: empty: it would; its words: it would not; None: unknown.

    The text is handed over in memory: nothing is written, so that check mode may ask too. Another program than
    ``dockerd`` is not called: nobody knows what it would start.
    """
    if os.path.basename(command.program) != place.ENGINE:
        return None
    for validate in (True, False):
        handle = os.memfd_create("daemon.json")
        try:
            os.write(handle, text.encode())
            path = f"/proc/self/fd/{handle}"
            # Without --validate a root's dockerd would start: then it is called as nobody, and without any groups.
            drop: dict[str, Any] = {} if validate else {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            done = subprocess.run(
                command.trial(path, validate), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, pass_fds=(handle,), timeout=TRIAL_SECONDS, check=False, **drop)
        except (OSError, subprocess.TimeoutExpired):
            return None
        finally:
            os.close(handle)
        verdict = daemon.trial_verdict(done.returncode, done.stdout.decode("utf-8", "replace"))
        if verdict is not None:
            return verdict.replace(path, command.config_file)
    return None


def unusable() -> str:
    """Why systemd does not start ``docker.service`` here, one clause with the remedy; empty: it does."""
    state = host.unit(UNIT, "LoadState").get("LoadState", "")
    if state == "masked":
        return f"{UNIT} is masked (systemctl unmask {UNIT})"
    return "" if state == "loaded" else f"systemd has no {UNIT} to start ({state or 'it does not answer'})"


def to_stop() -> list[str]:
    """The units that keep the engine running: what is loaded, and a masked socket that still listens."""
    found = {name: host.unit(name, "LoadState", "ActiveState") for name in UNITS}
    return [name for name, unit in found.items() if unit.get("LoadState") == "loaded"
            or (unit.get("LoadState") == "masked" and unit.get("ActiveState") == "active")]


def to_start() -> list[str]:
    """The units that bring the engine back: the socket only where it is enabled; else its service starts it, or has one
    of its own.
    """
    socket_unit = host.unit(UNITS[0], "LoadState", "UnitFileState")
    enabled = socket_unit.get("LoadState") == "loaded" and socket_unit.get("UnitFileState", "").startswith("enabled")
    return [*([UNITS[0]] if enabled else []), UNIT]


def start_engine(seconds: float) -> bool:
    """Enable and start the unit. Returns whether systemd says that it started."""
    return host.run(["systemctl", "enable", "--now", UNIT], seconds)[0] == 0


def stop_engine(seconds: float, kill_after: float = 0.0) -> str:
    """Stop the engine and the socket that would start it again. Returns why it does not stand still; empty: it does.

    :param kill_after: seconds that the engine has to end by itself before it is killed, which systemd would do too, by
        default after 90 s; 0: that is left to systemd.
    """
    words = unusable()
    if words:
        return f"{words}, so that it would not be started again"
    units = to_stop()
    status = host.run(["systemctl", "stop", *units], kill_after or seconds)[0]
    if status == 124 and kill_after:
        host.run(["systemctl", "kill", "--kill-who=main", "--signal=SIGKILL", UNIT])
        status = host.run(["systemctl", "stop", *units], seconds)[0]
    if status == 0:
        return "" if host.engine_stopped() else "it was stopped, and runs again"
    return (f"it did not stop within {seconds:.0f} s" if status == 124 else
            f"systemctl stop ended with status {status}")


def start_stopped_engine(seconds: float) -> str:
    """Start the engine again after ``stop_engine``. Returns why it does not run, in its own words; empty: it does.

    What was started three times in a minute is not started again (``StartLimitBurst``): that is forgotten first.
    """
    since = time.time()
    units = to_start()
    host.run(["systemctl", "reset-failed", *units])
    status = host.run(["systemctl", "start", *units], seconds)[0]
    if status == 0:
        return ""
    if status == 124:
        return f"it did not start within {seconds:.0f} s"
    return (unusable() or daemon.engine_words(journal(since))
            or f"systemctl start ended with status {status}")


def restart_engine(seconds: float) -> int:
    """Restart the unit. Returns the exit status of ``systemctl``; 124: it was not through within the time.

    A unit that failed a few times in a row is not started again for a while (``StartLimitBurst``): that is forgotten
    first, for the socket that activates it too.
    """
    host.run(["systemctl", "reset-failed", *to_start()])
    return host.run(["systemctl", "restart", UNIT], seconds)[0]


def runs_on(seconds: float) -> str:
    """Why the engine does not run on for so long, in systemd's word; empty: it does, or systemd does not run it."""
    def look() -> dict[str, str]:
        _status, text = host.run(["systemctl", "show", UNIT, "--property=MainPID,Result"])
        return dict(line.partition("=")[::2] for line in text.splitlines())

    before = look().get("MainPID") or ""
    if not before:
        return ""
    time.sleep(seconds)
    now = look()
    if now.get("MainPID") == before != "0":
        return ""
    return (f"it ended again within {seconds:.0f} s of its start (systemd: {now.get('Result') or 'unknown'}; "
            f"journalctl -u {UNIT} says more)")


def journal(since: float) -> list[str]:
    """What the engine itself wrote since then (epoch seconds), without what systemd says of the unit."""
    _status, text = host.run(["journalctl", f"_SYSTEMD_UNIT={UNIT}", f"--since=@{since:.3f}", "--output=cat",
                              "--no-pager", "--lines=200"], 10)
    return text.splitlines()


def read(path: str) -> str:
    """The text of a file; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def written(path: str) -> float | None:
    """When a file was last changed, epoch seconds; None where there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Put a file in place whole, or not at all, whatever happens meanwhile. A file that is there keeps its mode."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700 if folder == OWN_DIRECTORY else 0o755, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path).st_mode & 0o7777
    handle, draft = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    settle(folder)


def keep(path: str, name: str) -> str:
    """Copy a file into the collection's own directory, with its mode and its time. Returns the copy's path."""
    os.makedirs(OWN_DIRECTORY, mode=0o700, exist_ok=True)
    copy = os.path.join(OWN_DIRECTORY, name)
    shutil.copy2(path, copy)
    with open(copy, "rb") as stream:
        os.fsync(stream.fileno())
    settle(OWN_DIRECTORY)
    return copy


def put_back(copy: str, path: str) -> None:
    """Put a kept file back in its place, with its mode and its old time; the copy stays."""
    draft = path + ".old"
    shutil.copy2(copy, draft)
    os.rename(draft, path)
    settle(os.path.dirname(path))


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        settle(os.path.dirname(path))


def listens(path: str) -> bool:
    """Whether somebody listens at this Unix socket. Where it is an engine's that does not run, this starts it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def speaks_tls(address: str, seconds: float = 3.0) -> bool:
    """Whether somebody at ``host:port`` answers a TLS greeting now.

    More than an open port: for a process that hangs or is frozen, the kernel still accepts connections.
    """
    name, _sign, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # no secret is told, and no word believed: only that there is an answer
    try:
        with socket.create_connection((name.strip("[]"), int(port)), seconds) as raw, context.wrap_socket(raw):
            return True
    except ssl.SSLEOFError:
        return False
    except ssl.SSLError:
        return True  # it answered, and wants a certificate
    except (OSError, ValueError):
        return False


def settle(folder: str) -> None:
    """Have the names in a folder on disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
