# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where in a state directory, by path relative to it. Values only."""
from __future__ import annotations

NODE_KEY = "certificates/swarm-node.key"
NODE_CERTIFICATE = "certificates/swarm-node.crt"
ROOT_CERTIFICATES = "certificates/swarm-root-ca.crt"
ENGINE_SETTINGS = "docker-state.json"
KNOWN_MANAGERS = "state.json"
LOG_FOLDER = "raft/wal-v3-encrypted/"
SNAPSHOT_FOLDER = "raft/snap-v3-encrypted/"
