# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node images: a Debian suite with systemd, sshd and (unless bare) an engine, built from packages, without a registry.

Touches the engine's images and the network (a Debian mirror); the recipe's shell parts are in files/.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .console import LabError, execute, say
from .machine import LABEL, docker, folder, lock, owner_label

SUITES = ("bookworm", "trixie", "forky")
"""Their engines: Docker 20.10, 26.1 and 28.5."""

FILES = Path(__file__).parent / "files"
_REPOSITORY = "quorum-swarm-lab"
_MIRROR = "http://deb.debian.org/debian"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_BASE = [
    *("systemd", "systemd-sysv", "dbus", "iptables", "iproute2", "procps", "iputils-ping", "openssh-server"),
    *("python3", "python3-apt", "ca-certificates", "busybox-static"),
]


def _engine_packages(suite: str) -> list[str]:
    """What makes a Debian machine a node: the engine, its Python SDK, and what opens an autolocked state."""
    client = [] if suite == "bookworm" else ["docker-cli"]  # a package of its own from trixie on
    return ["docker.io", *client, "python3-docker", "python3-nacl", "python3-cryptography"]


def _offline_packages(suite: str, *, bare: bool) -> list[str]:
    """What a node can install although it reaches no repository: its own has them."""
    # Debian's, as a controller has it, where it is the oldest that the collection supports (2.19).
    controller = ["ansible-core"] if suite == "trixie" else []
    return [*(_engine_packages(suite) if bare else []), *controller]


def tag(suite: str, *, bare: bool) -> str:
    """The image's name; it changes with the recipe, so that an old image is never taken for a new one."""
    parts = [*_BASE, *_engine_packages(suite), *((FILES / name).read_text() for name in ("customize", "lab-init"))]
    parts += _offline_packages(suite, bare=False)
    recipe = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{_REPOSITORY}:{suite}{'-bare' if bare else ''}-{recipe[:8]}"


def ensure(suite: str, *, bare: bool = False) -> str:
    """Build the image unless the engine has it (40 to 60 s), and return its name. Raises LabError."""
    if suite not in SUITES:
        raise LabError(f"There is no suite {suite}: choose from {', '.join(SUITES)}.")
    name = tag(suite, bare=bare)
    kind = f"{suite}, bare" if bare else suite
    if docker("images", "--quiet", name):
        return name
    with lock():
        if docker("images", "--quiet", name):  # another lab built it while this one waited
            return name
        say(f"image {kind}: building from Debian packages")
        tar = folder() / f"{name.replace(':', '-')}.tar"
        try:
            _build(suite, tar, bare=bare)
            docker("import", "--change", f"LABEL {LABEL}={suite} {owner_label()}", str(tar), name, timeout=300)
        finally:
            tar.unlink(missing_ok=True)
        _remove_older(name)
    say(f"image {kind}: ready")
    return name


def _build(suite: str, tar: Path, *, bare: bool) -> None:
    engine = _engine_packages(suite)
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(_BASE + ([] if bare else engine))}"]
    command += [f"--customize-hook={FILES / 'customize'}"]
    if suite == "forky":
        # A suite under development: a mirror may serve an index that is past its date.
        command.append('--aptopt=Acquire::Check-Valid-Until "false"')
    environment = {
        **os.environ,
        "LAB_FILES": str(FILES),
        "LAB_SUITE": suite,
        "LAB_REPOSITORY": " ".join(_offline_packages(suite, bare=bare)),
    }
    done = execute([*command, suite, str(tar), _MIRROR], env=environment, timeout=900, check=False)
    if done.returncode != 0:
        log = folder() / f"image-{suite}.log"
        log.write_text(done.stderr)
        reasons = [line for line in done.stderr.splitlines() if line.startswith(("E: ", "Err:"))]
        raise LabError(
            f"The image {suite} could not be built: {reasons[0] if reasons else 'no reason given'} (see {log})."
        )


def package(suite: str, name: str) -> Path:
    """The .deb file of a package that the image of a suite lacks; from the mirror, once. Raises LabError."""
    home = folder() / "packages" / suite
    with lock():
        (home / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        found = sorted(home.glob(f"{name}_*.deb"))
        if found:
            return found[0]
        say(f"package {name} of {suite}: fetching")
        (home / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_MIRROR} {suite} main\n")
        settings = {
            "Dir::State::Lists": home / "lists",
            "Dir::Cache": home / "cache",
            "Dir::Etc::SourceList": home / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Check-Valid-Until": "false",
        }
        options = [word for setting, value in settings.items() for word in ("-o", f"{setting}={value}")]
        execute(["apt-get", *options, "update"], timeout=300)
        execute(["sh", "-c", 'cd "$0" && shift && exec "$@"', str(home), "", "apt-get", *options, "download", name],
                timeout=300)  # fmt: skip
        return sorted(home.glob(f"{name}_*.deb"))[0]


def _remove_older(name: str) -> None:
    """Remove images of the same kind by older recipes. The engine keeps those that nodes are made of."""
    kind = name.rpartition("-")[0]
    listed = docker("images", "--filter", f"label={owner_label()}", "--format", "{{.Repository}}:{{.Tag}}").split()
    older = [other for other in listed if other != name and other.rpartition("-")[0] == kind]
    if older:
        docker("rmi", *older, check=False)


def remove_all() -> None:
    """Remove every node image of this folder's labs. Raises LabError while a node still uses one."""
    images = docker("images", "--quiet", "--filter", f"label={owner_label()}").split()
    if images:
        say("images: removing")
        docker("rmi", "--force", *sorted(set(images)))
