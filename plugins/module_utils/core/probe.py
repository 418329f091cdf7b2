# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cheap question to a host that the swarm does not know: what are you, and do you belong to some swarm?

Pure: the text of a POSIX shell script, and the reading of what it prints. The action plugin ``swarm_probe`` runs it
over the connection as it is, so it needs neither Python nor the Docker SDK on the host, and costs a third of a module
run. It changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts

PORTS = (2377, 7946)
"""TCP ports that members need to reach on managers. UDP 7946 and 4789 stay silent when open and when filtered alike,
so no probe can tell; the nodes' states after the join do."""

FOREVER = 4294967295
"""``valid_life_time`` of an address that is not leased."""

_SCRIPT = r"""
echo "@@hostname"; uname -n
echo "@@addresses"; ip -j addr 2>/dev/null || true
echo "@@dockerd"; command -v dockerd || true
for socket in /run/docker.sock /var/run/docker.sock; do test -S "$socket" && { echo "$socket"; break; }; done
echo "@@python"
python3 -c 'import importlib.util as u; print(*[n for n in ("docker", "nacl", "cryptography") if u.find_spec(n)])' \
  2>/dev/null || true
echo "@@info"
if command -v docker >/dev/null; then
  DOCKER_HOST= timeout 15 docker info --format '{{json .}}' 2>&1 || true
fi
echo "@@ports"
if command -v bash >/dev/null; then
  for target in @TARGETS@; do
    (
      text=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/${0%:*}/${0##*:}"' "$target" 2>&1); code=$?
      case "$code:$text" in
        124:*|*"No route to host"*) echo "$target" ;;
      esac
    ) &
  done
  wait
fi
"""


def script(targets: Sequence[str]) -> str:
    """The shell script; ``targets`` are ``address:port`` of other nodes, tried side by side for 3 s at most.

    A refused connection proves the way open: nothing listens there yet. Silence, or "no route to host", is a filter.
    """
    for target in targets:
        if not all(char.isalnum() or char in ".:" for char in target):
            raise ValueError(f"not an address and a port: {target!r}")
    return _SCRIPT.replace("@TARGETS@", " ".join(targets))


def read(host: str, text: str) -> HostFacts:
    """The host's facts from what the script printed. What is missing or malformed is left empty."""
    parts = _sections(text)
    info, why = _info(parts.get("info", ""))
    raw_swarm = _mapping(info.get("Swarm"))
    managers = _mappings(raw_swarm.get("RemoteManagers"))
    installed = bool(parts.get("dockerd", "").strip()) or bool(info.get("ID"))
    state = str(raw_swarm.get("LocalNodeState") or "")
    problem = ""
    if not installed:
        problem = "no_engine"
    elif not info.get("ID"):
        problem = "no_engine" if "daemon" in why else "error"
    elif state in ("", "inactive"):
        problem = "not_member"
    elif state == "locked":
        problem = "locked"
    elif not raw_swarm.get("ControlAvailable"):
        problem = "not_manager"
    elif raw_swarm.get("Error"):
        problem = "no_leader"
    else:
        problem = "unread"
    return HostFacts.of(host, {
        "hostname": parts.get("hostname", "").strip(),
        "problem": problem,
        "detail": why,
        "addresses": addresses(parts.get("addresses", "")),
        "libraries": parts.get("python", "").split(),
        "blocked": sorted(f"{line.strip()}/tcp" for line in parts.get("ports", "").splitlines() if line.strip()),
        "engine": {
            "installed": installed,
            "answers": bool(info.get("ID")),
            "version": str(info.get("ServerVersion") or ""),
            "id": str(info.get("ID") or ""),
            "hostname": str(info.get("Name") or ""),
            "root_dir": str(info.get("DockerRootDir") or ""),
            "live_restore": bool(info.get("LiveRestoreEnabled")),
            "firewall": str(_mapping(info.get("FirewallBackend")).get("Driver") or ""),
            "containers_running": _number(info.get("ContainersRunning")),
            "error": why,
        },
        "membership": {
            "state": state,
            "node_id": str(raw_swarm.get("NodeID") or ""),
            "node_addr": str(raw_swarm.get("NodeAddr") or ""),
            "control": bool(raw_swarm.get("ControlAvailable")),
            "error": str(raw_swarm.get("Error") or ""),
            "remote_managers": [(str(item.get("NodeID", "")), str(item.get("Addr", ""))) for item in managers],
        },
    })


def addresses(text: str) -> list[dict[str, Any]]:
    """The addresses in the output of ``ip -j addr``, loopback left out.

    Leased is what is marked ``dynamic`` or ends some day: a static address has no mark and lives for ever.
    """
    try:
        links = json.loads(text)
    except ValueError:
        return []
    found = []
    for link in _mappings(links):
        if "LOOPBACK" in str(link.get("flags")):
            continue
        for item in _mappings(link.get("addr_info")):
            if item.get("scope") == "link" or not item.get("local"):
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


def _sections(text: str) -> dict[str, str]:
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
    """The engine's answer, and its client's words where there is none."""
    words = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                data = json.loads(line)
            except ValueError:
                continue
            if isinstance(data, dict):
                errors = data.get("ServerErrors")
                return data, "; ".join(str(error) for error in errors) if isinstance(errors, list) else ""
        elif line.strip():
            words.append(line.strip())
    return {}, " ".join(words)[:300]
