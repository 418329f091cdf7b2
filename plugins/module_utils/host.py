# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a host's operating system: addresses, the engine's service, upgrades that would restart it.

Runs ``ip``, ``systemctl``, ``apt-config`` and ``dpkg-query``, reads ``/proc/net`` and the collection's own note below
``/var/lib/quorum.swarm``. Changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

PENDING_RESTART = "/var/lib/quorum.swarm/pending-restart"
"""Where the engine role notes why Docker waits to be restarted."""
FOREVER = 4294967295
"""``valid_life_time`` of an address that is not leased (``ip -j addr``)."""
ENGINE_PACKAGES = ("docker.io", "docker-ce")
PROGRAMS = ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are, whatever PATH a connection has."""
SECONDS = 5
"""How long one of the commands may take."""

_DOCKERS_OWN = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*")


def run(command: Sequence[str], seconds: float = SECONDS) -> tuple[int, str]:
    """Exit status and standard output of a command; 127 where it is not there, 124 where it took too long."""
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + PROGRAMS)
    try:
        done = subprocess.run(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except OSError:
        return 127, ""
    except subprocess.TimeoutExpired:
        return 124, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def is_root() -> bool:
    """Whether this process may read the engine's disk and see to its units."""
    return os.geteuid() == 0


def hostname() -> str:
    """What the host calls itself."""
    return socket.gethostname()


def parse_addresses(text: str) -> list[dict[str, Any]]:
    """``view.Address`` for every address in the output of ``ip -j addr`` that other hosts could reach.

    Loopback, link-local addresses and Docker's own bridges are left out. An address is dynamic where the kernel says
    so, or where it ends: then it is leased, and no raft address to rely on.

    :raises ValueError: it is no JSON.
    """
    found = []
    for link in json.loads(text or "[]"):
        name = link.get("ifname", "")
        if _DOCKERS_OWN.fullmatch(name):
            continue
        for item in link.get("addr_info", ()):
            if item.get("family") not in ("inet", "inet6") or item.get("scope") in ("host", "link"):
                continue
            found.append(
                {
                    "address": item["local"],
                    "prefix": item.get("prefixlen", 0),
                    "interface": name,
                    "dynamic": bool(item.get("dynamic")) or item.get("valid_life_time", FOREVER) != FOREVER,
                }
            )
    return found


def addresses() -> list[dict[str, Any]]:
    """The host's own addresses; empty where iproute2 is missing."""
    status, text = run(["ip", "-j", "addr"])
    if status != 0:
        return []
    try:
        return parse_addresses(text)
    except ValueError:
        return []


def engine_installed() -> bool:
    """Whether an engine is on this host: its program, or a unit that starts one from anywhere else."""
    program = shutil.which("dockerd", path=os.environ.get("PATH", "") + PROGRAMS)
    return program is not None or unit("docker.service", "LoadState").get("LoadState") == "loaded"


def unit(name: str, *properties: str) -> dict[str, str]:
    """Properties of a unit; empty where systemd does not run."""
    status, text = run(["systemctl", "show", name, f"--property={','.join(properties)}"])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line) if status == 0 else {}


def engine_stopped() -> str:
    """Why the engine's service does not run, one sentence; empty where it runs, or where systemd does not know it.

    ``docker.service`` is activated by its socket: to ask a stopped engine is to start it. Whoever only observes looks
    here first.
    """
    found = unit("docker.service", "LoadState", "ActiveState", "SubState")
    if found.get("LoadState") not in ("loaded", "masked") or found.get("ActiveState") not in ("inactive", "failed"):
        return ""
    masked = ", and masked" if found["LoadState"] == "masked" else ""
    return f"docker.service is {found['ActiveState']} ({found.get('SubState', '')}){masked}."


def parse_boot(service: Mapping[str, str], socket_state: str) -> str:
    """Why the engine does not come back at boot, one clause; empty: it does, or nobody knows.

    The socket alone starts it when somebody asks, and no other manager of a swarm asks there.

    :param service: ``LoadState``, ``UnitFileState``, ``WantedBy`` and ``RequiredBy`` of ``docker.service``.
    :param socket_state: ``UnitFileState`` of ``docker.socket``.
    """
    state = service.get("UnitFileState", "")
    if service.get("LoadState") == "masked" or state.startswith("masked"):
        return "docker.service is masked"
    if service.get("LoadState") != "loaded" or state == "enabled":
        return ""
    wanted = f"{service.get('WantedBy', '')} {service.get('RequiredBy', '')}".split()
    if state != "enabled-runtime" and any(one.endswith(".target") for one in wanted):
        return ""
    also = "; docker.socket is enabled, and starts it only when somebody asks" if socket_state == "enabled" else ""
    return f"docker.service is {state or 'not enabled'}{also}"


def boot_problem() -> str:
    """The same, of this host."""
    service = unit("docker.service", "LoadState", "UnitFileState", "WantedBy", "RequiredBy")
    return parse_boot(service, unit("docker.socket", "UnitFileState").get("UnitFileState", "")) if service else ""


def listens_on(port: int) -> bool:
    """Whether anything listens on this TCP port, at any address (proc(5), ``net/tcp``)."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path, encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
        except OSError:
            continue
        if any(row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port for row in rows if len(row) > 3):
            return True
    return False


def pending_restart() -> str:
    """Why Docker waits to be restarted on this host; empty where it does not."""
    try:
        with open(PENDING_RESTART, encoding="utf-8") as note:
            return note.read().strip()
    except OSError:
        return ""


def parse_auto_upgrades(apt_config: str, packages: str) -> bool:
    """Whether unattended upgrades may upgrade the engine's package.

    :param apt_config: output of ``apt-config dump``.
    :param packages: lines ``name want status`` of the engine's packages, as ``dpkg-query`` gives them.
    """
    settings: dict[str, list[str]] = {}
    for name, value in re.findall(r'^(\S+) "(.*)";$', apt_config, re.MULTILINE):
        settings.setdefault(name.rstrip(":"), []).append(value)
    if settings.get("APT::Periodic::Unattended-Upgrade", ["0"])[-1] in ("", "0"):
        return False
    blocked = [pattern for pattern in settings.get("Unattended-Upgrade::Package-Blacklist", []) if pattern]
    for line in packages.splitlines():
        words = line.split()
        if len(words) != 3 or words[1] == "hold" or words[2] != "installed":
            continue
        if not any(_matches(pattern, words[0]) for pattern in blocked):
            return True
    return False


def _matches(pattern: str, package: str) -> bool:
    """Whether unattended-upgrades would leave this package alone: its patterns match from the start of a name."""
    try:
        return re.match(pattern, package) is not None
    except re.error:
        return False


def auto_upgrades() -> bool:
    """Whether unattended upgrades may upgrade, and so restart, this host's engine. Debian and its family only."""
    if not os.path.exists("/usr/bin/unattended-upgrade"):
        return False
    _status, config = run(["apt-config", "dump"])
    wanted = "${Package} ${db:Status-Want} ${db:Status-Status}\n"
    _status, packages = run(["dpkg-query", "-W", "-f=" + wanted, *ENGINE_PACKAGES])
    return parse_auto_upgrades(config, packages)


def listens(address: str, port: int, seconds: float = 3.0) -> bool:
    """Whether somebody accepts a TCP connection at this address, seen from this host."""
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return True
    except OSError:
        return False
