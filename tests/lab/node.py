# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node: a container that runs systemd, sshd and its own engine; and everything that can be done to one.

Touches that container and its anonymous volumes, nothing else of the machine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import image, network, odd
from .console import LabError, execute, wait_until
from .image import FILES
from .machine import LABEL, docker, docker_exec, owner_label, private_key

if TYPE_CHECKING:
    from .lab import Lab

RUNNING, FROZEN, OFF, ABSENT = "running", "frozen", "off", "absent"


class Node:
    """A handle on a node of a lab. It holds nothing but the name, so it is never out of date."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name

    def __repr__(self) -> str:
        return f"<Node {self.lab.name}/{self.name} {self.addr}>"

    @property
    def container(self) -> str:
        """The name of the node's container."""
        return f"qs-{self.lab.name}-{self.name}"

    @property
    def addr(self) -> str:
        """The node's IPv4 address."""
        return str(self._record["addr"])

    @property
    def zone(self) -> str | None:
        """The node's failure zone; None for a spare."""
        zone = self._record["zone"]
        return None if zone is None else str(zone)

    @property
    def group(self) -> str:
        """The node's group in the inventory."""
        return str(self._record["group"])

    @property
    def _record(self) -> dict[str, object]:
        return self.lab.record(self.name)

    # What it is doing.

    def state(self) -> str:
        """One of RUNNING, FROZEN, OFF and ABSENT."""
        status = docker("inspect", "--format", "{{.State.Status}}", self.container, check=False)
        return {"running": RUNNING, "paused": FROZEN, "": ABSENT}.get(status, OFF)

    def connected(self) -> bool:
        """Whether the node is plugged into the lab's network."""
        return self.name not in self.lab.unplugged

    def run(
        self, command: str | list[str], *, check: bool = True, timeout: float = 60, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the node as root, not over ssh: it works on a partitioned node too.

        A str goes through sh. timeout is in seconds; a command that takes longer is killed and has status 124.
        Raises LabError if the node does not run and, with check, if the status is not 0.
        """
        words = ["sh", "-c", command] if isinstance(command, str) else command
        done = docker_exec(self.container, words, check=False, timeout=timeout, stdin=stdin)
        if check and done.returncode != 0:
            said = "\n".join(part.strip() for part in (done.stdout, done.stderr) if part.strip()) or "no output"
            shown = command if isinstance(command, str) else " ".join(command)
            raise LabError(f"{self.name}: {shown[:200]}: status {done.returncode}: {said[-3000:]}")
        return done

    # Its life.

    def create(self, made_of: str, *, cgroup_version: str) -> None:
        """Make and start the node's container. Does not wait for the boot."""
        docker(
            "run",
            "--detach",
            "--name", self.container,
            "--hostname", self.name,
            "--label", f"{LABEL}={self.lab.name}",
            "--label", owner_label(),
            "--network", network.name(self.lab.name),
            "--network-alias", self.name,
            "--ip", self.addr,
            # The engine would wait 20 s for a registry that cannot be reached; refused, it gives up at once.
            "--dns", "127.0.0.1",
            "--add-host", "registry-1.docker.io:127.0.0.1",
            # --privileged fails where the machine itself lacks SYS_RESOURCE. The clock is the machine's: hands off.
            "--cap-add", "ALL",
            "--cap-drop", "SYS_RESOURCE",
            "--cap-drop", "SYS_TIME",
            "--security-opt", "seccomp=unconfined",
            "--security-opt", "apparmor=unconfined",
            "--security-opt", "systempaths=unconfined",
            "--device-cgroup-rule", "a *:* rwm",
            *(["--cgroupns", "private"] if cgroup_version == "2" else []),
            "--env", f"QS_LAB_KEY={private_key().with_suffix('.pub').read_text().strip()}",
            "--env", f"QS_LAB_CGROUP={self.container}",
            "--tmpfs", "/run:exec,mode=755",
            "--tmpfs", "/tmp:exec,mode=1777",
            "--volume", "/var/lib/docker",
            "--volume", "/var/lib/containerd",
            "--stop-signal", "SIGRTMIN+3",
            made_of,
            "/usr/local/sbin/lab-init",
        )  # fmt: skip

    def make_odd(self, names: Sequence[str], engine: Path | None) -> None:
        """Give a new node its oddities, and the programs of a folder in place of its own. Raises LabError."""
        for package in odd.packages(names):
            file = image.package(str(self._record["suite"]), package)
            docker("cp", str(file), f"{self.container}:/var/tmp/{file.name}")
            self.run(["dpkg", "--install", f"/var/tmp/{file.name}"])
        if engine:
            self._take_programs(engine)
        script = odd.made_script(names, self.addr)
        if script:
            self.run(["sh", "-s"], stdin=script, timeout=120)

    def _take_programs(self, folder: Path) -> None:
        """Put an engine's programs where the node has those of the same name, else into /usr/local/bin."""
        units = "docker.socket docker.service containerd.service"
        self.run(f"systemctl stop {units}; rm -rf /var/lib/docker/* /var/lib/containerd/*", timeout=90)
        for file in sorted(folder.iterdir()):
            if file.is_file():
                found = self.run(f"command -v {file.name}", check=False).stdout.strip()
                docker("cp", "--follow-link", str(file), f"{self.container}:{found or f'/usr/local/bin/{file.name}'}")
        self.run(f"systemctl start {' '.join(reversed(units.split()))}", timeout=90)

    def wait_booted(self, *, healthy: bool, seconds: float = 90) -> None:
        """Wait until systemd has started everything and, if the node is plugged in, sshd answers. Raises LabError.

        healthy: a failed unit is an error. Not so after a fault, where it may be what the test is about.
        """
        end = time.monotonic() + seconds
        said = ""
        while time.monotonic() < end:
            done = self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=seconds)
            said = done.stdout.strip()
            if said in ("running", "degraded"):
                break
            if self.state() == OFF:
                log = docker("logs", "--tail", "5", self.container, check=False)
                raise LabError(f"{self.name} went off while it booted: {log or 'no reason given'}")
            time.sleep(0.3)
        if said != "running" and (healthy or said != "degraded"):
            failed = self.run("systemctl list-units --failed --plain --no-legend", check=False).stdout.strip()
            raise LabError(f"{self.name} did not boot: systemd says {said or 'nothing'}; failed units: {failed or '-'}")
        if self.connected():
            wait_until(self._sshd_answers, seconds=30, failure=f"{self.name}: sshd does not answer on {self.addr}.")

    def _sshd_answers(self) -> bool:
        try:
            with socket.create_connection((self.addr, 22), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def remove(self) -> None:
        """Remove the node with everything it kept."""
        docker("rm", "--force", "--volumes", self.container)
        self._close_ssh()

    # What faults are made of.

    def kill(self) -> None:
        """Power loss: everything on the node ends at once, without a word; its disk stays."""
        docker("kill", self.container)
        self._close_ssh()

    def start(self) -> None:
        """Power on, and wait until it has booted. A node that runs already is left alone. Raises LabError."""
        state = self.state()
        if state == FROZEN:
            raise LabError(f"{self.name} is frozen, not off: thaw it.")
        if state != RUNNING:
            docker("start", self.container)
            self.wait_booted(healthy=False)

    def _close_ssh(self) -> None:
        """End a connection that ssh kept open: the next command after the boot would be sent into it, and fail."""
        execute(["ssh", "-F", str(self.lab.ssh_config), "-O", "exit", self.name], check=False, timeout=5)

    def freeze(self) -> None:
        """Stop all its processes where they are; its address still answers nobody."""
        docker("pause", self.container)

    def thaw(self) -> None:
        """Let a frozen node go on, as if no time had passed for it."""
        docker("unpause", self.container)
        self.apply_network()

    def partition(self) -> None:
        """Pull the node's network cable: nobody reaches it, the controller neither, and nobody is told."""
        self.lab.plug([self], plugged=False)

    def reconnect(self) -> None:
        """Plug the node in again."""
        self.lab.plug([self], plugged=True)

    def readdress(self, addr: str) -> None:
        """Give the node another address in the lab's subnet, as a provider does after an outage. Raises LabError.

        The inventory follows; what the node's engine makes of it is what a test wants to know.
        """
        self.lab.readdress(self, addr)

    def lease(self, *, seconds: int = 3600) -> None:
        """Make the address look like a DHCP lease (`ip -j addr`: "dynamic": true), until reset or the next start."""
        device = json.loads(self.run(["ip", "-j", "-4", "addr", "show", "to", self.addr]).stdout)[0]
        address = f"{self.addr}/{device['addr_info'][0]['prefixlen']}"
        lifetime = ["valid_lft", str(seconds), "preferred_lft", str(seconds)]
        self.run(["ip", "addr", "change", address, "dev", device["ifname"], *lifetime])

    def apply_network(self) -> None:
        """Make the network what the lab wants, now if the node runs, and at each boot. A frozen one waits for thaw."""
        script = self.lab.network_script(self.name)
        state = self.state()
        if state == RUNNING:
            self.run("cat > /etc/lab-network && sh /etc/lab-network", stdin=script)
        elif state == OFF:
            with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
                file.write(script)
                file.flush()
                docker("cp", file.name, f"{self.container}:/etc/lab-network")

    def wipe(self) -> None:
        """In place, back to an engine without a swarm (files/reset). The node must run. Raises LabError."""
        self.run(["sh", "-s"], stdin=(FILES / "reset").read_text(), timeout=45)
