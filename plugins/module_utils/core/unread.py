# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts whose state on the disk could not be read, and what is said of them.

Pure. Unreadable is not absent: such a host may hold the last whole log of its swarm. Nothing is moved, made anew or
given up because of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts

ALLOW = "swarm_allow_unread_state"
NOT_ROOT = "root is needed to read it"
"""How ``LocalState.unread`` begins where the host was asked by somebody else than root."""


def is_unread(item: HostFacts) -> bool:
    """Whether this host answers, and what it holds on its disk is not known."""
    return item.answered and bool(item.state.unread)


def remedy(item: HostFacts) -> str:
    """What makes the state readable."""
    if item.state.unread.startswith(NOT_ROOT):
        return "Ask it as root: become, with a user who may."
    if not item.engine.answers and item.engine.installed:
        return "Start Docker there (systemctl start docker), which says where its state is; else look at its disk."
    return "Look at the disk of the host: the path, its mount and its permissions."


def finding(item: HostFacts, severity: str = "critical", relaxed_by: str = "", remedies: str = "") -> Finding:
    """That it is so, for a report or as a refusal."""
    return Finding("state_unread", severity,
                   f"{item.host} may hold the state of a swarm, which could not be read: {item.state.unread}.",
                   " ".join(one for one in (remedy(item), remedies) if one), item.host, relaxed_by)


def not_root(facts: Iterable[HostFacts]) -> list[Finding]:
    """That hosts were asked by somebody else than root: one finding, because it is one mistake.

    A user in the group docker may ask the engine, and reads neither certificates nor logs: what lies there looks like
    nothing. Whoever changes something refuses this.
    """
    hosts = sorted(item.host for item in facts if item.answered and not item.root)
    if not hosts:
        return []
    return [Finding("not_root", "critical",
                    f"{', '.join(hosts)} {'was' if len(hosts) == 1 else 'were'} asked as a user who is not root: what "
                    "lies on the disk, certificates and logs of a swarm included, is not known.",
                    "Connect as root, or let the user become root (ansible_become, sudo).",
                    hosts[0] if len(hosts) == 1 else "")]


def not_at_boot(facts: Iterable[HostFacts]) -> list[Finding]:
    """Hosts whose Docker stays down after a power cut."""
    return [Finding("engine_not_enabled", "warning",
                    f"Docker on {item.host} does not come back when the host boots: {item.not_at_boot}.",
                    f"systemctl {'unmask' if 'masked' in item.not_at_boot else 'enable'} docker.service", item.host)
            for item in facts if item.answered and item.not_at_boot]
