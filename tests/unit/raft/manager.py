# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole manager's state made from nothing: CA, certificate, node key, log, snapshot. For tests only; no files.

What it writes is sealed with PyNaCl and cryptography, in the layouts of swarmkit.
"""
from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from nacl.bindings import crypto_secretbox

from . import forge

NODE_ID, SWARM_ID, RAFT_ID = "node-seven", "swarm-one", 7
KEK = bytes(range(100, 132))
UNLOCK_KEY = "SWMKEY-1-" + base64.b64encode(KEK).decode().rstrip("=")
DEK, NEW_DEK = bytes(range(32)), bytes(range(50, 82))
NOT_BEFORE = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
NOT_AFTER = datetime.datetime(2027, 1, 30, tzinfo=datetime.UTC)


def seal(content: bytes, key: bytes, nonce: int = 1) -> bytes:
    raw = nonce.to_bytes(24, "big")
    return forge.message((1, 1), (2, crypto_secretbox(content, raw, key)), (3, raw))


def seal_fernet(content: bytes, key: bytes) -> bytes:
    return forge.message((1, 2), (2, Fernet(base64.urlsafe_b64encode(key)).encrypt(content)))


def in_clear(content: bytes) -> bytes:
    return forge.message((2, content))


@cache
def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1 + int.from_bytes(name.encode(), "big"), ec.SECP256R1())


Key = str | rsa.RSAPrivateKey


def issue(subject: dict[str, str], key: Key, issuer: dict[str, str], issuer_key: Key) -> bytes:
    """A certificate, PEM. A key is given by the name of one, or as one."""
    own, signer = (private_key(one) if isinstance(one, str) else one for one in (key, issuer_key))
    oids = {"CN": x509.NameOID.COMMON_NAME, "OU": x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
            "O": x509.NameOID.ORGANIZATION_NAME}

    def name(parts: dict[str, str]) -> x509.Name:
        return x509.Name([x509.NameAttribute(oids[part], value) for part, value in parts.items()])

    builder = x509.CertificateBuilder(name(issuer), name(subject), own.public_key(), 1,
                                      NOT_BEFORE, NOT_AFTER)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


ROOT = issue({"CN": "swarm-ca"}, "root", {"CN": "swarm-ca"}, "root")
NODE = {"O": SWARM_ID, "OU": "swarm-manager", "CN": NODE_ID}
CERTIFICATE = issue(NODE, "node", {"CN": "swarm-ca"}, "root")


def tls_key(name: str = "node", password: bytes | None = None) -> bytes:
    """A private key, PKCS#8 DER."""
    return private_key(name).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption())


def key_file(locked: bool = False, dek: bytes = DEK, pending: bytes | None = None, version: int = 0,
             rotation: bool = False) -> bytes:
    """certificates/swarm-node.key."""
    def header(key: bytes) -> str:
        return base64.b64encode(seal(key, KEK) if locked else in_clear(key)).decode()

    headers = {"kek-version": str(version), "raft-dek": header(dek)}
    if pending:
        headers["raft-dek-pending"] = header(pending)
    if rotation:
        headers["raft-dek-needs-rotation"] = "true"
    if locked:
        return forge.pem("ENCRYPTED PRIVATE KEY", tls_key(password=KEK), headers)
    return forge.pem("PRIVATE KEY", tls_key(), headers)


def meta(version: int) -> bytes:
    return forge.message((1, forge.message((1, version))))


def annotated(name: str, labels: dict[str, str] | None = None) -> bytes:
    pairs = [(2, forge.message((1, key), (2, value))) for key, value in (labels or {}).items()]
    return forge.message((1, name), *pairs)


def thing(identifier: str, name: str, version: int = 1, payload: bytes = b"") -> bytes:
    """A service, network, secret, config or volume. The payload goes where a secret has it."""
    spec = forge.message((1, annotated(name, {"of": name})), *([(2, payload)] if payload else []))
    return forge.message((1, identifier), (2, meta(version)), (3, spec))


def request(*actions: tuple[int, int, bytes]) -> bytes:
    """An InternalRaftRequest of (action, field of the kind, object)."""
    return forge.message((1, 99), *((2, forge.message((1, action), (kind, item))) for action, kind, item in actions))


def conf_change(kind: int, raft_id: int, address: str = "198.18.0.11:2377") -> bytes:
    member = forge.message((1, raft_id), (2, f"node-{raft_id}"), (3, address), (4, b""))
    return forge.message((1, 0), (2, kind), (3, raft_id), *([(4, member)] if kind != 1 else []))


@dataclass
class Manager:
    """A manager's state directory. Entries are appended by `write`; `files` gives the directory."""

    key: bytes = field(default_factory=key_file)
    dek: bytes = DEK
    wal: forge.Wal = field(default_factory=lambda: forge.Wal().cut(0).save((forge.SNAPSHOT, forge.mark(0, 0))))
    index: int = 0
    snapshots: dict[str, bytes] = field(default_factory=dict)

    def write(self, content: bytes, kind: int = 0, commit: bool = True) -> Manager:
        self.index += 1
        self.wal.save((forge.ENTRY, forge.entry(2, self.index, seal(content, self.dek, self.index), kind)))
        if commit:
            self.wal.save((forge.STATE, forge.state(2, self.index)))
        return self

    def snapshot(self, *store: tuple[int, bytes], members: tuple[int, ...] = (RAFT_ID,), removed: tuple[int, ...] = (),
                 ) -> Manager:
        membership = forge.message(
            *((1, forge.message((1, raft_id), (2, f"node-{raft_id}"), (3, "a:1"), (4, b""))) for raft_id in members),
            *((2, raft_id) for raft_id in removed))
        content = seal(forge.message((2, membership), (3, forge.message(*store))), self.dek, 10**6 + self.index)
        self.snapshots[forge.snapshot_name(2, self.index)] = forge.snapshot(2, self.index, members, content)
        self.wal.save((forge.SNAPSHOT, forge.mark(2, self.index, members)))
        return self

    def files(self) -> dict[str, bytes]:
        return {
            "docker-state.json": b'{"LocalAddr":"","RemoteAddr":"","ListenAddr":"0.0.0.0:2377",'
                                 b'"AdvertiseAddr":"198.18.0.11:2377","DataPathAddr":"","DefaultAddressPool":null,'
                                 b'"SubnetSize":0,"DataPathPort":0,"JoinInProgress":false}',
            "state.json": b'[{"node_id":"node-seven","addr":"198.18.0.11:2377"}]',
            "certificates/swarm-node.crt": CERTIFICATE,
            "certificates/swarm-node.key": self.key,
            "certificates/swarm-root-ca.crt": ROOT,
            **{f"raft/wal-v3-encrypted/{name}": content for name, content in self.wal.done().items()},
            **{f"raft/snap-v3-encrypted/{name}": content for name, content in self.snapshots.items()},
        }
