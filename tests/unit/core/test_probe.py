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


ACTIVE = "MainPID=400\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled"
STOPPED = "MainPID=0\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled"
NO_UNIT = "MainPID=0\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState="
PYTHON = ("python 3.13.5 /usr/bin/python3\nlibrary docker 7.1.0\nlibrary nacl 1.5.0\n"
          "broken cryptography ? ImportError: libssl.so.3: cannot open shared object file")


def printed(swarm: Any = None, info: str = "", **parts: str) -> str:
    """What the script prints on a host with these answers."""
    if swarm is not None:
        info = json.dumps({"ID": "engine-1", "ServerVersion": "26.1.5+dfsg1", "Name": "m1", "Swarm": swarm,
                           "DockerRootDir": "/var/lib/docker", "LiveRestoreEnabled": False, "ContainersRunning": 2})
    sections = {"hostname": "m1", "addresses": ADDRESSES, "unit": ACTIVE, "dockerd": "/usr/sbin/dockerd",
                "socket": "/run/docker.sock", "info": info, "asked": "curl 0", "python": PYTHON, "ports": "", **parts}
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
    ("parts", "installed", "problem", "words"),
    [
        ({"dockerd": "", "unit": NO_UNIT, "socket": ""}, False, "no_engine", "no Docker engine is installed"),
        # What systemd says is stopped, is: it was not asked.
        ({"unit": STOPPED, "asked": ""}, True, "no_engine", "docker.service is inactive (dead)"),
        ({"unit": STOPPED.replace("loaded", "masked"), "asked": ""}, True, "no_engine", "inactive"),
        ({"unit": NO_UNIT, "asked": ""}, True, "no_engine", "no process of an engine runs"),
        ({"unit": "", "asked": ""}, True, "no_engine", "no process of an engine runs"),
        # One that runs and could not be asked is unknown, and never said not to answer.
        ({"asked": ""}, True, "unknown", "nothing on this host to ask the engine's socket with"),
        ({"asked": "", "socket": ""}, True, "unknown", "socket was not found"),
        ({"unit": NO_UNIT, "process": "/proc/7", "asked": ""}, True, "unknown", "nothing on this host to ask"),
        ({"socket": "/run/docker.sock\nclosed", "asked": "curl 7"}, True, "error", "become: true"),
        ({"info": "curl: (7) Failed to connect", "asked": "curl 7"}, True, "no_engine", "Failed to connect"),
        ({"info": "", "asked": "python 28"}, True, "timeout", "within 15 s"),
        ({"info": '{"message": "no such thing"}'}, True, "error", "no such thing"),
        ({"info": ""}, True, "error", "nothing that can be read"),
        ({"info": "{broken"}, True, "error", "{broken"),
    ],
)
def test_no_answer(parts: dict[str, str], installed: bool, problem: str, words: str) -> None:
    facts = probe.read("m1", printed(**parts))
    assert (facts.engine.installed, facts.engine.answers, facts.problem) == (installed, False, problem)
    assert words in facts.detail
    assert "does not answer" not in facts.detail or problem == "timeout"


@pytest.mark.parametrize("asked", ["curl 0", "python 0", "perl 0", "nc 0"])
def test_headers_of_http_are_no_words_of_the_engine(asked: str) -> None:
    answer = "HTTP/1.0 200 OK\r\nApi-Version: 1.45\r\nContent-Type: application/json\r\n\r\n"
    text = printed(INACTIVE, asked=asked).replace('@@info\n', '@@info\n' + answer)
    assert probe.read("m1", text).problem == "not_member"
    text = printed(info=answer + '{"message":"page not found"}\n', asked=asked)
    assert probe.read("m1", text).detail == "page not found"


def test_an_engine_that_answers_is_installed_wherever_it_lies() -> None:
    assert probe.read("m1", printed(INACTIVE, dockerd="", unit="", socket="")).engine.installed


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


def test_an_address_on_loopback_may_be_one_of_the_hosts() -> None:
    text = json.dumps([{"ifname": "lo", "flags": ["LOOPBACK"], "addr_info": [
        {"local": "127.0.0.1", "scope": "host"}, {"local": "192.0.2.200", "prefixlen": 32, "scope": "global"}]}])
    assert [item["address"] for item in probe.addresses(text)] == ["192.0.2.200"]


def test_the_feature_that_lets_nftables_be_in_a_swarm() -> None:
    info = json.dumps({"ID": "engine-1", "Swarm": INACTIVE, "FirewallBackend": {"Driver": "nftables"}})
    without = probe.read("m1", printed(info=info)).engine
    assert (without.firewall, without.swarm_nftables) == ("nftables", False)
    assert probe.read("m1", printed(info=info, features='"swarm-nftables": true')).engine.swarm_nftables


def test_libraries_and_ports() -> None:
    facts = probe.read("m1", printed(INACTIVE, ports="192.0.2.12:7946\n192.0.2.11:2377"))
    assert facts.libraries == ("docker", "nacl")
    assert (facts.python.version, facts.python.path) == ("3.13.5", "/usr/bin/python3")
    assert facts.python.versions == {"docker": "7.1.0", "nacl": "1.5.0"}
    assert "libssl.so.3" in facts.python.broken["cryptography"]
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
    assert "for qs_target in 192.0.2.11:2377 2001:db8::1:7946; do" in text
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


# -- why a host cannot run a module ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "cause"),
    [
        ("@@folders\nfull /root/.ansible/tmp\n@@interpreter\nstarts python3", "", "its disk is full: no room is left"),
        ("@@folders\ninodes /tmp\n@@interpreter\nstarts python3", "", "no inode is left in /tmp"),
        ("@@folders\nreadonly /root\n@@interpreter\nstarts python3", "", "its disk is read-only: /root"),
        ("@@folders\nclosed /home/ann\n@@interpreter\nstarts python3", "", "/home/ann may not be written"),
        ("@@folders\n@@interpreter\n", "", "it has no Python that Ansible could use"),
        ("@@folders\nfull /tmp\n@@interpreter\nclosed /usr/bin/python3", "", "may not be executed"),
        ("@@folders\n@@interpreter\nbroken 127 python3\nlibz.so.1: cannot open", "", "(status 127): libz.so.1"),
        ("", "Task failed: Missing sudo password", "needs a password, and none was given"),
        ("", "Incorrect sudo password", "is wrong"),
        ("", "/bin/sh: 1: sudo: not found", "there is no sudo"),
        ("@@folders\n@@interpreter\nstarts python3", "something else", ""),
        ("", "", ""),
    ],
)
def test_the_cause_is_named(text: str, message: str, cause: str) -> None:
    found = probe.cause(text, message)
    assert cause in found
    assert bool(found) == bool(cause)


@given(st.text(), st.text())
def test_any_diagnosis_can_be_read(text: str, message: str) -> None:
    assert isinstance(probe.cause(text, message), str)


def test_the_diagnosis_runs_in_any_shell_and_finds_nothing_here() -> None:
    for shell in ("sh", "bash"):
        text = subprocess.run([shell], input=probe.diagnosis(["~/.ansible/tmp", "/tmp"], ["python3"]), text=True,
                              capture_output=True, check=True).stdout
        assert probe.sections(text)["interpreter"].strip() == "starts python3"
        assert probe.cause(text, "") == ""
    with pytest.raises(ValueError, match="not a folder"):
        probe.diagnosis(["/tmp; reboot"])
    with pytest.raises(ValueError, match="not an interpreter"):
        probe.diagnosis(["/tmp"], ["python3; reboot"])


# -- starting Docker ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@@started\nended 0\n@@journal\n", ""),
        ("@@started\nended 124\n", "it did not start within 30 s"),
        ("@@started\nended 1\n@@journal\n", "systemctl start ended with status 1"),
        ("@@started\nrefused masked inactive\n", "docker.service is masked, and inactive: it was left alone"),
        ("@@started\nrefused  \n", "docker.service is unknown, and in no known state: it was left alone"),
        ("", "the shell said nothing of it"),
    ],
)
def test_what_came_of_a_start(text: str, words: str) -> None:
    assert probe.started(text, 30) == words
    subprocess.run(["sh", "-n"], input=probe.starter(30), text=True, check=True)


@pytest.mark.parametrize(("unit", "may"), [
    (STOPPED, True), (STOPPED.replace("inactive", "failed"), True), (ACTIVE, False),
    (STOPPED.replace("=loaded", "=masked"), False), (NO_UNIT, False), ("", False)])
def test_only_a_loaded_unit_that_stands_still_may_be_started(unit: str, may: bool) -> None:
    assert probe.may_start(printed(unit=unit)) is may
