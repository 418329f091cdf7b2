# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which peers are heard, by what `ss -Htni state established` prints (iproute2 6.15, shortened)."""

from __future__ import annotations

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import evidence, host, services

LIVE = """0      0               198.18.5.14:57612          198.18.5.15:2377
\t bbr wscale:10,10 rto:204 lastsnd:448 lastrcv:448 lastack:10384 rcv_space:14480
"""
IDLE = """0      0               198.18.5.14:57620          198.18.5.11:2377
\t bbr wscale:10,10 rto:204 lastsnd:100 lastrcv:20000 lastack:20100
"""
ACCEPTED = """0      0      [::ffff:198.18.5.14]:2377  [::ffff:198.18.5.12]:52314
\t bbr wscale:10,10 rto:208 lastsnd:48 lastrcv:19999 lastack:10
"""
SIX = """0      0      [2001:db8::14]:57612  [2001:db8::15]:2377
\t cubic lastsnd:1 lastrcv:1 lastack:1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        (LIVE, {"198.18.5.15:2377"}),
        # To a host whose power failed, the connection is still there.
        (IDLE, set()),
        (ACCEPTED, {"198.18.5.12:52314"}),
        (SIX, {"[2001:db8::15]:2377"}),
        (LIVE + IDLE + ACCEPTED, {"198.18.5.15:2377", "198.18.5.12:52314"}),
        # What does not say when it was heard last counts as living.
        (LIVE.splitlines()[0], {"198.18.5.15:2377"}),
        (LIVE.splitlines()[0] + "\n" + IDLE, {"198.18.5.15:2377"}),
        ("garbage\n\n\t lastrcv:1\n", set()),
    ],
)
def test_who_is_heard(text: str, expected: set[str]) -> None:
    assert evidence.heard(text) == expected


def test_greetings_and_connections_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "speaks_tls", lambda address: address == "198.18.5.11:2377")
    monkeypatch.setattr(host, "run", lambda *_args: (0, LIVE + IDLE))
    managers = {"m1": "198.18.5.11:2377", "m5": "198.18.5.15:2377", "m2": "198.18.5.12:2377"}
    assert evidence.look(managers) == {"changed": False, "listening": ["m1"], "connected": ["m5"]}
    assert evidence.look({})["listening"] == []
