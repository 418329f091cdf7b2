# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host.py reads from what the operating system's tools print. The texts are theirs; nothing is run but `true`."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import host

# `ip -j addr` of iproute2 6.15, a host with a lease, a second static address, a privacy address, and a running engine.
LINKS = [
    {
        "ifname": "lo",
        "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}],
    },
    {
        "ifname": "eth0",
        "addr_info": [
            {
                "family": "inet",
                "local": "198.51.100.11",
                "prefixlen": 24,
                "scope": "global",
                "dynamic": True,
                "valid_life_time": 3012,
            },
            {
                "family": "inet",
                "local": "198.51.100.12",
                "prefixlen": 24,
                "scope": "global",
                "secondary": True,
                "valid_life_time": 4294967295,
            },
            {
                "family": "inet6",
                "local": "2001:db8::2",
                "prefixlen": 64,
                "scope": "global",
                "temporary": True,
                "valid_life_time": 600000,
            },
            {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link", "valid_life_time": 4294967295},
        ],
    },
    {"ifname": "docker0", "addr_info": [{"family": "inet", "local": "172.17.0.1", "prefixlen": 16, "scope": "global"}]},
    {
        "ifname": "docker_gwbridge",
        "addr_info": [{"family": "inet", "local": "172.18.0.1", "prefixlen": 16, "scope": "global"}],
    },
    {
        "ifname": "br-0123456789ab",
        "addr_info": [{"family": "inet", "local": "172.19.0.1", "prefixlen": 16, "scope": "global"}],
    },
    {"ifname": "br-lan", "addr_info": [{"family": "inet", "local": "192.0.2.1", "prefixlen": 24, "scope": "global"}]},
]


def test_addresses_that_others_can_reach_and_whether_they_stay() -> None:
    found = [(a["address"], a["prefix"], a["interface"], a["dynamic"]) for a in host.parse_addresses(json.dumps(LINKS))]
    assert found == [
        ("198.51.100.11", 24, "eth0", True),
        ("198.51.100.12", 24, "eth0", False),
        ("2001:db8::2", 64, "eth0", True),  # no "dynamic", but it ends
        ("2001:db8::1", 64, "eth0", False),
        ("192.0.2.1", 24, "br-lan", False),  # an operator's own bridge
    ]


def test_no_output_is_no_address() -> None:
    assert host.parse_addresses("") == []
    with pytest.raises(ValueError):
        host.parse_addresses("Command line is not complete.")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    return tmp_path


def tool(tools: Path, name: str, script: str) -> None:
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)


def test_addresses_are_asked_of_ip(tools: Path) -> None:
    tool(tools, "ip", f"""test "$*" = "-j addr" && echo '{json.dumps(LINKS)}'""")
    assert [address["address"] for address in host.addresses()][:2] == ["198.51.100.11", "198.51.100.12"]


@pytest.mark.parametrize("script", ["exit 1", "echo 'no JSON'", "echo '[]'; exit 1"])
def test_where_ip_fails_no_address_is_known(tools: Path, script: str) -> None:
    tool(tools, "ip", script)
    assert host.addresses() == []


def test_an_engine_is_there_where_its_program_is(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[tuple[str, str]] = []

    def which(name: str, path: str) -> None:
        places.append((name, path))

    monkeypatch.setattr(host.shutil, "which", which)
    assert host.engine_installed() is False
    monkeypatch.setattr(host.shutil, "which", lambda name, path: "/usr/sbin/dockerd")
    assert host.engine_installed() is True
    assert places[0][0] == "dockerd"
    assert "/usr/sbin" in places[0][1].split(":"), "which is not on everyone's PATH"


ON = 'APT::Periodic::Unattended-Upgrade "1";\n'
INSTALLED = "docker.io install installed\n"


@pytest.mark.parametrize(
    ("config", "packages", "expected"),
    [
        (ON, INSTALLED, True),
        (ON, "docker-ce install installed\n", True),
        ("", INSTALLED, False),
        ('APT::Periodic::Unattended-Upgrade "0";\n', INSTALLED, False),
        (ON + 'APT::Periodic::Unattended-Upgrade "0";\n', INSTALLED, False),  # a later file has the last word
        ('APT::Periodic::Unattended-Upgrade "7";\n', INSTALLED, True),  # every seven days
        (ON, "", False),
        (ON, "docker.io hold installed\n", False),
        (ON, "docker.io deinstall config-files\n", False),
        (ON + 'Unattended-Upgrade::Package-Blacklist:: "docker";\n', INSTALLED, False),
        (ON + 'Unattended-Upgrade::Package-Blacklist:: "docker\\.io$";\n', INSTALLED, False),
        (ON + 'Unattended-Upgrade::Package-Blacklist:: "linux-";\n', INSTALLED, True),
        (ON + 'Unattended-Upgrade::Package-Blacklist "";\n', INSTALLED, True),
        (ON + 'Unattended-Upgrade::Package-Blacklist:: "(";\n', INSTALLED, True),
        (ON, "docker.io hold installed\ndocker-ce install installed\n", True),
    ],
)
def test_whether_upgrades_may_restart_the_engine(config: str, packages: str, expected: bool) -> None:
    assert host.parse_auto_upgrades(config, packages) is expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("LoadState=loaded\nActiveState=active\nSubState=running\n", ""),
        ("LoadState=loaded\nActiveState=activating\nSubState=start\n", ""),  # it may answer soon
        ("LoadState=loaded\nActiveState=inactive\nSubState=dead\n", "docker.service is inactive (dead)."),
        ("LoadState=loaded\nActiveState=failed\nSubState=failed\n", "docker.service is failed (failed)."),
        ("LoadState=not-found\nActiveState=inactive\nSubState=dead\n", ""),  # an engine that systemd does not run
        ("", ""),
    ],
)
def test_a_stopped_service_is_seen_before_its_socket_starts_it(
    shown: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "run", lambda command: (0, shown))
    assert host.engine_stopped() == expected


def test_without_systemd_nothing_is_known_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "run", lambda command: (127, ""))
    assert host.engine_stopped() == ""


def test_commands_that_fail_hang_or_are_not_there() -> None:
    assert host.run(["true"]) == (0, "")
    assert host.run(["sh", "-c", "echo text; exit 3"]) == (3, "text\n")
    assert host.run(["no-such-command"])[0] == 127
    assert host.run(["sleep", "5"], seconds=0.1)[0] == 124


def test_why_a_restart_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PENDING_RESTART", str(tmp_path / "pending-restart"))
    assert host.pending_restart() == ""
    (tmp_path / "pending-restart").write_text("daemon.json changed\n")
    assert host.pending_restart() == "daemon.json changed"


def test_whether_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert host.listens("127.0.0.1", port)
    assert not host.listens("127.0.0.1", port, seconds=0.5)


@pytest.mark.parametrize(
    ("service", "socket_state", "said"),
    [
        ({"LoadState": "loaded", "UnitFileState": "enabled"}, "enabled", ""),
        ({"LoadState": "loaded", "UnitFileState": "static", "WantedBy": "multi-user.target"}, "", ""),
        ({"LoadState": "loaded", "UnitFileState": "disabled", "WantedBy": "site.target"}, "", ""),
        ({"LoadState": "not-found"}, "", ""),
        ({}, "", ""),
        ({"LoadState": "loaded", "UnitFileState": "disabled"}, "disabled", "docker.service is disabled"),
        ({"LoadState": "loaded", "UnitFileState": "static"}, "", "docker.service is static"),
        ({"LoadState": "loaded", "UnitFileState": "disabled"}, "enabled",
         "docker.service is disabled; docker.socket is enabled, and starts it only when somebody asks"),
        ({"LoadState": "loaded", "UnitFileState": "enabled-runtime", "WantedBy": "multi-user.target"}, "",
         "docker.service is enabled-runtime"),
        ({"LoadState": "masked", "UnitFileState": "masked"}, "enabled", "docker.service is masked"),
    ],
)
def test_whether_an_engine_comes_back_at_boot(service: dict[str, str], socket_state: str, said: str) -> None:
    assert host.parse_boot(service, socket_state) == said
