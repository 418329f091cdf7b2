# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A swarm's state directory, below the engine's ``DockerRootDir``: what lies there. Reads only.

With archive.py the only file that touches the directory. Its layout: docs/engine-behaviour.md.
"""

from __future__ import annotations

import os

from ansible_collections.quorum.swarm.plugins.module_utils.raft import certificate
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import RaftStateError


def directory(root_dir: str) -> str:
    """The state directory of an engine whose ``DockerRootDir`` is ``root_dir``."""
    return os.path.join(root_dir, "swarm")


def node_certificate(root_dir: str) -> certificate.Certificate | None:
    """This node's own certificate: node ID, role, cluster ID, validity. None where there is none that can be read."""
    if not root_dir:
        return None
    try:
        with open(os.path.join(directory(root_dir), "certificates", "swarm-node.crt"), "rb") as stream:
            return certificate.node_certificate(stream.read(), "swarm-node.crt")
    except (OSError, RaftStateError):
        return None


def holds_raft_log(root_dir: str) -> bool:
    """Whether a manager's raft log lies here: the objects of a swarm, readable or not.

    :raises OSError: the directory is there and cannot be read.
    """
    try:
        with os.scandir(os.path.join(directory(root_dir), "raft", "wal-v3-encrypted")) as entries:
            return any(entry.name.endswith(".wal") for entry in entries)
    except FileNotFoundError:
        return False
