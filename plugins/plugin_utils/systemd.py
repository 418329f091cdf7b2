# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's systemd: asks it, and does the steps of ``core/schedule.py``.

As root the system's own, as anybody else that of the user. Runs ``systemctl``, ``systemd-analyze`` and ``loginctl``,
writes unit files. Decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence

from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import schedule
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import Step, Unit

BOOTED = "/run/systemd/system"
"""There is this folder where systemd is PID 1 (sd_booted(3))."""
NOT_BOOTED = f"systemd does not run this machine (there is no {BOOTED}), so that nothing would start a backup."
SYSTEM_UNITS = "/etc/systemd/system"
SYSTEM_STAMPS = "/var/lib/systemd/timers"
SECONDS = 60
_PROPERTIES = ("Id", "LoadState", "FragmentPath", "NeedDaemonReload", "ActiveState", "Result", "ExecMainExitTimestamp",
               "NextElapseUSecRealtime")


class Systemd:
    """One systemd: where its units are, and how it is spoken to."""

    def __init__(self) -> None:
        self.system = os.geteuid() == 0
        entry = pwd.getpwuid(os.geteuid())
        self.user = entry.pw_name
        self.units = SYSTEM_UNITS if self.system else os.path.join(entry.pw_dir, ".config/systemd/user")
        self.stamps = SYSTEM_STAMPS if self.system else os.path.join(entry.pw_dir, ".local/share/systemd/timers")
        self._environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
        if not self.system and not os.environ.get("XDG_RUNTIME_DIR"):
            # As after su or sudo: the user's systemd is there all the same, when it is.
            self._environment["XDG_RUNTIME_DIR"] = f"/run/user/{os.geteuid()}"

    def why_not(self) -> str:
        """Why it cannot be used, in one sentence; empty where it can."""
        if not os.path.isdir(BOOTED):
            return NOT_BOOTED
        for program in ("systemctl", "systemd-analyze"):
            if self._run([program, "--version"])[0] != 0:
                return f"There is no {program} here, so that nothing would start a backup."
        status, output = self._systemctl("show", "--property=Version")
        if status != 0 and self.system:
            return f"systemd does not answer ({_last(output)})."
        if status != 0:
            return (f"The systemd of {self.user} does not answer ({_last(output)}): "
                    f"sudo loginctl enable-linger {self.user} starts it, or run this as root.")
        return ""

    def calendar_problem(self, calendar: str) -> str:
        """What systemd has against a calendar event."""
        return schedule.calendar_problem(calendar, *self._run(["systemd-analyze", "calendar", "--", calendar]))

    def unit(self, name: str) -> Unit:
        """A unit as it is."""
        path = os.path.join(self.units, name)
        shown = self.show(name)
        link = os.path.join(self.units, "timers.target.wants", name)
        stamp = os.path.join(self.stamps, f"stamp-{name}")
        text = _read(path)
        # A link whose unit is gone cannot be disabled: systemctl does not find the unit.
        leftovers = [item for item, there in ((link, os.path.lexists(link) and text is None),
                                              (stamp, os.path.lexists(stamp))) if there]
        return Unit(
            name, path, text, shown.get("FragmentPath", ""),
            loaded=shown.get("LoadState", "") not in ("", "not-found"), stale=shown.get("NeedDaemonReload") == "yes",
            active=shown.get("ActiveState") in ("active", "activating"), failed=shown.get("ActiveState") == "failed",
            enabled=os.path.lexists(link), leftovers=tuple(leftovers),
        )

    def show(self, name: str) -> dict[str, str]:
        """What systemd says of a unit.

        :raises AnsibleActionFail: where it does not say anything.
        """
        status, output = self._systemctl("show", f"--property={','.join(_PROPERTIES)}", "--", name)
        if status != 0:
            raise AnsibleActionFail(f"systemctl show {name}: {_last(output)}")
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)

    def lingers(self) -> bool:
        """Whether the user's systemd runs while the user is logged out."""
        if self.system:
            return True
        return self._run(["loginctl", "show-user", self.user, "--property=Linger", "--value"])[1].strip() == "yes"

    def do(self, step: Step) -> None:
        """Do one step.

        :raises AnsibleActionFail: where it cannot be done; what was done before stays, and the next run goes on.
        """
        if step.kind == "write":
            _write(step.what, step.text)
            return
        if step.kind == "remove":
            with contextlib.suppress(FileNotFoundError):
                try:
                    os.unlink(step.what)
                except PermissionError as error:
                    raise AnsibleActionFail(f"{step.what} could not be removed: {error.strerror}.") from None
            return
        verb = "daemon-reload" if step.kind == "reload" else step.kind
        status, output = self._systemctl(verb, *(["--", step.what] if step.what else []))
        if status != 0:
            raise AnsibleActionFail(f"systemctl {verb} {step.what}".rstrip() + f": {_last(output)}")

    def _systemctl(self, *words: str) -> tuple[int, str]:
        return self._run(["systemctl", *([] if self.system else ["--user"]), "--no-ask-password", *words])

    def _run(self, command: Sequence[str]) -> tuple[int, str]:
        """Exit status, and all that it said."""
        try:
            done = subprocess.run(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=SECONDS, check=False, text=True, errors="replace")
        except OSError as error:
            return 127, str(error.strerror)
        except subprocess.TimeoutExpired:
            return 124, f"no answer within {SECONDS} s"
        return done.returncode, done.stdout


def _last(output: str) -> str:
    return ([line.strip() for line in output.splitlines() if line.strip()] or ["it says nothing"])[-1].rstrip(".")


def _read(path: str) -> str | None:
    """The text of a unit file; None where there is none, empty where it is a link or no file: then it is not ours."""
    if os.path.islink(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    """Write a unit file, whole or not at all, readable for all as unit files are."""
    temporary = ""
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise AnsibleActionFail(f"{path} could not be written: {error.strerror}.") from None
