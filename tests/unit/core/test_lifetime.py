# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers that are thrown away after the job, told from those that stay by what the kernel says of their mounts."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import lifetime

DISK = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
OVERLAY = "510 400 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w\n"
VFS = "510 400 254:1 /var/lib/docker/vfs/dir/0a1b / rw,relatime - ext4 /dev/vda1 rw\n"
SUBVOLUME = "27 1 0:24 /@ / rw,relatime - btrfs /dev/sda2 rw,subvol=/@\n"
VOLUME = "520 510 254:1 /srv/keys /keys rw,relatime - ext4 /dev/vda1 rw\n"
TMPFS = "521 510 0:60 / /keys rw,nosuid - tmpfs tmpfs rw\n"
SPACE = "520 510 254:1 /srv/keys /my\\040keys rw,relatime - ext4 /dev/vda1 rw\n"
AWX = "530 510 254:1 /tmp/awx_1234_0k3jx9 /runner rw,relatime - ext4 /dev/vda1 rw\n"
EMPTY_DIR = ("530 510 254:1 /var/lib/kubelet/pods/1-2/volumes/kubernetes.io~empty-dir/work /runner rw - ext4 "
             "/dev/vda1 rw\n")

STAYS: dict[str, tuple[str, str, dict[str, str], bool]] = {
    "a machine's own disk": ("/srv/keys", DISK, {}, False),
    "a machine that was made from a container's image": ("/srv/keys", DISK, {}, True),
    "a root on a subvolume": ("/srv/keys", SUBVOLUME, {}, False),
    "a volume of a container": ("/keys/swarm", OVERLAY + VOLUME, {}, True),
    "a volume whose name has a space": ("/my keys/swarm", OVERLAY + SPACE, {}, True),
    "beside a mount of a similar name": ("/keys2", DISK + TMPFS, {}, False),
    "beside a job's folder": ("/srv/keys", DISK, {"CI_PROJECT_DIR": "/builds/ops"}, False),
    "a job's folder that is no path": ("/srv/keys", DISK, {"WORKSPACE": "ops", "RUNNER_TEMP": "/"}, False),
    "nothing is known of mounts": ("/srv/keys", "", {}, True),
    "lines that cannot be read": ("/srv/keys", "x\n\n1 2 - \n" + DISK, {}, False),
}
GOES: dict[str, tuple[str, str, dict[str, str], bool, str]] = {
    "a container's own layer": ("/srv/keys", OVERLAY, {}, True, "writable layer"),
    "a live system": ("/srv/keys", OVERLAY, {}, False, "writable layer"),
    "a container without layers": ("/srv/keys", VFS, {}, True, "file system of a container"),
    "memory": ("/keys/swarm", DISK + TMPFS, {}, False, "in memory (tmpfs at /keys)"),
    "memory over a volume": ("/keys", DISK + VOLUME + TMPFS, {}, True, "in memory"),
    "AWX's folder of a job": ("/runner/project/keys", OVERLAY + AWX, {}, True, "AWX's folder of one job"),
    "the same on the host": ("/tmp/awx_1234_0k3jx9/keys", DISK, {}, False, "AWX's folder of one job"),
    "a pod's emptyDir": ("/runner/keys", OVERLAY + EMPTY_DIR, {}, True, "emptyDir"),
    "GitLab's checkout": ("/builds/ops/keys", DISK, {"CI_PROJECT_DIR": "/builds/ops"}, False, "GitLab CI removes"),
    "GitHub's workspace": ("/w/a", DISK, {"GITHUB_WORKSPACE": "/w/a/"}, False, "GitHub Actions removes"),
}


@pytest.mark.parametrize("name", STAYS)
def test_a_folder_that_stays(name: str) -> None:
    assert lifetime.short_life(*STAYS[name]) == ""


@pytest.mark.parametrize("name", GOES)
def test_a_folder_that_goes_with_the_job(name: str) -> None:
    folder, mountinfo, environment, container, says = GOES[name]
    assert says in lifetime.short_life(folder, mountinfo, environment, container)


def test_the_refusal_names_folder_cause_and_effect() -> None:
    said = lifetime.refusal("swarm_controller_dir", "/keys", "it lies in memory", "the key would be lost").sentence()
    assert said == ("swarm_controller_dir /keys does not outlast this run: it lies in memory, so the key would be "
                    "lost. Mount a folder of the host there, or name one that stays. "
                    "(-e swarm_allow_ephemeral_controller=true overrides this.)")
