# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe: the script as a shell reads it, and the reading of anything that it could print.

The answers of engines in answers() were captured on Docker 26.1.5, with the addresses of a laboratory.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts
from hypothesis import given
from hypothesis import strategies as st

ADDRESSES = json.dumps([
    {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "addr_info": [{"local": "127.0.0.1", "scope": "host"}]},
    {"ifname": "eth0", "flags": ["UP"], "addr_info": [
        {"family": "inet", "local": "192.0.2.11", "prefixlen": 24, "scope": "global", "valid_life_time": 4294967295},
        {"family": "inet", "local": "192.0.2.99", "prefixlen": 24, "scope": "global", "dynamic": True,
         "valid_life_time": 3600},
        {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global", "valid_life_time": 86000},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link", "valid_life_time": 4294967295}]},
])

MANAGERS = [{"NodeID": "8mh5rl3t026imq8is0wlmisur", "Addr": "198.18.7.11:2377"},
            {"NodeID": "vh0e54014vim68hsldssaci15", "Addr": "198.18.7.13:2377"}]
HALF_JOINED = {"NodeID": "", "NodeAddr": "198.18.7.32", "LocalNodeState": "pending", "ControlAvailable": False,
               "Error": "", "RemoteManagers": [{"NodeID": "", "Addr": "198.18.7.99:2377"}]}
"""A join to an address where nobody is."""
LOST_MANAGER = {"NodeID": "8mh5rl3t026imq8is0wlmisur", "NodeAddr": "198.18.7.11", "LocalNodeState": "pending",
                "ControlAvailable": True, "RemoteManagers": MANAGERS,
                "Error": "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too "
                         "few managers are online. Make sure more than half of the managers are online."}
"""A manager whose daemon was restarted when the majority was dead."""
LOST_WORKER = {"NodeID": "4f5j75ug620ys7v8hjsq30608", "NodeAddr": "198.18.7.31", "LocalNodeState": "pending",
               "ControlAvailable": False, "Error": "", "RemoteManagers": MANAGERS}
"""A worker whose daemon was restarted when all managers were dead."""
INACTIVE = {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": "",
            "RemoteManagers": None}


def printed(swarm: Any = None, info: str = "", **parts: str) -> str:
    """What the script prints on a host with these answers."""
    if swarm is not None:
        info = json.dumps({"ID": "engine-1", "ServerVersion": "26.1.5+dfsg1", "Name": "m1", "Swarm": swarm,
                           "DockerRootDir": "/var/lib/docker", "LiveRestoreEnabled": False, "ContainersRunning": 2})
    sections = {"hostname": "m1", "addresses": ADDRESSES, "dockerd": "/usr/sbin/dockerd", "python": "docker nacl",
                "info": info, "ports": "", **parts}
    return "".join(f"@@{name}\n{text}\n" for name, text in sections.items())


@pytest.mark.parametrize(
    ("swarm", "problem", "state", "control"),
    [
        (INACTIVE, "not_member", "inactive", False),
        (HALF_JOINED, "not_manager", "pending", False),
        (LOST_MANAGER, "no_leader", "pending", True),
        (LOST_WORKER, "not_manager", "pending", False),
        ({**LOST_WORKER, "LocalNodeState": "active"}, "not_manager", "active", False),
        ({**LOST_MANAGER, "LocalNodeState": "active", "Error": ""}, "unread", "active", True),
        ({"LocalNodeState": "locked"}, "locked", "locked", False),
        ({}, "not_member", "", False),
    ],
)
def test_membership(swarm: Any, problem: str, state: str, control: bool) -> None:
    facts = probe.read("m1", printed(swarm))
    assert (facts.problem, facts.membership.state, facts.membership.control) == (problem, state, control)
    assert facts.engine.answers
    assert facts.engine.version == "26.1.5+dfsg1"
    assert facts.membership.node_id == swarm.get("NodeID", "")
    assert len(facts.membership.remote_managers) == len(swarm.get("RemoteManagers") or ())


@pytest.mark.parametrize(
    ("parts", "installed", "problem"),
    [
        ({"dockerd": ""}, False, "no_engine"),
        ({"info": "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"},
         True, "no_engine"),
        ({"info": '{"ServerErrors": ["Cannot connect to the Docker daemon"]}'}, True, "no_engine"),
        ({"info": "permission denied"}, True, "error"),
        ({"info": ""}, True, "error"),
        ({"info": "{broken"}, True, "error"),
    ],
)
def test_no_answer(parts: dict[str, str], installed: bool, problem: str) -> None:
    facts = probe.read("m1", printed(**parts))
    assert (facts.engine.installed, facts.engine.answers, facts.problem) == (installed, False, problem)


def test_an_engine_that_answers_is_installed_wherever_it_lies() -> None:
    assert probe.read("m1", printed(INACTIVE, dockerd="")).engine.installed


def test_what_is_told_is_kept() -> None:
    facts = probe.read("m1", printed(LOST_MANAGER))
    assert (facts.engine.id, facts.engine.hostname, facts.engine.root_dir) == ("engine-1", "m1", "/var/lib/docker")
    assert (facts.engine.containers_running, facts.engine.live_restore) == (2, False)
    assert facts.membership.node_addr == "198.18.7.11"
    assert facts.membership.error.startswith("rpc error")
    assert facts.membership.remote_managers[0] == ("8mh5rl3t026imq8is0wlmisur", "198.18.7.11:2377")


def test_a_warning_before_the_answer_does_not_hide_it() -> None:
    text = printed(INACTIVE).replace("@@info\n", "@@info\nWARNING: API is accessible on http://0.0.0.0:2375\n")
    assert probe.read("m1", text).problem == "not_member"


def test_addresses() -> None:
    facts = probe.read("m1", printed(INACTIVE))
    assert [(item.address, item.prefix, item.interface, item.dynamic) for item in facts.addresses] == [
        ("192.0.2.11", 24, "eth0", False), ("192.0.2.99", 24, "eth0", True), ("2001:db8::1", 64, "eth0", True)]


def test_libraries_and_ports() -> None:
    facts = probe.read("m1", printed(INACTIVE, ports="192.0.2.12:7946\n192.0.2.11:2377"))
    assert facts.libraries == ("docker", "nacl")
    assert facts.blocked == ("192.0.2.11:2377/tcp", "192.0.2.12:7946/tcp")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    facts = probe.read("m1", text)
    assert isinstance(facts, HostFacts)
    assert not facts.engine.answers


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                    max_leaves=6)
NAMES = ("ID", "Swarm", "ServerErrors", "RemoteManagers", "LocalNodeState", "ContainersRunning", "NodeID", "flags",
         "addr_info", "local", "prefixlen", "valid_life_time", "ifname", "scope", "Addr")
SHAPED = st.recursive(JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(NAMES), inner, max_size=6), max_leaves=12)


@given(SHAPED, SHAPED, st.text(max_size=10))
def test_any_answer_can_be_read(info: Any, addresses: Any, other: str) -> None:
    text = printed(info=json.dumps(info), addresses=json.dumps(addresses), ports=other, python=other)
    assert probe.read("m1", text).host == "m1"


def test_the_script_is_one_for_any_shell() -> None:
    text = probe.script(["192.0.2.11:2377", "2001:db8::1:7946"])
    assert "for target in 192.0.2.11:2377 2001:db8::1:7946; do" in text
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_what_the_script_prints_here_can_be_read() -> None:
    text = subprocess.run(["sh"], input=probe.script([]), text=True, capture_output=True, check=True).stdout
    facts = probe.read("here", text)
    assert facts.hostname
    assert facts.membership.state in ("", "inactive", "active", "pending", "error", "locked")


@pytest.mark.parametrize("target", ["$(reboot)", "a;b", "a b", "`id`", "192.0.2.1:2377\nid", "a|b", "", "-e:1'"])
def test_no_target_leaves_its_place(target: str) -> None:
    if target:
        with pytest.raises(ValueError, match="not an address and a port"):
            probe.script([target])
