# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell says of a state directory, by a real shell over folders made here, and the facts of a host from that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import journal, probed, rejoin_journal
from ansible_collections.quorum.swarm.plugins.module_utils.core import probe
from ansible_collections.quorum.swarm.plugins.module_utils.raft import told
from hypothesis import given
from hypothesis import strategies as st

CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIICNTCCAdugAwIBAgIUOu0rsbRkpS0GHBoQ9yL3Hju5XawwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAxMIc3dhcm0tY2EwHhcNMjYxMTI5MTE1NTAwWhcNMjcwMjI3MTI1
NTAwWjBgMSIwIAYDVQQKExlvdDZiMDlrb21wbWc2YTY0bnd4eHFzMnp5MRYwFAYD
VQQLEw1zd2FybS1tYW5hZ2VyMSIwIAYDVQQDExlxN2xxeXlla3U0OGlkMGswa2Js
YzYwd2p2MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElLeSR4plwlK9OAhLbLoD
lEnW24eA25p0lAkAAMdEZkLjSlhHHYxWRSCTK2u1pfsVojjz8axHgdwYde48LFr3
LqOBvzCBvDAOBgNVHQ8BAf8EBAMCBaAwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsG
AQUFBwMCMAwGA1UdEwEB/wQCMAAwHQYDVR0OBBYEFLDfzpwQtJkujD0lEf6+MHCj
eAtlMB8GA1UdIwQYMBaAFMDgreMtmRzntb6qhjIl4wD12kKEMD0GA1UdEQQ2MDSC
DXN3YXJtLW1hbmFnZXKCGXE3bHF5eWVrdTQ4aWQwazBrYmxjNjB3anaCCHN3YXJt
LWNhMAoGCCqGSM49BAMCA0gAMEUCIQCLGg8NbVzIZpFoanHlEYUOszsz5n0qg+5T
6t0ndeK2fQIgRpljKG03aHPj3hb1nGK03t0HM+6DnZYt9ZryDguLv/Y=
-----END CERTIFICATE-----
"""
"""Of manager m2 of a lab's swarm, Docker 26.1.5; no key belongs to it any more."""
SWARM, NODE = "ot6b09kompmg6a64nwxxqs2zy", "q7lqyyeku48id0k0kblc60wjv"
MANAGERS = '[{"node_id":"926kyllbytlfjyp6rhki02aaz","addr":"198.18.1.11:2377"}]'
STOPPED = "LoadState=loaded\nActiveState=inactive\nSubState=dead"


def make(root: Path, certificate: str = CERTIFICATE, log: bool = True) -> None:
    for name in ("certificates", "raft/wal-v3-encrypted", "raft/snap-v3-encrypted"):
        (root / "swarm" / name).mkdir(parents=True)
    if certificate:
        (root / "swarm/certificates/swarm-node.crt").write_text(certificate)
    if log:
        (root / "swarm/raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal").write_bytes(b"\0")
    (root / "swarm/state.json").write_text(MANAGERS)


def asked(*roots: Path) -> str:
    text = told.FUNCTION + "".join(f"qs_state '{root}'\n" for root in roots) + "true\n"
    return subprocess.run(["sh"], input=text, text=True, capture_output=True, check=True).stdout


def test_a_managers_state(tmp_path: Path) -> None:
    make(tmp_path)
    (one,) = told.read(probe.sections(asked(tmp_path)))
    assert (one.root_dir, one.swarm, one.node, one.role) == (str(tmp_path), SWARM, NODE, "swarm-manager")
    assert (one.raft_log, one.unread) == (True, "")
    assert one.managers == (("926kyllbytlfjyp6rhki02aaz", "198.18.1.11:2377"),)
    assert one.not_after is not None
    assert one.not_after.isoformat() == "2027-02-27T12:55:00+00:00"


def test_what_is_left_of_a_swarm_that_was_left_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "swarm").mkdir()
    assert told.read(probe.sections(asked(tmp_path, tmp_path / "nothing"))) == ()


def test_a_certificate_that_cannot_be_read_is_unread_and_not_absent(tmp_path: Path) -> None:
    make(tmp_path, certificate="-----BEGIN CERTIFICATE-----\nAAAA\n")
    (one,) = told.read(probe.sections(asked(tmp_path)))
    assert (one.node, one.raft_log, bool(one.unread)) == ("", True, True)


def test_a_log_without_a_certificate_is_a_state(tmp_path: Path) -> None:
    make(tmp_path, certificate="")
    (one,) = told.read(probe.sections(asked(tmp_path)))
    assert one.raft_log


def printed(*roots: Path, user: str = "0", unit: str = STOPPED, notes: str = "") -> str:
    return (f"@@hostname\nm2\n@@user\n{user}\n@@unit\n{unit}\n@@dockerd\n/usr/sbin/dockerd\n"
            f"{asked(*roots)}\n{notes}@@end\n")


@pytest.mark.parametrize(
    ("more", "startable"),
    [
        ({}, True),
        ({"unit": STOPPED.replace("inactive", "active")}, False),
        ({"unit": STOPPED.replace("=loaded", "=masked")}, False),
        ({"user": "1000"}, False),
        ({"notes": f'@@note {journal.JOURNAL}\n{{"what": "recover", "step": "finished"}}\n'}, True),
        # Broken off, or nobody knows: a module has to take it back.
        ({"notes": f'@@note {journal.JOURNAL}\n{{"what": "recover", "step": "aside"}}\n'}, False),
        ({"notes": f"@@note {journal.JOURNAL}\nunreadable\n"}, False),
        ({"notes": f'@@note {rejoin_journal.PATH}\n{{"step": "cleaned"}}\n'}, False),
        ({"notes": f'@@note {rejoin_journal.PATH}\n{{"step": "finished"}}\n'}, True),
    ],
)
def test_when_a_shell_may_start_docker(tmp_path: Path, more: dict[str, str], startable: bool) -> None:
    make(tmp_path)
    facts = probed.read("m2", printed(tmp_path, **more))
    assert facts.startable is startable
    if more.get("user"):
        assert facts.state.unread
    else:
        assert (facts.state.swarm_id, facts.state.node_id, facts.state.role) == (SWARM, NODE, "manager")


def test_states_in_two_places_are_not_told_apart(tmp_path: Path) -> None:
    make(tmp_path / "one")
    make(tmp_path / "two")
    facts = probed.read("m2", printed(tmp_path / "one", tmp_path / "two"))
    assert not facts.startable
    assert "a state of a swarm lies in" in facts.state.unread


def test_a_host_without_a_state_is_not_started(tmp_path: Path) -> None:
    facts = probed.read("m2", printed(tmp_path))
    assert (facts.startable, facts.state.unread, facts.state.node_id) == (False, "", "")


@given(st.text(), st.text())
def test_any_text_can_be_read(one: str, two: str) -> None:
    assert probed.read("m1", f"@@user\n0\n@@state /a\n{one}\n@@managers /a\n{two}").host == "m1"
