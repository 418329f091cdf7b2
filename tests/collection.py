# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this checkout importable as the collection, for what neither pytest nor Ansible starts: `python -m tests. ...`.

In this process only: were it on every Python's path, ansible-galaxy would take the collection for installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

COLLECTIONS = Path(__file__).resolve().parents[1] / ".venv" / "collections"


def importable() -> None:
    """From here on `import ansible_collections.quorum.swarm` finds the checkout."""
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))
