# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a folder on the controller outlasts the run: the only unlock key of a swarm must not go with a container.

Pure: the mounts are handed in as the text of ``/proc/self/mountinfo`` (proc(5)). AWX, ``ansible-navigator`` and CI
runners execute a playbook in a container, or in a folder, that is removed after the job; it is writable all the same.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

ALLOW = "swarm_allow_ephemeral_controller"
IN_MEMORY = ("tmpfs", "ramfs")
LAYERED = ("overlay", "fuse-overlayfs", "aufs")
JOB_VARIABLES = {
    "AWX_PRIVATE_DATA_DIR": "AWX",
    "CI_PROJECT_DIR": "GitLab CI",
    "GITHUB_WORKSPACE": "GitHub Actions",
    "RUNNER_TEMP": "GitHub Actions",
    "WORKSPACE": "Jenkins",
    "BUILDKITE_BUILD_CHECKOUT_PATH": "Buildkite",
    "DRONE_WORKSPACE": "Drone",
    "BITBUCKET_CLONE_DIR": "Bitbucket Pipelines",
    "BUILD_SOURCESDIRECTORY": "Azure Pipelines",
}
"""Environment variables by which job systems name a folder that they remove, or may remove, after the job."""
JOB_FOLDERS = (
    (re.compile(r"/(tmp|var/lib/awx/projects)?/?awx_\d+_\w+(/|$)"), "AWX's folder of one job"),
    (re.compile(r"kubernetes\.io~empty-dir/"), "a pod's emptyDir"),
)
"""Folders of job systems, by the path or by what is mounted there."""


@dataclass(frozen=True)
class Mount:
    """One line of ``/proc/self/mountinfo``."""

    point: str
    kind: str
    """The file system's type."""
    root: str
    """The folder of the file system that is mounted here; ``/``: all of it."""


def mounts(text: str) -> list[Mount]:
    """The mounts of this process, in the order in which they were made; lines that cannot be read are left out."""
    found = []
    for line in text.splitlines():
        fields, _dash, rest = line.partition(" - ")
        words = fields.split()
        if len(words) >= 5 and rest.split():
            found.append(Mount(_plain(words[4]), rest.split()[0], _plain(words[3])))
    return found


def _plain(text: str) -> str:
    """A path without the octal escapes of proc(5)."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def short_life(folder: str, mountinfo: str, environment: Mapping[str, str], container: bool) -> str:
    """Why the folder will not outlast the run, one clause; empty: nothing says so.

    :param folder: absolute, links resolved; it need not be there yet.
    :param mountinfo: the text of ``/proc/self/mountinfo``.
    :param environment: of this process.
    :param container: whether this process runs in a container of Docker, Podman or Kubernetes.
    """
    own = [mount for mount in mounts(mountinfo) if _within(folder, mount.point)]
    mount = max(own, key=lambda one: len(one.point), default=None)
    # Of two mounts at one point the later one counts.
    mount = next((one for one in reversed(own) if mount is not None and one.point == mount.point), None)
    if mount is not None and mount.kind in IN_MEMORY:
        return f"it lies in memory ({mount.kind} at {mount.point})"
    if mount is not None and mount.kind in LAYERED:
        return f"it lies in the writable layer of a container or a live system ({mount.kind} at {mount.point})"
    if mount is not None and mount.point == "/" and container and mount.root != "/":
        return "it lies in the file system of a container, without a mount of its own"
    for pattern, what in JOB_FOLDERS:
        if pattern.search(folder) or (mount is not None and pattern.search(mount.root)):
            return f"it lies in {what}"
    for name, system in JOB_VARIABLES.items():
        place = posixpath.normpath(environment[name]) if environment.get(name, "").startswith("/") else ""
        if place not in ("", "/") and _within(folder, place):
            return f"it lies in a folder that {system} removes after the job ({name}={place})"
    return ""


def _within(folder: str, place: str) -> bool:
    return place == "/" or folder == place or folder.startswith(place + "/")


def refusal(what: str, folder: str, why: str, effect: str) -> Finding:
    """That something which has to be kept would be written to a folder that does not outlast the run.

    :param what: the variable that names the folder.
    :param why: as ``short_life`` says it.
    :param effect: what would be lost, one clause.
    """
    return Finding("ephemeral_controller", "critical",
                   f"{what} {folder} does not outlast this run: {why}, so {effect}.",
                   "Mount a folder of the host there, or name one that stays.", "", ALLOW)
