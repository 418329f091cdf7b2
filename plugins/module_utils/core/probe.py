# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The question to a host that needs neither Python nor files there: what are you, and do you belong to some swarm?

Pure: the text of POSIX shell scripts, and the reading of what they print. The action plugins ``swarm_probe`` and
``swarm_info`` run them over the connection as it is. They change nothing, write nothing, and never wake an engine that
was stopped: ``docker.socket`` would start it for whoever connects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts

PORTS = (2377, 7946)
"""TCP ports that members need to reach on managers. UDP 7946 and 4789 stay silent when open and when filtered alike,
so no probe can tell; the nodes' states after the join do."""

DOCKERS_OWN = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*")
"""Interfaces that Docker made: nobody reaches a host there."""
FOREVER = 4294967295
"""``valid_life_time`` of an address that is not leased."""
LIBRARIES = ("docker", "nacl", "cryptography")
"""What the modules import on a node."""
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Looked at before the user's own ``PATH``, which may lead to programs of the same names."""
RUNNING = ("active", "activating", "reloading", "refreshing")
"""States of a unit in which its engine may be asked: that wakes nothing."""
UNKNOWN = "unknown"
"""``HostFacts.problem`` of an engine that could not be asked at all. It says nothing of the engine."""

# Everything stands in one function: a shell that reads its script from the connection has read it all before a command
# could take a part of it as its own input.
_SCRIPT = r"""
qs_limit() {
  if command -v timeout >/dev/null 2>&1; then timeout "$@"; else shift; "$@"; fi
}
qs_listed() {
  for qs_word in $(tr '\000' '\n' <"$1/cmdline" 2>/dev/null); do
    case $qs_word in *unix:///*) echo "/${qs_word#*unix:///}" ;; esac
  done
}
qs_engine() {
  # The main process of an engine that no unit of systemd's is known to run. Not one of a container's.
  for qs_comm in /proc/[0-9]*/comm; do
    read -r qs_name 2>/dev/null <"$qs_comm" || continue
    test "$qs_name" = dockerd || continue
    qs_dir=${qs_comm%/comm}
    qs_mine=$(readlink /proc/self/ns/pid 2>/dev/null)
    qs_its=$(readlink "$qs_dir/ns/pid" 2>/dev/null)
    test -z "$qs_mine" || test -z "$qs_its" || test "$qs_mine" = "$qs_its" || continue
    echo "$qs_dir"
    return
  done
}
qs_ask() {
  if command -v curl >/dev/null 2>&1; then
    qs_text=$(curl -q -s -S -m 15 --noproxy '*' --unix-socket "$1" http://localhost/info 2>&1); qs_code=$?
    case "$qs_code:$qs_text" in
      0:*"{"*|6:*|7:*|28:*|52:*|55:*|56:*) printf '%s\n' "$qs_text"; echo "@@asked"; echo "curl $qs_code"; return ;;
    esac
  fi
  for qs_python in @PYTHONS@ python3 /usr/libexec/platform-python; do
    command -v ${qs_python%% *} >/dev/null 2>&1 || continue
    qs_limit 20 $qs_python -I -c '
import socket, sys
try:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(sys.argv[1])
    s.sendall(b"GET /info HTTP/1.0\r\n\r\n")
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        data += part
except OSError as error:
    print(error)
    sys.exit(28 if isinstance(error, socket.timeout) else 7)
sys.stdout.write(data.decode("utf-8", "replace"))
' "$1" 2>/dev/null; qs_code=$?
    case $qs_code in 0|7|28) echo; echo "@@asked"; echo "python $qs_code"; return ;; esac
    break
  done
  if command -v perl >/dev/null 2>&1; then
    qs_limit 20 perl -e '
use Socket;
$SIG{ALRM} = sub { exit 28 };
alarm 15;
socket(S, PF_UNIX, SOCK_STREAM, 0) or exit 9;
connect(S, sockaddr_un($ARGV[0])) or do { print "$!\n"; exit 7 };
syswrite(S, "GET /info HTTP/1.0\r\n\r\n") or exit 7;
while (sysread(S, $part, 65536)) { print $part }
exit 0;
' "$1" 2>/dev/null; qs_code=$?
    case $qs_code in 0|7|28) echo; echo "@@asked"; echo "perl $qs_code"; return ;; esac
  fi
  if command -v nc >/dev/null 2>&1; then
    qs_text=$( { printf 'GET /info HTTP/1.0\r\n\r\n'; sleep 1; } | qs_limit 15 nc -U "$1" 2>/dev/null)
    case $qs_text in *"{"*) printf '%s\n' "$qs_text"; echo "@@asked"; echo "nc 0"; return ;; esac
  fi
}
@STATE@
qs_main() {
  set -f
  PATH=@PATHS@:$PATH
  LC_ALL=C
  export PATH LC_ALL
  unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS_VERIFY DOCKER_CERT_PATH CURL_HOME PERL5LIB PERL5OPT
  set +f
  cd /
  echo; echo "@@hostname"; uname -n
  echo "@@user"; id -u
  echo "@@addresses"; ip -j addr 2>/dev/null
  echo "@@unit"
  qs_proc=
  qs_runs=
  if test -d /run/systemd/system; then
    qs_unit=$(systemctl show docker.service --property=LoadState,ActiveState,SubState,MainPID,UnitFileState 2>/dev/null)
    printf '%s\n' "$qs_unit"
  else
    qs_unit=
  fi
  case $qs_unit in
    *LoadState=loaded*)
      for qs_state in @RUNNING@; do
        case "$qs_unit" in *ActiveState=$qs_state*) qs_runs=yes ;; esac
      done
      qs_pid=$(printf '%s\n' "$qs_unit" | sed -n 's/^MainPID=//p')
      test "${qs_pid:-0}" = 0 || qs_proc=/proc/$qs_pid
      ;;
    *)
      qs_proc=$(qs_engine)
      test -z "$qs_proc" || qs_runs=yes
      ;;
  esac
  echo "@@process"; test -z "$qs_proc" || echo "$qs_proc"
  echo "@@dockerd"
  command -v dockerd
  qs_told=$(
    systemctl cat docker.service 2>/dev/null | sed 's/^ *#.*//'
    systemctl show docker.service --property=Environment 2>/dev/null
    systemctl show docker.service --property=EnvironmentFiles 2>/dev/null |
      sed -n 's/^EnvironmentFiles=\(\/[^ ]*\).*/\1/p' |
      while read -r qs_file; do sed 's/^ *#.*//' "$qs_file" 2>/dev/null; done
    test -z "$qs_proc" || tr '\000' ' ' <"$qs_proc/cmdline" 2>/dev/null
  )
  qs_config=$(printf '%s\n' "$qs_told" | sed -n 's/.*--config-file[= ]["'\'']*\(\/[^ "'\'']*\).*/\1/p' | tail -n 1)
  qs_config=${qs_config:-/etc/docker/daemon.json}
  qs_socket=
  for qs_path in $(test -z "$qs_proc" || qs_listed "$qs_proc") \
      $(systemctl show docker.socket --property=Listen 2>/dev/null | sed -n 's/^Listen=\(\/[^ ]*\).*/\1/p') \
      $(grep -o 'unix:///[^"]*' "$qs_config" 2>/dev/null | sed 's/^unix:..//') \
      /run/docker.sock /var/run/docker.sock; do
    test -S "$qs_path" && { qs_socket=$qs_path; break; }
  done
  echo "@@socket"; test -z "$qs_socket" || echo "$qs_socket"
  test -z "$qs_socket" || test -w "$qs_socket" || echo "closed"
  echo "@@features"; grep -o '"swarm-nftables" *: *true' "$qs_config" 2>/dev/null
  echo "@@info"
  test -z "$qs_runs" || test -z "$qs_socket" || qs_ask "$qs_socket"
  for qs_root in $(
      printf '%s\n' "$qs_told" | sed -n 's/.*\(--data-root\|--graph\|-g\)[= ]["'\'']*\(\/[^ "'\'']*\).*/\2/p'
      sed -n 's/.*"\(data-root\|graph\)" *: *"\(\/[^"]*\)".*/\2/p' "$qs_config" 2>/dev/null
      echo /var/lib/docker); do
    qs_state "$qs_root"
    for qs_mapped in "$qs_root"/[0-9]*.[0-9]*; do qs_state "$qs_mapped"; done
  done
  for qs_note in @NOTES@; do
    test -e "$qs_note" && { echo "@@note $qs_note"; cat "$qs_note" 2>/dev/null || echo "unreadable"; echo; }
  done
  echo "@@python"
  for qs_python in @PYTHONS@; do
    command -v ${qs_python%% *} >/dev/null 2>&1 || continue
    qs_limit 15 env @ENVIRONMENT@ $qs_python -c '
import sys
sys.path = [p for p in sys.path if p not in ("", ".")]
print("python", sys.version.split()[0], sys.executable)
for name, needed in (("docker", "APIClient"), ("nacl.secret", "SecretBox"), ("cryptography.x509", "Name")):
    top = name.split(".")[0]
    try:
        whole = __import__(name, fromlist=[needed])
        getattr(whole, needed)
        print("library", top, getattr(sys.modules[top], "__version__", ""))
    except BaseException as error:
        there = sys.modules.get(top)
        gone = isinstance(error, ImportError) and error.name == top and there is None
        if gone or there is not None and getattr(there, "__file__", None) is None:
            print("absent", top)
        else:
            words = " ".join(str(error).split())
            print("broken", top, getattr(there, "__version__", "") or "?", type(error).__name__ + ": " + words)
' 2>&1
    break
  done
  echo "@@ports"
  if command -v bash >/dev/null 2>&1; then
    for qs_target in @TARGETS@; do
      (
        qs_text=$(qs_limit 3 bash -c 'exec 3<>"/dev/tcp/${0%:*}/${0##*:}"' "$qs_target" 2>&1); qs_code=$?
        case "$qs_code:$qs_text" in
          124:*|*"No route to host"*) echo "$qs_target" ;;
        esac
      ) &
    done
    wait
  fi
  echo "@@end"
}
qs_main </dev/null
"""

_DIAGNOSIS = r"""
qs_main() {
  PATH=@PATHS@:$PATH
  LC_ALL=C
  export PATH LC_ALL
  echo; echo "@@user"; id -un
  echo "@@folders"
  for qs_dir in @FOLDERS@; do
    while test -n "$qs_dir" && ! test -e "$qs_dir"; do qs_dir=${qs_dir%/*}; done
    qs_dir=${qs_dir:-/}
    if ! test -w "$qs_dir"; then
      qs_how=closed
      qs_place=$(df -P "$qs_dir" 2>/dev/null | sed -n '$s/.*% *//p')
      while read -r qs_a qs_b qs_c qs_d qs_e; do
        test "$qs_b" = "$qs_place" || continue
        case ,$qs_d, in *,ro,*) qs_how=readonly ;; *) qs_how=closed ;; esac
      done </proc/mounts
      echo "$qs_how $qs_dir"
    else
      for qs_unit in k i; do
        df -P$qs_unit "$qs_dir" 2>/dev/null | {
          read -r qs_a; read -r qs_a qs_size qs_c qs_left qs_e
          case $qs_unit:$qs_size:$qs_left in
            k:*:0) echo "full $qs_dir" ;;
            i:[1-9]*:0) echo "inodes $qs_dir" ;;
          esac
        }
      done
    fi
  done
  echo "@@interpreter"
  for qs_python in @PYTHONS@; do
    if command -v ${qs_python%% *} >/dev/null 2>&1; then
      qs_text=$($qs_python -c 'import json, sys; print("starts")' 2>&1); qs_code=$?
      case $qs_text in
        starts*) echo "starts $qs_python" ;;
        *) echo "broken $qs_code $qs_python"; printf '%s\n' "$qs_text" | tail -n 1 ;;
      esac
      break
    fi
    test -e ${qs_python%% *} && { echo "closed $qs_python"; break; }
  done
  echo "@@end"
}
qs_main </dev/null
"""

_START = r"""
qs_property() { systemctl show "$1" --property="$2" 2>/dev/null | sed "s/^$2=//"; }
qs_main() {
  PATH=@PATHS@:$PATH
  LC_ALL=C
  export PATH LC_ALL
  cd /
  echo; echo "@@started"
  case $(qs_property docker.service LoadState):$(qs_property docker.service ActiveState) in
    loaded:inactive|loaded:failed) ;;
    *) echo "refused $(qs_property docker.service LoadState) $(qs_property docker.service ActiveState)"; return ;;
  esac
  qs_units=docker.service
  test "$(qs_property docker.socket LoadState)" = loaded && qs_units="docker.socket docker.service"
  qs_since=$(date +%s)
  systemctl reset-failed $qs_units 2>/dev/null
  if command -v timeout >/dev/null 2>&1; then
    timeout @SECONDS@ systemctl start $qs_units
  else
    systemctl start $qs_units
  fi
  echo "ended $?"
  echo "@@journal"
  journalctl _SYSTEMD_UNIT=docker.service --since="@$qs_since" --output=cat --no-pager --lines=200 2>/dev/null
  echo "@@end"
}
qs_main </dev/null
"""


def _safe(words: Sequence[str], allowed: str, what: str) -> str:
    """The words for a shell script, where each is made of harmless characters alone.

    :raises ValueError: one is not.
    """
    for word in words:
        if not word or not all(char.isalnum() or char in allowed for char in word):
            raise ValueError(f"{what}: {word!r}")
    return " ".join(words)


def _filled(text: str, parts: Mapping[str, str]) -> str:
    for name, value in {"PATHS": PATHS, "RUNNING": " ".join(RUNNING), **parts}.items():
        text = text.replace(f"@{name}@", value)
    return text.strip() + "\n"


def _pythons(words: Sequence[str]) -> str:
    """Interpreters as words of a shell script; ``/usr/bin/env python3`` is one."""
    _safe(words, "/._-+~ ", "not an interpreter")
    return " ".join(f"'{word}'" for word in words)


def script(
    targets: Sequence[str] = (), pythons: Sequence[str] = ("python3",), environment: str = "", state: str = "",
    notes: Sequence[str] = (),
) -> str:
    """The shell script that asks a host.

    A refused connection to a target proves the way open: nothing listens there yet. Silence, or "no route to host", is
    a filter.

    :param targets: ``address:port`` of other nodes, tried side by side for 3 s at most.
    :param pythons: the interpreters that modules may run with; the first that is there is asked for its libraries.
    :param environment: assignments in a shell's words, as modules are given them.
    :param notes: files of the collection's own whose text is wanted.
    :param state: the definition of ``qs_state``, which prints what lies in a folder of Docker's (``raft/told.py``).
    :raises ValueError: a target or an interpreter that is none.
    """
    return _filled(_SCRIPT, {
        "STATE": state.strip() or "qs_state() { :; }", "PYTHONS": _pythons(pythons), "ENVIRONMENT": environment,
        "NOTES": _safe(notes, "/._-", "not a file"),
        "TARGETS": _safe(targets, ".:", "not an address and a port")})


def diagnosis(folders: Sequence[str], pythons: Sequence[str] = ("python3",)) -> str:
    """The shell script that looks for what keeps modules from running; for ``cause``.

    :param folders: where the modules' files go; ``~`` is the home of whoever connects.
    :raises ValueError: a folder or an interpreter that is none.
    """
    return _filled(_DIAGNOSIS, {
        "FOLDERS": _safe([folder for folder in folders if folder], "/._-+~", "not a folder"),
        "PYTHONS": _pythons(pythons)})


def understood(text: str) -> bool:
    """Whether the script ran on the host at all."""
    return bool(sections(text).get("hostname", "").strip())


def read(host: str, text: str) -> HostFacts:
    """The host's facts from what the script printed. What is missing or malformed is left empty."""
    parts = sections(text)
    info, words = _info(parts.get("info", ""))
    swarm = _mapping(info.get("Swarm"))
    managers = _mappings(swarm.get("RemoteManagers"))
    problem, why = _problem(parts, info, words)
    answers = bool(info.get("ID"))
    return HostFacts.of(host, {
        "hostname": parts.get("hostname", "").strip(),
        "problem": problem,
        "detail": why,
        "addresses": addresses(parts.get("addresses", "")),
        "libraries": [line.split()[1] for line in parts.get("python", "").splitlines()
                      if line.startswith("library ") and len(line.split()) > 1],
        "python": _python(parts.get("python", "")),
        "blocked": sorted(f"{line.strip()}/tcp" for line in parts.get("ports", "").splitlines() if line.strip()),
        "engine": {
            "installed": _installed(parts) or answers,
            "answers": answers,
            "version": str(info.get("ServerVersion") or ""),
            "id": str(info.get("ID") or ""),
            "hostname": str(info.get("Name") or ""),
            "root_dir": str(info.get("DockerRootDir") or ""),
            "live_restore": bool(info.get("LiveRestoreEnabled")),
            "firewall": str(_mapping(info.get("FirewallBackend")).get("Driver") or ""),
            "swarm_nftables": "swarm-nftables" in parts.get("features", ""),
            "containers_running": _number(info.get("ContainersRunning")),
            "error": "" if answers else why,
        },
        "membership": {
            "state": str(swarm.get("LocalNodeState") or ""),
            "node_id": str(swarm.get("NodeID") or ""),
            "node_addr": str(swarm.get("NodeAddr") or ""),
            "control": bool(swarm.get("ControlAvailable")),
            "error": str(swarm.get("Error") or ""),
            "remote_managers": [(str(item.get("NodeID", "")), str(item.get("Addr", ""))) for item in managers],
        },
    })


def _unit(parts: Mapping[str, str]) -> dict[str, str]:
    """The properties of docker.service; empty where systemd does not run, or does not know it."""
    return dict(line.partition("=")[::2] for line in parts.get("unit", "").splitlines() if "=" in line)


def _installed(parts: Mapping[str, str]) -> bool:
    """Whether an engine is on the host: a program, a process, a socket, or a unit that starts one."""
    unit = _unit(parts)
    return (any(parts.get(name, "").strip() for name in ("dockerd", "process"))
            or parts.get("socket", "").strip().startswith("/")
            or (unit.get("LoadState") == "loaded" and unit.get("ActiveState") in RUNNING))


def may_start(text: str) -> bool:
    """Whether systemd has a unit of Docker's that stands still and may be started."""
    unit = _unit(sections(text))
    return unit.get("LoadState") == "loaded" and unit.get("ActiveState") in ("inactive", "failed")


def _problem(parts: Mapping[str, str], info: Mapping[str, Any], words: str) -> tuple[str, str]:
    """Why the swarm cannot be read here, as ``HostFacts.problem`` has it, and that in words.

    An engine that could not be asked is ``unknown``: that says nothing of it. Only one that was asked, or that systemd
    says is stopped, does not answer.
    """
    swarm = _mapping(info.get("Swarm"))
    state = str(swarm.get("LocalNodeState") or "")
    if info.get("ID"):
        if state in ("", "inactive"):
            return "not_member", ""
        if state == "locked":
            return "locked", ""
        if not swarm.get("ControlAvailable"):
            return "not_manager", ""
        return ("no_leader", str(swarm["Error"])) if swarm.get("Error") else ("unread", "")
    unit = _unit(parts)
    sockets = parts.get("socket", "").split()
    if not _installed(parts):
        return "no_engine", "no Docker engine is installed on this host."
    if unit.get("LoadState") in ("loaded", "masked") and unit.get("ActiveState") not in RUNNING:
        return "no_engine", f"docker.service is {unit.get('ActiveState')} ({unit.get('SubState') or ''})."
    if unit.get("LoadState") != "loaded" and not parts.get("process", "").strip():
        return "no_engine", "no process of an engine runs on this host."
    if not sockets:
        return UNKNOWN, "the engine's socket was not found."
    if "closed" in sockets:
        return "error", f"the engine's socket {sockets[0]} may not be opened: run the task with become: true."
    how, _sign, code = parts.get("asked", "").strip().partition(" ")
    if not how:
        return UNKNOWN, "there is nothing on this host to ask the engine's socket with: no curl, Python 3, Perl or nc."
    if code == "28":
        return "timeout", f"the engine at {sockets[0]} did not answer within 15 s."
    if code != "0":
        return "no_engine", f"no engine answers at {sockets[0]}" + (f": {words}" if words else ".")
    return "error", words or f"the engine at {sockets[0]} said nothing that can be read."


def _python(text: str) -> dict[str, Any]:
    """``view.Python``: the interpreter that modules run with, and what its libraries are."""
    told: dict[str, Any] = {"version": "", "path": "", "missing": [], "broken": {}, "versions": {}}
    for line in text.splitlines():
        word, _sign, rest = line.partition(" ")
        name, _sign, more = rest.partition(" ")
        if word == "python":
            told.update(version=name, path=more)
        elif word == "library":
            told["versions"][name] = more
        elif word == "absent":
            told["missing"].append(name)
        elif word == "broken":
            told["broken"][name] = more
    return told


# -- starting Docker ---------------------------------------------------------------------------------------------------


def starter(seconds: int) -> str:
    """The shell script that starts a Docker which stands still; for ``started``.

    It does so only where the unit is loaded, not masked, and stopped. The socket's unit is started where there is one.

    :param seconds: after which it is not waited for any more.
    """
    return _filled(_START, {"SECONDS": str(seconds)})


def started(text: str, seconds: int) -> str:
    """Why Docker does not run, in words, by what ``starter`` printed; empty: systemd says that it started."""
    parts = sections(text)
    word, _sign, rest = parts.get("started", "").strip().partition(" ")
    if word == "refused":
        load, _sign, active = rest.partition(" ")
        return f"docker.service is {load or 'unknown'}, and {active or 'in no known state'}: it was left alone"
    if (word, rest) == ("ended", "0"):
        return ""
    if (word, rest) == ("ended", "124"):
        return f"it did not start within {seconds} s"
    words = daemon.engine_words(parts.get("journal", "").splitlines())
    return words or (f"systemctl start ended with status {rest}" if word == "ended" else "the shell said nothing of it")


# -- why modules do not run --------------------------------------------------------------------------------------------

_SUDO = (
    ("incorrect", "password", "the password for becoming root is wrong"),
    ("missing", "password", "becoming root needs a password, and none was given"),
    ("a password is required", "", "becoming root needs a password, and none was given"),
    ("waiting for privilege escalation", "", "becoming root does not get through"),
    ("not in the sudoers", "", "the user may not become root"),
    ("may not run sudo", "", "the user may not become root"),
    ("not allowed to execute", "", "the user may not become root"),
    ("sudo: not found", "", "there is no sudo on it"),
    ("sudo: command not found", "", "there is no sudo on it"),
)
"""What Ansible and sudo say where a task may not become root."""


def cause(text: str, message: str) -> str:
    """What keeps a host that is reached from running modules, in words; empty: nothing that the shell could find.

    :param text: what ``diagnosis`` printed.
    :param message: what Ansible said.
    """
    low = message.lower()
    for first, second, words in _SUDO:
        if first in low and second in low:
            return words
    if re.search(r"sudo['\"]?: (not found|no such file|command not found)", low):
        return "there is no sudo on it"
    parts = sections(text)
    return _interpreter(parts.get("interpreter")) or _folder(parts.get("folders", ""))


def _interpreter(text: str | None) -> str:
    """What is wrong with its Python; empty: nothing, or it was not looked at."""
    if text is None:
        return ""
    lines = text.strip().splitlines()
    if not lines:
        return "it has no Python that Ansible could use"
    word, _sign, rest = lines[0].partition(" ")
    if word == "closed":
        return f"its Python {rest} may not be executed"
    if word == "broken":
        code, _sign, python = rest.partition(" ")
        said = f": {lines[1].strip()[:200]}" if len(lines) > 1 else ""
        return f"its Python {python} does not start (status {code}){said}"
    return ""


def _folder(text: str) -> str:
    """What is wrong with the folders that modules write to."""
    said = {"full": "its disk is full: no room is left in {}", "inodes": "its disk is full: no inode is left in {}",
            "readonly": "its disk is read-only: {} cannot be written",
            "closed": "{} may not be written by the user that connects"}
    for line in text.splitlines():
        word, _sign, folder = line.strip().partition(" ")
        if word in said:
            return said[word].format(folder)
    return ""


# -- reading -----------------------------------------------------------------------------------------------------------


def addresses(text: str) -> list[dict[str, Any]]:
    """The addresses in the output of ``ip -j addr``, those of the host alone and Docker's own bridges left out.

    An address on the loopback interface may be one by which others reach the host: its scope tells, not its place.
    Leased is what is marked ``dynamic`` or ends some day: a static address has no mark and lives for ever.
    """
    try:
        links = json.loads(text)
    except ValueError:
        return []
    found = []
    for link in _mappings(links):
        if DOCKERS_OWN.fullmatch(str(link.get("ifname"))):
            continue
        for item in _mappings(link.get("addr_info")):
            if item.get("scope") in ("host", "link") or not item.get("local"):
                continue
            life = item.get("valid_life_time")
            found.append({
                "address": str(item["local"]),
                "prefix": _number(item.get("prefixlen")),
                "interface": str(link.get("ifname") or ""),
                "dynamic": bool(item.get("dynamic")) or (life is not None and life != FOREVER),
            })
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> int:
    """The value where it is a whole number, else 0."""
    return value if isinstance(value, int) else 0


def sections(text: str) -> dict[str, str]:
    """What stands below each ``@@name`` of a script's output."""
    parts: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("@@"):
            name = line[2:].strip()
            parts[name] = []
        elif name:
            parts[name].append(line)
    return {key: "\n".join(lines) for key, lines in parts.items()}


def _info(text: str) -> tuple[Mapping[str, Any], str]:
    """The engine's answer, and the words where there is none. Headers of HTTP are left out."""
    words: list[str] = []
    headers = False
    for line in text.splitlines():
        headers = line.startswith("HTTP/1") or (headers and bool(line.strip()))
        if line.startswith("{"):
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            if isinstance(data, dict):
                return data, str(data.get("message") or "")
        if line.strip() and not headers:
            words.append(line.strip())
    return {}, " ".join(words)[:300]
