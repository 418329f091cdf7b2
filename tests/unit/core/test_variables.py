# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of variables before any host is contacted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import variables

HOSTS = ("m1", "m2", "w1")


def said(told: dict[str, Any], **more: Any) -> list[str]:
    return variables.check({"m1": told}, {}, HOSTS, **more)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("swarm_recover_timeout", "2 minutes", "takes a number of seconds, or a time such as 36h or 7d"),
        ("swarm_recover_timeout", 0, "takes at least 1"),
        ("swarm_recover_timeout", True, "takes a number of seconds"),
        ("swarm_recover_powered_off", "maybe", "takes true or false"),
        ("swarm_health_fail_on", "grave", "takes critical, warning or never"),
        ("swarm_health_fail_on", "", "takes critical, warning or never"),
        ("swarm_health_json", "report.json", "is not absolute"),
        ("swarm_backup_keep", "many", "takes a whole number"),
        ("swarm_backup_keep_days", "-1", "takes a number"),
        ("swarm_recover_lost", {"m1": True}, "takes a list of texts"),
        ("swarm_recover_confirm", ["x"], "takes a text"),
        ("swarm_cert_expiry", "90 days", "a duration such as 2160h"),
        ("swarm_cert_expiry", "30m", "takes at least 3600 seconds"),
        ("swarm_snapshot_interval", 0, "takes at least 1"),
        ("swarm_drill_host", "m9", "no host of the inventory"),
        ("engine_daemon_config", "live-restore", "takes a mapping"),
        ("engine_timeout", "soon", "takes a number of seconds"),
        ("swarm_zone", False, "m1: swarm_zone is False; it takes a name. Write it in quotes."),
        ("swarm_advertise_addr", "192.0.2.1:2377", "m1: swarm_advertise_addr is '192.0.2.1:2377'; it takes one IP"),
        ("swarm_advertise_cidr", "192.0.2.0/99", "such as 192.0.2.0/24"),
        ("swarm_availability", "maybe", "takes active, pause or drain"),
        ("swarm_recover_timout", 60, "swarm_recover_timeout is one"),
        ("swarm_zome", "a", "swarm_zone is one"),
        ("swarm_resotre_lost", ["m1"], "swarm_restore_lost is one"),
        ("swarm_allow_everything", True, "no such variable. Known are swarm_allow_address_drift"),
        ("engine_daemon_conf", {}, "engine_daemon_config is one"),
    ],
)
def test_what_is_wrong_with_a_value(name: str, value: Any, says: str) -> None:
    (sentence,) = said({name: value})
    assert name in sentence
    assert says in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("swarm_recover_timeout", "2m"), ("swarm_recover_timeout", 120), ("swarm_recover_timeout", "120.5"),
        ("swarm_drill_max_age", "36h"), ("swarm_drill_max_age", 0), ("swarm_cert_expiry", "1h30m"),
        ("swarm_dispatcher_heartbeat", "5s"), ("swarm_recover_lost", "m1, m2"), ("swarm_recover_lost", ["m1"]),
        ("swarm_expel_rotate_ca", ""), ("swarm_expel_rotate_ca", "no"), ("swarm_zone", 0), ("swarm_zone", "no"),
        ("swarm_recover_confirm", ""), ("swarm_drill_host", "w1"), ("swarm_drill_host", ""), ("swarm_zone", None),
        ("swarm_rack", "r1"), ("swarm_allow_limit", "yes"), ("engine_daemon_config", {"mtu": 1400}),
        ("swarm_advertise_addr", "FD00::1"), ("swarm_advertise_addr", ""),
    ],
)  # fmt: skip
def test_what_is_right(name: str, value: Any) -> None:
    assert said({name: value}) == []


def test_a_variable_of_somebody_elses_is_listed() -> None:
    assert said({"swarm_zones": ["a"]}) != []
    assert said({"swarm_zones": ["a"], variables.OWN: ["swarm_zones"]}) == []


def test_a_compromised_host_is_no_host_of_a_drill() -> None:
    (sentence,) = said({"swarm_drill_host": "w1"}, compromised=["w1"])
    assert "no playbook contacts it" in sentence


def test_one_value_of_the_swarm_is_told_once() -> None:
    told = {host: {"swarm_recover_timeout": "soon", "swarm_zome": "a"} for host in HOSTS}
    assert len(variables.check(told, {}, HOSTS)) == 2


def test_what_cannot_be_templated_has_a_sentence_of_its_own() -> None:
    (sentence,) = variables.check({"m1": {}}, {("m1", "swarm_advertise_addr"): "'ansible_eth0' is undefined"}, HOSTS)
    assert sentence == ("m1: swarm_advertise_addr cannot be read on the controller, before any host is contacted: "
                        "'ansible_eth0' is undefined. No facts are gathered: write the value itself, or make it of "
                        "variables that are set.")


@pytest.mark.parametrize("name", variables.VARIABLES)
def test_every_default_is_right(name: str) -> None:
    assert variables.check({"m1": {name: variables.VARIABLES[name].default}}, {}, HOSTS) == []


def test_no_public_name_looks_like_another_ones_misspelling() -> None:
    """Or a typing error would be taken for the other variable, without a word."""
    near = {(one, other) for one in variables.VARIABLES for other in variables.VARIABLES
            if one < other and variables.names._distance(one, other, 1) == 1}
    assert near == {("swarm_restore_host", "swarm_restore_lost")}  # a text and a list of hosts
