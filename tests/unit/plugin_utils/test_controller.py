# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible's variables to the values of the core: wrappers, words of the command line, silence, owners."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller
from hypothesis import given
from hypothesis import strategies as st

FACTS = {"hostname": "m1", "engine": {"installed": True, "answers": True}, "membership": {"state": "inactive"},
         "problem": "not_member"}
PROBED = {"hostname": "m1", "engine": {"installed": True, "answers": True, "id": "E"},
          "membership": {"state": "active", "node_id": "n1"}, "problem": "not_manager", "detail": "",
          "libraries": ["nacl"], "blocked": ["192.0.2.1:2377/tcp"]}

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=8)


class Lazy(Mapping[str, Any]):
    """A mapping that is no dictionary, as Ansible's lazy variables are."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __iter__(self) -> Any:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class Word(str):
    """A text with a tag."""


@given(VALUES)
def test_plain_keeps_plain_values(value: Any) -> None:
    assert controller.plain(value) == value


@given(VALUES)
def test_plain_takes_wrappers_off(value: Any) -> None:
    assert json.dumps(controller.plain(wrap_var(value))) == json.dumps(value)


def test_plain_types() -> None:
    found = controller.plain(Lazy({Word("a"): (Word("b"), True, 1, 1.5, None, Lazy({}))}))
    assert found == {"a": ["b", True, 1, 1.5, None, {}]}
    assert [type(item) for item in found["a"]] == [str, bool, int, float, type(None), dict]
    assert [type(key) for key in found] == [str]


# -- what the inventory wants ---------------------------------------------------------------------------------------


def task_vars(hostvars: dict[str, dict[str, Any]], managers: str = "m1 m2", workers: str = "w1") -> dict[str, Any]:
    groups = {"swarm_managers": managers.split(), "swarm_workers": workers.split(), "all": ["m1", "m2", "w1"],
              "webservers": ["x"]}
    hosts = {host for names in groups.values() for host in names}
    return {"groups": groups, "hostvars": {host: hostvars.get(host, {}) for host in hosts}}


def test_groups_are_those_of_the_contract() -> None:
    assert controller.groups_of(task_vars({})) == {
        "swarm_managers": ["m1", "m2"], "swarm_workers": ["w1"], "swarm_absent": []}


def test_wanted() -> None:
    shared = {"swarm_allow_two_managers": "yes", "swarm_force": "false", "swarm_subnet_size": "25"}
    wanted = controller.wanted_of(task_vars({
        "m1": {**shared, "swarm_zone": "a", "ansible_host": "192.0.2.1"}, "m2": {**shared, "swarm_labels": {"n": 1}},
        "w1": {"swarm_allow_even_managers": True}}))
    assert [(node.host, node.role, node.zone, node.ansible_host) for node in wanted.nodes] == [
        ("m1", "manager", "a", "192.0.2.1"), ("m2", "manager", "", "m2"), ("w1", "worker", "", "w1")]
    assert wanted.node("m2").labels == {"n": "1"}  # type: ignore[union-attr]
    assert (wanted.allowed, wanted.force, wanted.subnet_size) == ({"swarm_allow_two_managers"}, False, 25)


@pytest.mark.parametrize(
    ("hostvars", "says"),
    [
        ({"m1": {"swarm_force": True}}, "swarm_force is one value for the whole swarm, and the hosts disagree: "
                                        "m1: True, m2: None. Set it once, for the group or for all."),
        ({"m1": {"swarm_force": "x"}, "m2": {"swarm_force": "x"}}, "swarm_force is 'x'; it takes true or false."),
        ({"w1": {"swarm_availability": "off"}}, "w1: swarm_availability is 'off'"),
    ],
)
def test_variables_that_cannot_be_read(hostvars: dict[str, dict[str, Any]], says: str) -> None:
    with pytest.raises(AnsibleActionFail) as caught:
        controller.wanted_of(task_vars(hostvars))
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("operator", "imported", "given_up", "pause"),
    [
        ({}, {}, (), False),
        ({}, {"parent": "recover", "hosts": ["m2"], "pause": True}, ("m2",), True),
        ({}, {"parent": "restore", "hosts": ["m2"], "pause": True}, ("m2",), True),
        ({}, {"hosts": ["m2"], "pause": True}, (), False),  # of a run before, in the same process
        ({"swarm_given_up": "w1"}, {"parent": "recover", "hosts": ["m2"], "pause": False}, ("w1", "m2"), False),
        ({"swarm_allow_quorum_pause": "false"}, {"parent": "restore", "hosts": [], "pause": True}, (), False),
        ({"swarm_allow_quorum_pause": "yes"}, {"parent": "recover", "hosts": [], "pause": False}, (), True),
    ],
)
def test_what_an_importing_playbook_decided(
    operator: dict[str, Any], imported: dict[str, Any], given_up: tuple[str, ...], pause: bool
) -> None:
    """The operator's word on a public variable counts, and what the run worked out is not lost by it."""
    told = task_vars({host: dict(operator) for host in ("m1", "m2", "m3", "w1")})
    told["hostvars"]["localhost"] = {
        variable: {key: imported.get(name)} for places in controller.DECIDED.values()
        for (variable, key), name in zip(places, ("hosts", "pause"), strict=True)}  # fmt: skip
    # As Ansible hands a variable of a play to an action plugin: what stands in the playbook, templates as they are.
    wanted = controller.wanted_of({**told, "__swarm_parent": imported.get("parent"), "__swarm_pause": "{{ x }}"})
    assert (wanted.given_up, "swarm_allow_quorum_pause" in wanted.allowed) == (given_up, pause)


# -- what was seen --------------------------------------------------------------------------------------------------


def seen(variables: dict[str, Any]) -> Any:
    return controller.facts_of({"hostvars": {"m1": variables}}, ["m1"])["m1"]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, "it was not asked"),
        ({"__swarm_seen": {"skipped": True}}, "it was not asked"),
        ({"__swarm_seen": {"unreachable": True, "msg": "Task failed: Failed to connect to the host via ssh: "
                                                       "ssh: connect to host 192.0.2.1 port 22: No route to host\n"}},
         "ssh: connect to host 192.0.2.1 port 22: No route to host"),
        ({"__swarm_seen": {"unreachable": True}}, "unreachable"),
        ({"__swarm_seen": {"failed": True, "msg": "Timed out after 40 seconds."}}, "Timed out after 40 seconds"),
        ({"__swarm_seen": {"failed": True}}, "the question failed"),
        ({"__swarm_seen": {}}, "the question failed"),
        ({"__swarm_seen": {"facts": FACTS}, "__swarm_probed": {"unreachable": True, "msg": "gone"}}, "gone"),
        ({"__swarm_seen": {"unreachable": True, "msg": "x" * 999}}, "x" * 200),
    ],
)
def test_silence(variables: dict[str, Any], why: str) -> None:
    item = seen(variables)
    assert (item.host, item.answered, item.why_not) == ("m1", False, why)


SSH = "Task failed: Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("message", "silence", "alive"),
    [
        (f"{SSH}ssh: connect to host 192.0.2.1 port 22: No route to host", True, False),
        (f"{SSH}ssh: connect to host 192.0.2.1 port 22: Connection timed out", True, False),
        # A refusal may come from a gateway.
        (f"{SSH}ssh: connect to host 192.0.2.1 port 22: Connection refused", True, False),
        (f"{SSH}root@192.0.2.1: Permission denied (publickey,password).", False, True),
        (f"{SSH}Host key verification failed.", False, True),
        ("Data could not be sent to remote host '192.0.2.1'. Make sure this host can be reached", True, False),
        # Said of a host that was reached, and by Ansible's word unreachable.
        ("mkdir: cannot create directory '/root/.ansible/tmp/x': No space left on device", False, False),
        ("Failed to create temporary directory. In some cases, you may have been able to authenticate", False, False),
        ("Missing sudo password", False, False),
    ],
)
def test_silence_is_what_ssh_says(message: str, silence: bool, alive: bool) -> None:
    assert (controller.is_silence(message), controller.is_known_alive(message)) == (silence, alive)


def test_who_is_reached_is_not_silent() -> None:
    failed = {"failed": True, "msg": "m1 is reached, ...", "reached": True, "why_not": "its disk is full",
              "probed": {"startable": True, "state": {"node_id": "n1"}}}
    item = seen({"__swarm_seen": failed})
    assert (item.answered, item.reached, item.is_silent, item.why_not) == (False, True, False, "its disk is full")
    assert (item.startable, item.state.node_id) == (True, "n1")
    walled = seen({"__swarm_seen": {"unreachable": True, "msg": f"{SSH}Permission denied (publickey)."}})
    assert (walled.answered, walled.reached) == (False, True)


def test_the_module_and_the_probe_complete_each_other() -> None:
    item = seen({"__swarm_seen": {"facts": FACTS}, "__swarm_probed": {"facts": PROBED}})
    assert (item.membership.state, item.libraries, item.blocked) == ("inactive", ("nacl",), ("192.0.2.1:2377/tcp",))
    assert seen({"__swarm_probed": {"facts": PROBED}}).membership.state == "active"
    assert seen({"__swarm_seen": {"facts": FACTS}}).membership.state == "inactive"


def test_where_the_sdk_is_missing_the_probe_is_believed() -> None:
    blind = {"hostname": "m1", "engine": {"installed": True}, "problem": "no_sdk",
             "addresses": [{"address": "192.0.2.1"}]}
    item = seen({"__swarm_seen": {"facts": blind}, "__swarm_probed": {"facts": PROBED}})
    assert (item.problem, item.membership.state, item.engine.id) == ("not_manager", "active", "E")
    assert item.addresses[0].address == "192.0.2.1"
    assert seen({"__swarm_seen": {"facts": blind}}).problem == "no_sdk"


# -- refusals and owners --------------------------------------------------------------------------------------------


def test_all_refusals_are_told_at_once() -> None:
    controller.refuse([], {})
    with pytest.raises(AnsibleActionFail) as caught:
        controller.refuse([Finding("b", "critical", "Two.", "Do two."),
                           Finding("a", "critical", "One.", "", "", "swarm_x")],
                          {"hostvars": {}, "groups": {"all": ["m1"]}})
    assert str(caught.value) == ("Refused, and nothing was changed. One. (-e swarm_x=true overrides this.) | "
                                 "Two. Do two.")


def test_a_living_owner_is_not_dead() -> None:
    assert not controller.is_dead(controller.owner())


def test_an_owner_whose_process_has_ended_is_dead() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    own = controller.owner()
    assert controller.is_dead(own.replace(f"process {os.getppid()} ", f"process {done.pid} "))


@pytest.mark.parametrize(
    "holder",
    ["", "ann", "ann@laptop process 1", "ann@laptop process 999999 (another-boot)", "ann@laptop process x (y)",
     "ann@laptop thread 999999 (y)"],
)
def test_of_other_owners_nothing_is_known(holder: str) -> None:
    assert not controller.is_dead(holder)
