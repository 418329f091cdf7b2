# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long another run's lease is waited for, and when it is not. The engine is scripted, the clock is handed in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder

from tests.unit.modules.scripted import TEXTS, Script, refusal

ANY = sorted(TEXTS)[-1]
NOW = 1000.0


def swarm(owner: str = "", expires: float = NOW + 180) -> tuple[int, dict[str, Any]]:
    """The swarm object, with a lease where somebody has one."""
    text = json.dumps({"owner": owner, "purpose": "provision", "expires": expires})
    return 200, {"ID": "s1", "Version": {"Index": 7}, "Spec": {"Labels": {lease.LABEL: text} if owner else {}}}


def wait(script: Script, seconds: float, take_over: str = "") -> float:
    """Wait until the lease is free; how long it took."""
    clock = [NOW]

    def sleep(pause: float) -> None:
        clock[0] += pause

    Holder(Engine(script.host), "ann", "provision", seconds, take_over, lambda: clock[0], sleep).wait_free()
    return clock[0] - NOW


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ([swarm()], 0),
        ([swarm("ann")], 0),
        ([swarm("bob", NOW - 1)], 0),
        ([swarm("eve")], 0),  # known to be dead
        ([swarm("bob"), swarm("bob"), swarm()], 4),
        ([swarm("bob", NOW + 9)], 10),  # it expires while it is waited for
        ([swarm("bob"), refusal("no_leader", ANY), swarm()], 4),  # an election
        ([swarm("bob"), refusal("not_manager", ANY)], 2),  # demoted meanwhile: another one is asked then
        ([refusal("no_leader", ANY)], 30),  # nobody can tell: it is looked at again
    ],
)
def test_another_run_is_waited_for(script: Script, answers: list[Any], seconds: float) -> None:
    script.say("GET /swarm", *answers)
    assert wait(script, 30, "eve") == seconds
    assert not script.said("POST /swarm/update"), "nothing is taken"


@pytest.mark.parametrize("seconds", [0, 5])
def test_who_does_not_end_is_named(script: Script, seconds: float) -> None:
    script.say("GET /swarm", swarm("bob"))
    with pytest.raises(lease.Held, match="bob is changing this swarm"):
        wait(script, seconds)
