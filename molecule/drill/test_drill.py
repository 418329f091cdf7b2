# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of an autolocked swarm's backup, on a worker that works meanwhile: seen to come back, and without a trace.

The tests share one swarm and one archive; each leaves them whole.
"""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.testinfra import objects, traces
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run
from tests.testinfra.swarms import assert_unchanged, eventually, look

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
WRONG_KEY = "SWMKEY-1-" + "A" * 43
FOLDERS = "/run/quorum.swarm/drill /var/lib/quorum.swarm/drill /var/lib/quorum.swarm/received"

# Runs on the host of a drill, beside its keeper (argv: an address of the swarm): what the isolated engine sees. The
# module is stopped meanwhile, when the engine is a manager.
_INSIDE = r"""
socket=/run/quorum.swarm/drill/docker.sock
nodes() { timeout 5 docker -H unix://$socket node ls --format '{{.Self}}' 2>/dev/null; }
manages() { [ "$(nodes | sort -u | wc -l)" = 2 ]; }
step= module=
for _ in $(seq 4000); do
  { read -r step < /run/quorum.swarm/step; } 2>/dev/null
  case $step in
    restart|return) module=$(sed 's/.*"pid": *\([0-9]*\).*/\1/' /run/quorum.swarm/drill/order.json) ;;
    compare*) [ -n "$module" ] && kill -STOP $module && break ;;
  esac
  sleep 0.02
done
for _ in $(seq 20); do manages && break; sleep 0.3; done
keeper=$(systemctl show --property MainPID --value quorum-swarm-drill.service)
docker -H unix://$socket node ls --format '{{.Hostname}} {{.Self}} {{.ManagerStatus}}'
echo --
nsenter --net=/proc/$keeper/ns/net ping -c 1 -W 1 "$0" 2>&1
nsenter --net=/proc/$keeper/ns/net bash -c "exec 3<>/dev/tcp/$0/2377" 2>&1
nsenter --net=/proc/$keeper/ns/net ip route show default
echo --
(exec 3<>/dev/tcp/127.0.0.1/2377) 2>&1
echo --
nsenter --mount=/proc/$keeper/ns/mnt sh -c 'ls /run/docker.sock /run/containerd/containerd.sock; touch /etc/here' 2>&1
echo --
ls -l /proc/$keeper/root/var/lib/quorum.swarm/drill/data/swarm/certificates/ >/dev/null && stat -c '%a %U' \
  /run/quorum.swarm /run/quorum.swarm/drill /var/lib/quorum.swarm /var/lib/quorum.swarm/drill
kill -CONT $module
"""
# Kills the module of a drill when it comes to a step (argv).
_KILL = r"""
for _ in $(seq 1000); do
  [ "$(cat /run/quorum.swarm/step 2>/dev/null)" = "$0" ] && break
  sleep 0.02
done
kill -9 "$(python3 -c 'import json; print(json.load(open("/run/quorum.swarm/drill/order.json"))["pid"])')"
cat /run/quorum.swarm/step
"""


@pytest.fixture(scope="module")
def controller(folder: Path) -> Path:
    """The controller's folder."""
    return folder / "controller"


@pytest.fixture(scope="module")
def inventory(lab: Lab, operator: Operator, inventories: Inventories, controller: Path) -> Path:
    """An autolocked swarm with things in it; m2, whose backup it is, runs tasks while it is taken."""
    wanted = inventories.write(
        MANAGERS, WORKERS, swarm_autolock=True, swarm_controller_dir=str(controller),
        swarm_default_addr_pool=["10.55.0.0/16"], swarm_subnet_size=26,
    )  # fmt: skip
    operator.provision(wanted)
    objects.populate(lab)
    lab.node("m1").run("docker node update --availability active m2")
    running = "docker node ps m2 --filter desired-state=running --format '{{.CurrentState}}'"
    eventually(lambda: "Running" in lab.node("m1").run(running).stdout, "m2 runs a task")
    run = operator.run("backup", wanted, swarm_backup_hosts=["m2"])
    assert run.ok, run.report
    lab.node("m1").run("docker node update --availability drain m2")
    lab.node("w1").run("rm -rf /run/quorum.swarm")  # a lab's reset leaves it
    return wanted


@pytest.fixture(scope="module")
def archive(inventory: Path, controller: Path) -> Path:
    """Its archive."""
    (found,) = (controller / "backups").glob("*.tar.gz")
    return found


def drill(operator: Operator, inventory: Path, *arguments: str, **variables: object) -> Run:
    """Run `drill`, which has to end well."""
    run = operator.run("drill", inventory, *arguments, **variables)
    assert run.ok, run.report
    assert run.changed == {}, run.report
    return run


def refused(operator: Operator, inventory: Path, **variables: object) -> str:
    """Run `drill`, which has to fail, and return its sentence."""
    run = operator.run("drill", inventory, **variables)
    assert not run.ok, run.report
    assert "Traceback" not in run.output
    return run.failures


def left(lab: Lab) -> str:
    """What is left of a drill on w1."""
    command = f"""
        ls -Ad {FOLDERS} 2>/dev/null
        systemctl list-units --all --plain --no-legend 'quorum*'
        pgrep -fa '^[^ ]*(dockerd|containerd|python)[^ ]* .*quorum.swarm/drill'
    """
    return lab.node("w1").run(command, check=False).stdout


def record(controller: Path) -> dict[str, object]:
    """What the controller knows of the last good drill."""
    (path,) = (controller / "reports").glob("drill-*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    return dict(json.loads(path.read_text()))


def test_it_comes_back_isolated_beside_a_working_engine_without_a_trace(
    lab: Lab, operator: Operator, inventory: Path, controller: Path, archive: Path
) -> None:
    listed = objects.listed(lab)
    swarm = look(lab)
    before = traces.look(lab.node("w1"))
    with lab.probe(["w1", "w2"], period=0.05) as probe:
        running = operator.start("drill", inventory)
        running.wait_for(lambda output: "TASK [quorum.swarm.drill : Bring the archive up" in output)
        inside = lab.node("w1").run(["bash", "-c", _INSIDE, lab.node("m1").addr], timeout=150).stdout
        run = running.wait()
    assert run.ok, run.report
    assert probe.failures == []
    assert probe.requests > 100
    assert traces.difference(before, traces.look(lab.node("w1"))) == []
    assert objects.listed(lab) == listed
    assert_unchanged(lab, swarm)

    nodes, away, here, host, modes = inside.split("--\n")
    assert len(nodes.splitlines()) == len([*MANAGERS, *WORKERS]), inside
    assert [line for line in nodes.splitlines() if "Leader" in line] == ["m2 true Leader"], inside
    assert away.count("Network is unreachable") >= 2, inside
    assert "default" not in away, inside
    assert "Connection refused" in here, inside
    assert host.count("No such file") == 2, inside
    assert "Read-only file system" in host, inside
    assert modes.splitlines() == ["700 root"] * 4, inside

    assert f"Drill on w1: {archive} comes back." in run.output, run.report
    counts = "5 nodes, 2 services, 2 networks, 1 secret, 1 config: everything that the archive lists"
    assert counts in run.output, run.report
    assert "no container was started, and nothing is left on w1" in run.output
    key = lab.node("m1").run("docker swarm unlock-key --quiet").stdout.strip()
    assert key not in run.output
    kept = record(controller)
    assert (kept["archive"], kept["host"]) == (archive.name, "w1")
    assert kept["objects"] == {"node": 5, "service": 2, "network": 2, "secret": 1, "config": 1, "volume": 0}


def test_health_knows_when_the_last_good_one_was(
    lab: Lab, operator: Operator, inventory: Path, controller: Path, folder: Path
) -> None:
    def found() -> set[str]:
        run = operator.run("health", inventory, swarm_health_json=str(folder / "health.json"))
        found.output = run.output  # type: ignore[attr-defined]
        rows = json.loads((folder / "health.json").read_text())["findings"]
        return {row["id"] for row in rows if row["id"].startswith("drill")}

    assert found() == set()
    assert "last good drill: " in found.output  # type: ignore[attr-defined]
    (path,) = (controller / "reports").glob("drill-*.json")
    text = path.read_text()
    long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    path.write_text(json.dumps({**json.loads(text), "drilled_at": long_ago}))
    assert found() == {"drill_old"}
    path.write_text(text)


def test_what_cannot_come_back_is_refused_in_a_sentence_and_nothing_is_left(
    lab: Lab, operator: Operator, inventory: Path, archive: Path, folder: Path
) -> None:
    before = traces.look(lab.node("w1"))
    damaged = folder / archive.name
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    said = refused(operator, inventory, swarm_drill_archive=str(damaged))
    assert f"No drill was begun. {damaged} is no archive of quorum.swarm, or it is damaged" in said

    key = folder / "wrong-key"
    key.write_text(WRONG_KEY + "\n")
    said = refused(operator, inventory, swarm_unlock_key_file=str(key))
    assert f"No drill was begun. {archive} is autolocked, and the unlock key does not open it" in said

    said = refused(operator, inventory, swarm_drill_host="w9")
    assert "swarm_drill_host is 'w9', which is no host of the inventory." in said
    assert traces.difference(before, traces.look(lab.node("w1"))) == []
    assert archive.exists()


def test_a_killed_one_leaves_nothing_and_the_next_is_as_good(
    lab: Lab, operator: Operator, inventory: Path, archive: Path
) -> None:
    """Killed while its key lies open on the disk. And nothing secret is seen, whatever the verbosity."""
    before = traces.look(lab.node("w1"))
    running = operator.start("drill", inventory)
    running.wait_for(lambda output: "TASK [quorum.swarm.drill : Bring the archive up" in output)
    killed = lab.node("w1").run(["bash", "-c", _KILL, "start"], timeout=60).stdout
    assert killed.strip() == "start"
    # Nobody has to come for that: its keeper sees that the module is gone.
    eventually(lambda: left(lab) == "", "nothing is left of it", seconds=10)
    assert not running.wait().ok
    run = drill(operator, inventory, "-vvvv", "--diff")
    assert traces.difference(before, traces.look(lab.node("w1"))) == []
    key = lab.node("m1").run("docker swarm unlock-key --quiet").stdout.strip()
    assert key not in run.output
    assert "PRIVATE KEY" not in run.output
    assert base64.b64encode(archive.read_bytes()[:48]).decode() not in run.output
    assert len(run.output) > 10000


def test_where_no_worker_can_a_manager_is_taken(
    lab: Lab, operator: Operator, inventory: Path, controller: Path
) -> None:
    for name in WORKERS:
        lab.node(name).run("mv /usr/bin/nsenter /usr/bin/nsenter.away")
    run = operator.run("drill", inventory)
    for name in WORKERS:
        lab.node(name).run("mv /usr/bin/nsenter.away /usr/bin/nsenter")
    assert run.ok, run.report
    assert record(controller)["host"] == "m1"
    shutil.rmtree(controller / "backups")
    assert "holds no archive" in refused(operator, inventory)
