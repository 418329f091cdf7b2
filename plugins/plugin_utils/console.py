# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where action plugins print what a person reads: tables, plans, notes.

With a structured callback (``json``, ``jsonl``, ``ndjson``) standard output belongs to the callback alone, so that
``health | jq`` can read it: the lines go to standard error. What they say stands in the results of the tasks, too.
"""

from __future__ import annotations

from ansible import constants
from ansible.utils.display import Display

STRUCTURED = ("json", "jsonl", "ndjson")
"""Names of callbacks whose standard output is data, without their collection."""


def is_structured(callback: str) -> bool:
    """Whether standard output belongs to this callback: ``json``, ``ansible.posix.json`` and their like."""
    return callback.rpartition(".")[2].lower() in STRUCTURED


def say(line: str) -> None:
    """Print one line for a person."""
    Display().display(line, stderr=is_structured(str(constants.DEFAULT_STDOUT_CALLBACK)))
