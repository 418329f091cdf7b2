# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All certificates of a swarm have ended, those of the workers too: each playbook names that and the way on; `recover`
plans, is refused without a word, and brings the swarm back; once more, it changes nothing.

What else can happen is in the shard `certificates`. The tests share one swarm, and run in their order.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.shard_certificates import EVERYBODY, Scene, tokens, typed
from tests.lab.lab import Lab
from tests.testinfra.playbooks import Operator


@pytest.fixture(scope="module")
def scene(lab: Lab, operator: Operator, folder: Path) -> Scene:
    """Provision it, put things into it, and let its certificates end."""
    scene = Scene.of(operator, lab, folder / "certificates", locked=True)
    scene.end_certificates(EVERYBODY, early=False)
    return scene


@pytest.mark.parametrize("verb", ["heal", "backup", "rejoin"])
def test_each_playbook_names_the_way_on(operator: Operator, scene: Scene, verb: str) -> None:
    run = operator.run(verb, scene.inventory, **({"swarm_node": "w1"} if verb == "rejoin" else {}))
    assert not run.ok, run.report
    assert not run.changed, run.report
    assert "The certificates of the managers are not valid" in run.failures, run.report
    assert "ansible-playbook quorum.swarm.recover" in run.failures, run.report


def test_the_plan_says_what_becomes_of_every_host(scene: Scene) -> None:
    run = scene.recover("--check")
    assert run.ok, run.report
    (survivor,) = run.planned("recover")
    assert sorted(run.planned("rejoin")) == sorted(set(EVERYBODY) - {survivor})
    assert not run.planned("fence"), run.report
    assert f"bound is bound to node {scene.nodes['w1']}" in run.output, run.report


def test_it_comes_back_and_nobody_is_given_up(lab: Lab, scene: Scene) -> None:
    said = scene.recover()
    assert not said.ok, said.report
    assert not said.changed, said.report
    run = scene.recover(**typed(said))
    assert run.ok, run.report
    assert "SWMKEY-1-" not in run.output
    (survivor,) = run.planned("recover")
    scene.assert_back(set(EVERYBODY) - {survivor})
    assert tokens(lab, "m1") == scene.tokens, "nobody was given up, and the tokens are new"
    assert f"docker service update --constraint-rm 'node.id=={scene.nodes['w1']}'" in run.output, run.report


def test_again_it_changes_nothing(scene: Scene) -> None:
    run = scene.recover()
    assert run.ok, run.report
    assert not run.changed, run.report
