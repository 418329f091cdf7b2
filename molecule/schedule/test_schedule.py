# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule on a controller with systemd: units, what runs at night, and who may touch them.

The controller is the spare s1, with Debian's own ansible-core and the collection as users install it.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.backend.base import CommandResult

from tests.lab.lab import Lab
from tests.lab.machine import docker
from tests.testinfra import restored
from tests.testinfra.playbooks import ROOT, Run
from tests.testinfra.swarms import assert_swarm, host

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1"]
NAME = "quorum-swarm-backup"
TIMER, SERVICE = f"{NAME}.timer", f"{NAME}.service"
UNITS = "/etc/systemd/system"
INVENTORY = "/srv/swarm/inventory.yml"
OTHER = "/srv/other/inventory.yml"
COLLECTIONS = "/usr/share/ansible/collections"


class Controller:
    """Somebody who types commands on s1."""

    def __init__(self, lab: Lab) -> None:
        self.node = lab.node("s1")
        self.host = host(lab, "s1")

    def sh(self, script: str, user: str = "root") -> CommandResult:
        """A shell script in /srv, as this user; over ssh, because logind does not know who comes another way."""
        if user != "root":
            script = f"runuser -u {user} -- env HOME=/home/{user} sh -c {shlex.quote(script)}"
        return self.host.run(f"cd /srv && {script}")

    def playbook(self, words: str, user: str = "root") -> Run:
        """`ansible-playbook quorum.swarm.WORDS`."""
        command = f"ANSIBLE_NOCOLOR=1 ansible-playbook quorum.swarm.{words}"
        began = time.monotonic()
        done = self.sh(command, user)
        return Run(command, done.rc, done.stdout + done.stderr, time.monotonic() - began)

    def schedule(self, words: str = "", *, inventory: str = INVENTORY, user: str = "root") -> Run:
        """The playbook of this scenario, which has to end well."""
        run = self.playbook(f"schedule_backup -i {inventory} {words}", user)
        assert run.ok, run.report
        return run

    def refused(self, words: str = "", *, inventory: str = INVENTORY, user: str = "root") -> str:
        """The same, which has to be refused before anything is changed; why."""
        before = self.look()
        run = self.playbook(f"schedule_backup -i {inventory} {words}", user)
        assert not run.ok, run.report
        assert "Refused, and nothing was changed." in run.failures or "_backup_" in run.failures, run.report
        assert self.look() == before
        return run.failures

    def look(self) -> str:
        """All units of the machine, their files and what systemd knows of ours."""
        return self.host.check_output(
            f"find {UNITS} /home /var/lib/systemd/timers -path '*systemd*' -printf '%p %y %m %s %T@ %l\\n' | sort; "
            f"systemctl show {TIMER} {SERVICE} -p LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath"
        )

    def upcoming(self, timer: str = TIMER) -> int:
        """When the timer elapses next, in seconds since 1970; 0: it is not listed."""
        listed = json.loads(self.host.check_output("systemctl list-timers --all --output=json"))
        return next((int(item["next"]) // 1_000_000 for item in listed if item["unit"] == timer), 0)

    def show(self, unit: str, name: str) -> str:
        return str(self.host.check_output(f"systemctl show --property={name} --value {unit}"))


def inventory_of(lab: Lab, key: str, folder: str) -> dict[str, Any]:
    """The lab's swarm as the inventory of a controller on one of its nodes."""
    everything = yaml.safe_load(lab.inventory.read_text())["all"]
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": key,
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "ansible_python_interpreter": "/usr/bin/python3",
        "swarm_controller_dir": folder,
        "swarm_allow_ephemeral_controller": True,  # this controller is a container, and does not outlast the lab
    }
    children = everything["children"]
    groups = {
        group: {"hosts": {name: children[group]["hosts"][name] for name in names}}
        for group, names in (("swarm_managers", MANAGERS), ("swarm_workers", WORKERS))
    }
    return {"all": {"vars": variables, "children": groups}}


@pytest.fixture(scope="module")
def controller(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """s1 as a controller: ansible-core from its own repository, the collection's archive, an inventory, a key."""
    one = Controller(lab)
    folder = tmp_path_factory.mktemp("controller")
    galaxy = str(Path(sys.executable).parent / "ansible-galaxy")
    subprocess.run(
        [galaxy, "collection", "build", str(ROOT), "--output-path", str(folder)], check=True, capture_output=True
    )
    key = Path(yaml.safe_load(lab.inventory.read_text())["all"]["vars"]["ansible_ssh_private_key_file"])
    (folder / "id").write_bytes(key.read_bytes())
    (folder / "id").chmod(0o600)
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory_of(lab, "/srv/swarm/id", "/srv/swarm/controller")))
    (folder / "vault").write_text("hunter2\n")
    docker("cp", f"{folder}/.", f"{one.node.container}:/srv/swarm")
    done = one.sh(
        "set -e; mkdir -p /srv/other; cp /srv/swarm/inventory.yml /srv/other; chown -R root: /srv/swarm; "
        "command -v ansible-playbook || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq "
        "--no-install-recommends ansible-core; }; "
        f"ansible-galaxy collection install --offline --force -p {COLLECTIONS} /srv/swarm/quorum-swarm-*.tar.gz"
    )
    assert done.rc == 0, done.stdout + done.stderr
    yield one
    ours = f"{UNITS}/{NAME}* {UNITS}/timers.target.wants/{NAME}* /var/lib/systemd/timers/stamp-{NAME}*"
    one.sh(
        f"systemctl stop '{NAME}*.timer'; loginctl disable-linger alice; systemctl stop user@$(id -u alice); "
        f"userdel --force --remove alice; rm -rf /run/systemd/system/user@.service.d /srv/swarm /srv/other "
        f"{COLLECTIONS} {ours}; systemctl daemon-reload"
    )


def test_check_mode_shows_the_units_and_writes_nothing(controller: Controller) -> None:
    before = controller.look()
    run = controller.schedule("--check --diff")
    assert run.changed == {"localhost": 1}
    for line in (f"+++ after: {UNITS}/{SERVICE}", f"+++ after: {UNITS}/{TIMER}", "+OnCalendar=*-*-* 02:30:00"):
        assert line in run.output, run.report
    assert controller.look() == before


def test_the_timer_is_enabled_and_elapses(controller: Controller) -> None:
    run = controller.schedule("--vault-password-file swarm/vault")
    assert run.changed == {"localhost": 1}
    timer = controller.host.service(TIMER)
    assert timer.is_enabled
    assert timer.is_running
    assert controller.upcoming() > int(controller.host.check_output("date +%s"))
    assert f"{TIMER} starts the backup at *-*-* 02:30:00, next at " in run.output
    for name in (SERVICE, TIMER):
        unit = controller.host.file(f"{UNITS}/{name}")
        assert (unit.user, unit.mode) == ("root", 0o644)
        assert "hunter2" not in unit.content_string
    assert controller.host.run(f"systemd-analyze verify {UNITS}/{TIMER} {UNITS}/{SERVICE}").stderr == ""
    again = controller.schedule("--vault-password-file swarm/vault")
    assert not again.changed, again.report


def test_the_service_runs_the_backup_of_the_inventory(controller: Controller) -> None:
    provisioned = controller.playbook(f"provision -i {INVENTORY}")
    assert provisioned.ok, provisioned.report
    done = controller.sh(f"systemctl start {SERVICE}")
    journal = controller.sh(f"journalctl --unit {SERVICE} --output cat").stdout
    assert done.rc == 0, journal
    assert "PLAY RECAP" in journal, journal
    kept = controller.host.check_output("find /srv/swarm/controller/backups -type f -printf '%m %f\\n'").splitlines()
    assert kept, journal
    assert all(line.startswith("600 ") for line in kept), kept
    assert controller.sh("find /srv/swarm/controller -perm /077").stdout == ""
    assert "hunter2" not in journal


def test_a_run_that_failed_is_seen(controller: Controller) -> None:
    controller.sh(f"mv {INVENTORY} {INVENTORY}.away")
    done = controller.sh(f"systemctl start {SERVICE}")
    controller.sh(f"mv {INVENTORY}.away {INVENTORY}")
    assert done.rc != 0
    assert SERVICE in controller.host.check_output("systemctl --failed --plain --no-legend")
    # The vault's file is not given any more: a change of the service alone.
    run = controller.schedule("--diff")
    assert f"-ExecStart=/usr/bin/ansible-playbook -i {INVENTORY} --vault-password-file /srv/swarm/vault" in run.output
    assert "The last scheduled run failed (exit-code)" in run.output, run.report


def test_a_run_that_was_killed_is_finished(controller: Controller) -> None:
    """It had written the new time, and systemd was not told; nor had it enabled the timer."""
    controller.sh(f"systemctl disable {TIMER}; sed -i 's/^OnCalendar=.*/OnCalendar=*-*-* 11:00:00/' {UNITS}/{TIMER}")
    assert controller.show(TIMER, "NeedDaemonReload") == "yes"
    run = controller.schedule("-e swarm_backup_randomized_delay=0 -e 'swarm_backup_calendar=\"*-*-* 11:00:00\"'")
    assert run.changed == {"localhost": 1}
    assert controller.show(TIMER, "NeedDaemonReload") == "no"
    assert controller.host.service(TIMER).is_enabled
    assert controller.host.check_output(f"date --utc --date=@{controller.upcoming()} +%H:%M") == "11:00"


def test_refusals(controller: Controller) -> None:
    words = "-e swarm_backup_calendar=sometimes -e swarm_controller_dir=/srv/x -K"
    why = controller.refused(f"{words} </dev/null")
    assert "swarm_backup_calendar is 'sometimes': systemd does not understand it (Failed to parse" in why
    assert "swarm_controller_dir: given with -e on this command line alone" in why
    assert "--ask-become-pass asks for a password" in why
    why = controller.refused("-e swarm_backup_schedule=absent", inventory=OTHER)
    assert f"{SERVICE} is the schedule of another inventory ({INVENTORY})" in why
    # It is systemd's own: a folder of ours does not have it, and it would be stopped.
    why = controller.refused("-e swarm_backup_schedule=absent -e swarm_backup_schedule_name=systemd-tmpfiles-clean")
    assert "There is a systemd-tmpfiles-clean.timer already, and it is not of this playbook (/usr/lib/" in why


def test_another_inventory_has_another_name(controller: Controller) -> None:
    name = f"{NAME}-other"
    controller.schedule(f"-e swarm_backup_schedule_name={name}", inventory=OTHER)
    assert controller.upcoming(f"{name}.timer")
    assert controller.upcoming()
    assert OTHER in controller.host.file(f"{UNITS}/{name}.service").content_string


def test_removed(controller: Controller) -> None:
    before = controller.look()
    shown = controller.schedule("-e swarm_backup_schedule=absent --check --diff")
    assert shown.changed == {"localhost": 1}
    assert f"+disable {TIMER}" in shown.output
    assert controller.look() == before
    assert controller.schedule("-e swarm_backup_schedule=absent").changed == {"localhost": 1}
    assert controller.sh(f"find {UNITS} /var/lib/systemd/timers -name '*{NAME}.*'").stdout == ""
    for unit in (TIMER, SERVICE):
        assert controller.show(unit, "LoadState") == "not-found"
        assert controller.show(unit, "ActiveState") == "inactive"
    assert controller.upcoming() == 0
    assert controller.upcoming(f"{NAME}-other.timer")
    assert not controller.schedule("-e swarm_backup_schedule=absent").changed


def test_a_restore_sees_to_the_schedule(lab: Lab, controller: Controller) -> None:
    """The inventory wants one, and there is none: of everything that was lost, the restore brings it back, too."""
    restored.wipe(lab, MANAGERS)
    controller.sh(f"sed -i 's/^  vars:$/&\\n    swarm_backup_calendar: \"*-*-* 03:00:00\"/' {INVENTORY}")
    archive = controller.host.check_output("ls -t /srv/swarm/controller/backups/*.tar.gz | head -1")
    run = controller.playbook(f"restore -i {INVENTORY} -e swarm_restore_archive={archive}")
    assert run.ok, run.report
    assert_swarm(lab, MANAGERS, WORKERS)
    assert controller.host.service(TIMER).is_enabled
    assert controller.show(TIMER, "TimersCalendar").startswith("{ OnCalendar=*-*-* 03:00:00 ;")
    again = controller.playbook(f"restore -i {INVENTORY} -e swarm_restore_archive={archive}")
    assert again.ok, again.report
    assert not again.changed, again.report
    controller.schedule("-e swarm_backup_schedule=absent")


def test_a_user_has_units_of_the_user(controller: Controller) -> None:
    controller.sh("useradd --create-home alice")
    assert "sudo loginctl enable-linger alice" in controller.refused(inventory=OTHER, user="alice")
    # Where a user's runtime directory is, PAM would say; nodes do not have that module of it.
    controller.sh(
        "mkdir /run/systemd/system/user@.service.d; printf '[Service]\\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\\n' "
        "> /run/systemd/system/user@.service.d/lab.conf; systemctl daemon-reload; loginctl enable-linger alice"
    )
    run = controller.schedule(inventory=OTHER, user="alice")
    assert run.changed == {"localhost": 1}
    assert "enable-linger" not in run.output
    ask = "XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user"
    listed = controller.sh(f"{ask} list-timers --all --output=json", "alice")
    assert [item["unit"] for item in json.loads(listed.stdout) if item["next"]] == [TIMER], listed
    assert controller.host.file("/home/alice/.config/systemd/user/timers.target.wants/" + TIMER).exists
    assert not controller.schedule(inventory=OTHER, user="alice").changed
    assert controller.schedule("-e swarm_backup_schedule=absent", inventory=OTHER, user="alice").changed
    assert controller.sh("find /home/alice/.config -type f -o -type l").stdout == ""
