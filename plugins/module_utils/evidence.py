# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this host sees anything of managers that are believed to be down: what ``swarm_evidence`` does.

Greets their raft addresses, and lists this host's own connections (``ss``). Changes nothing, asks no engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import host, services

FRESH = 20_000
"""Milliseconds. Nodes and managers say something every 5 s. To a host whose power failed, a connection stays
established for a quarter of an hour, and nothing comes any more."""


def look(managers: Mapping[str, str]) -> dict[str, Any]:
    """Which of them are there. Returns the module's result.

    :param managers: raft address by name.
    """
    with ThreadPoolExecutor(max(1, len(managers))) as pool:
        greeted = dict(zip(managers, pool.map(services.speaks_tls, managers.values())))
    _status, text = host.run(["ss", "-Htni", "state", "established"], 10)
    fresh = heard(text)
    return {"changed": False, "listening": [name for name in managers if greeted[name]],
            "connected": [name for name, address in managers.items() if address in fresh]}


def heard(text: str) -> set[str]:
    """The peers, ``host:port``, from which something came lately, by what ``ss -Htni`` prints.

    A connection of which that is not told counts as one that lives.
    """
    found, peer = set(), ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and peer:
            last = re.search(r"\blastrcv:(\d+)", line)
            if last is None or int(last.group(1)) < FRESH:
                found.add(peer)
            peer = ""
            continue
        if peer:
            found.add(peer)
        words = line.split()
        # Without a state column: Recv-Q Send-Q Local Peer.
        peer = words[3].replace("[::ffff:", "").replace("]:", ":") if len(words) > 3 and "." in words[3] else (
            words[3] if len(words) > 3 else "")
    return found | ({peer} if peer else set())
