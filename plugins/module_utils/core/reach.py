# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that the connection reaches and that cannot run a module: what is said of them, and what may be done there.

Pure. Such a host is alive, whatever the modules could not ask it: nothing here calls it lost, and no refusal offers to
give it up. A shell may start its Docker, where that can only bring back what the host was.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts


def unable(facts: Mapping[str, HostFacts]) -> dict[str, HostFacts]:
    """The hosts that are reached and cannot run a module."""
    return {name: item for name, item in facts.items() if not item.answered and item.reached}


def seen(item: HostFacts) -> str:
    """What is known of such a host, without a full stop."""
    docker = ""
    if item.membership.state:
        docker = f"; Docker runs there, and calls its place in the swarm '{item.membership.state}'"
    elif item.engine.answers:
        docker = "; Docker runs there"
    elif item.detail and item.problem in ("no_engine", "timeout"):
        docker = f"; {item.detail.rstrip('.')}"
    return f"{item.host} is reached, and cannot run a module: {item.why_not.rstrip('.')}{docker}"


def not_lost(item: HostFacts, variable: str) -> tuple[str, str]:
    """Why such a host is not given up, and the way on: the fact and the remedy of a refusal.

    :param variable: where an operator names hosts that are down.
    """
    return (f"{seen(item)}. It is alive, so it is not among the lost.",
            f"Mend that, and run again. If {item.host} is gone for good all the same, power it off: then it is silent, "
            f"and may be named in {variable}.")


def finding(item: HostFacts) -> Finding:
    """That a host did not answer: it is silent, or only cannot run a module."""
    if item.reached:
        return Finding("host_unable", "warning", f"{seen(item)}.", "Mend that: until then nothing can be looked at or "
                       "changed there by modules, and it counts as alive.", item.host)
    return Finding("host_silent", "warning", f"{item.host} does not answer: {item.why_not}.",
                   "Bring the host back. If it is gone for good, list it under swarm_absent.", item.host)


def starts(item: HostFacts, swarm_id: str, node_id: str = "") -> bool:
    """Whether a shell may start Docker there, so that it is the node of this swarm again that it was.

    :param node_id: the node that it has to be; empty: whichever it is.
    """
    return (item.startable and bool(swarm_id) and item.state.swarm_id == swarm_id
            and node_id in ("", item.state.node_id))
