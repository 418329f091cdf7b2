# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`recover` broken off, and run again with the same words: the playbook killed (SIGKILL, the whole process group) at
one task after the other.

Three of five managers of an autolocked swarm are gone, the leader with them; ssh does not reach their hosts. The
checker after the second run is that of the shard `recover`; and a third run changes nothing.

The workers joined through a manager that is lost, so that their overlay networks have lost the managers. In the last
points the operator lets them be restarted for that, and their requests fail meanwhile; afterwards all find each other.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults import shard_recover
from tests.faults.shard_recover import KILLED, LIMIT, WORKERS, Scene, Shared
from tests.testinfra import restored, swarms
from tests.testinfra.playbooks import Operator

TITLE = "`recover` of an autolocked swarm of five managers that has lost three, broken off, and run again."
COLUMNS = ("broken off", "a key lay in clear then", "second run", "failed requests")

FORCE = "recover : Make the swarm of this manager alone"
SURVEY = "recover : Stop Docker, copy its state aside, read it"
FOLLOW = "recover : Follow the recovered manager"
FENCE = "recover : Change the join tokens, and the root certificate where the given-up may come back with theirs"
TASKS = (
    (FORCE, 3.0), ("recover : Keep the unlock key", 0.1), (FOLLOW, 2.0), (FENCE, 1.5), (SURVEY, 1.5),
    (FORCE, 0.1), ("recover : Remove entries that are nobody's any more", 0.1), ("cluster : Guard", 0.1),
    ("backup : Stop, copy, start, prove", 1.5), (FORCE, 1.5), (FORCE, 5.0), (FORCE, 8.0),
    ("recover : Keep the unlock key", 1.0), ("recover : Decide how the others come back", 0.1), (FOLLOW, 0.1),
    ("recover : Remove entries that are nobody's any more", 1.5), (FOLLOW, 5.0), ("recover : See who came back", 0.1),
    (FENCE, 0.1), (FENCE, 5.0), (SURVEY, 0.1), (SURVEY, 4.0), ("recover : Choose", 0.1),
    ("cluster : Observe", 0.1), ("cluster : Decide", 0.1), ("cluster : Report", 0.1), ("recover : Note the time", 0.1),
    ("backup : Take the lease", 0.1), ("backup : Bring the archive here and prove it again", 0.1),
    ("backup : Give the lease back", 0.1), ("recover : Look again", 0.1), ("recover : Report", 0.1),
    ("recover : Observe", 0.1), ("recover : Judge", 0.1),
    ("recover : Wait until a stale leader has fallen silent", 0.1), ("recover : Judge whether the quorum is back", 0.1),
    ("recover : Look for the managers that seem to be lost", 0.1), ("recover : Confirm", 0.1),
    ("recover : Ask whom this node knows in its overlay networks", 0.5),
    ("recover : Compare what the nodes know of each other", 0.1),
    ("cluster : Judge", 0.1), ("backup : Choose", 0.1),
    ("backup : Prove that archives have a place", 0.1), ("backup : Report", 0.1),
    ("backup : Refuse --limit and variables that cannot be read", 0.1),
    ("recover : Refuse --limit and variables that cannot be read", 0.1),
    ("recover : Read what the operator said", 0.1),
)  # fmt: skip
"""The tasks of a whole run, the most telling first, and seconds after their headline."""
RESTART = "engine : Restart Docker, where the swarm can bear it"
RESTARTING = (
    (RESTART, 1.0), ("recover : Have Docker wait to be restarted", 0.5), (RESTART, 4.0),
    ("engine : Wait until its tasks run again", 0.5), ("Give the lease back", 0.1),
    ("Ask every host whether a restart is pending", 0.1), ("Decide on the order", 0.1),
    ("engine : Take the lease", 0.3), ("engine : See which tasks run", 0.1), ("Say what is true now", 0.1),
    ("Refuse what cannot work", 0.1),
    ("Ask the managers", 0.1),
)  # fmt: skip
"""Those of a restart of workers after the recovery, where the operator has said so; the playbook's own have no role."""

BRINGING = (
    ("recover : Start Docker, unlock the manager", 0.3), ("recover : Start Docker, unlock the manager", 3.0),
    ("recover : Observe until there is a leader", 0.5),
)  # fmt: skip
"""Those that bring back what stands still: here one survivor's Docker, which is not enough for a quorum."""
KINDS = {"": TASKS, "restarting workers, ": RESTARTING, "a survivor's Docker stopped, ": BRINGING}
CENTRAL = ((FORCE, 0.8), ("recover : Keep the unlock key", 0.1), (FOLLOW, 2.0), (FENCE, 1.5))
"""Those at which it is broken off on the other engines, too. 20.10 is forced within a second."""
CASES = [*(("trixie", kind, task, delay) for kind, tasks in KINDS.items() for task, delay in tasks),
         *((suite, "", task, delay) for suite in ("bookworm", "forky") for task, delay in CENTRAL)]


def points() -> list[str]:
    """Every break."""
    return [f"{suite}: {kind}killed at {task} + {delay} s" for suite, kind, task, delay in CASES]


@contextmanager
def session() -> Iterator[Shared]:
    """A lab of its own."""
    with tempfile.TemporaryDirectory() as name:
        shared = Shared(Operator(Path(name)), Path(name), five=True, prefix="recover-kills")
        try:
            yield shared
        finally:
            shared.end()


def run(shared: Shared, point: str) -> list[str]:
    """Lose the majority, break the recovery off, and run it again."""
    number = points().index(point)
    folder = shared.folder / f"kill-{number}-{time.monotonic_ns()}"
    with shard_recover.told_briefly():
        suite, kind, task, delay = CASES[number]
        scene = Scene.of(shared.operator, shared.lab(suite), folder, 5, 3, locked=True)
        try:
            return _run(scene, kind, task, delay)
        finally:
            scene.end()


def _run(scene: Scene, kind: str, task: str, delay: float) -> list[str]:
    """One point, once its swarm is there."""
    restart = KINDS[kind] is RESTARTING
    scene.write_last()
    words: dict[str, Any] = {"swarm_recover_confirm": scene.swarm["ID"], "swarm_recover_lost": scene.lost}
    if restart:
        words["swarm_recover_restart_workers"] = True
    headline = f"TASK [{'quorum.swarm.' * (' : ' in task)}{task}]"
    with scene.lab.probe(WORKERS, period=0.1) as probe:
        shard_recover.lose(scene, KILLED)
        if KINDS[kind] is BRINGING:
            restored.stop(scene.lab, scene.left[:1])
        running = scene.operator.start("recover", scene.inventory, **words)
        running.wait_for(lambda output: headline in output or "PLAY RECAP" in output, seconds=LIMIT)
        time.sleep(delay)
        if running.alive:
            running.kill()
            last = [line for line in running.output.splitlines() if line.startswith("TASK [")][-1]
            killed = last.removeprefix("TASK [").removeprefix("quorum.swarm.").rstrip("] *")
        else:
            ended = running.wait()
            assert ended.ok, ended.report
            killed = "it had ended"
        assert headline in running.output, f"there is no task {task} any more:\n{running.output}"
        clear = [name for name in scene.left if restored.clear_keys(scene.lab, name)]
        again = scene.recover(**words)
    assert again.ok, again.report
    assert restart or not probe.failures, probe.failures[:3]
    scene.assert_recovered(scene.lost)
    if restart:
        hosts = {*scene.left, *WORKERS}
        swarms.eventually(lambda: all(swarms.finds(scene.lab, name, (*scene.managers, *WORKERS)) == hosts
                                      for name in hosts), "all find each other in the ingress network")  # fmt: skip
    third = scene.recover()
    assert third.ok, third.report
    assert not third.changed, third.report
    return [killed, ", ".join(clear) or "no", f"{again.seconds:.0f} s, {sum(again.changed.values())} changed",
            f"{len(probe.failures)}, by the restart" if restart else f"0 of {probe.requests}"]
