# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the modules' tests: a scripted engine with a state directory, certificates as swarmkit issues them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.modules.scripted import Script, engine_socket
from tests.unit.modules.systemd import Systemd, fake

ENDS = datetime.datetime(2027, 2, 20, 7, 20, tzinfo=datetime.UTC)


class Host:
    """What the engine of the host under test says, and what lies in its state directory."""

    def __init__(self, script: Script, root: Path) -> None:
        self.script = script
        self.root = root
        self.place: dict[str, Any] = {"LocalNodeState": "inactive"}
        script.say("GET /info", lambda _request: (200, self.info()))

    def info(self) -> dict[str, Any]:
        engine = {"ID": "e1", "Name": "h1", "DockerRootDir": str(self.root), "ServerVersion": "26.1.5"}
        return {**engine, "Swarm": self.place}

    def is_at(self, state: str, **more: Any) -> None:
        """Be at a place: LocalNodeState, and more fields of `Swarm` of GET /info."""
        self.place = {"LocalNodeState": state, **more}

    def becomes(self, state: str, **more: Any) -> Any:
        """An answer that says yes and puts the host at another place."""

        def answer(_request: object) -> tuple[int, Any]:
            self.is_at(state, **more)
            return 200, None

        return answer

    def certificate(self, node: str, role: str, swarm: str = "s1") -> None:
        """Have a certificate."""
        folder = self.root / "swarm" / "certificates"
        folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        names = {NameOID.ORGANIZATION_NAME: swarm, NameOID.ORGANIZATIONAL_UNIT_NAME: role, NameOID.COMMON_NAME: node}
        subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names.items()])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca")])
        made = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(ENDS - datetime.timedelta(days=90))
            .not_valid_after(ENDS)
            .sign(key, hashes.SHA256())
        )
        (folder / "swarm-node.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def raft_log(self) -> None:
        """Have a manager's raft log."""
        folder = self.root / "swarm" / "raft" / "wal-v3-encrypted"
        folder.mkdir(parents=True)
        (folder / "0000000000000000-0000000000000000.wal").write_bytes(b"")


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    with engine_socket(tmp_path) as script:
        yield script


@pytest.fixture
def here(script: Script, tmp_path: Path) -> Host:
    return Host(script, tmp_path / "docker")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with fake(tmp_path / "systemd") as systemd:
        yield systemd
