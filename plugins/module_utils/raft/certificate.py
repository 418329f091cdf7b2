# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files and the certificates of a swarm. Pure, and without any library: who a node is can be read anywhere.

Only what names a node is read from a certificate: subject, validity, public key. Whether a signature is right is
judged in keys.py, where a library for that is at hand.
"""
from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.quorum.swarm.plugins.module_utils.raft import der
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import CorruptStateError

MANAGER = "swarm-manager"
WORKER = "swarm-worker"

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_NAME_PARTS = {b"\x55\x04\x03": "node", b"\x55\x04\x0b": "role", b"\x55\x04\x0a": "swarm"}  # CN, OU, O
LOCKED_KEY = "ENCRYPTED PRIVATE KEY"
"""The PEM type of a sealed key (PKCS#8); engines before 18.09 wrote another type with the header Proc-Type."""


@dataclass(frozen=True)
class PemBlock:
    """One block of a PEM file: its type, its headers, its content."""

    type: str
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def locked(self) -> bool:
        """Whether it is a key that is sealed with another one."""
        return self.type == LOCKED_KEY or "Proc-Type" in self.headers


@dataclass(frozen=True)
class Certificate:
    """A certificate as swarmkit issues it.

    Attributes:
        node: the node ID (CN); of a root, the CA's name.
        role: MANAGER or WORKER (OU); empty for a root.
        swarm: the cluster ID (O); empty for a root.
        not_before, not_after: validity, UTC.
        public_key: the SubjectPublicKeyInfo, DER.
        der: the whole certificate.
    """

    node: str
    role: str
    swarm: str
    not_before: datetime
    not_after: datetime
    public_key: bytes = field(repr=False)
    der: bytes = field(repr=False)

    def valid_at(self, moment: datetime) -> bool:
        """Whether the certificate is valid at this moment (with a time zone)."""
        return self.not_before <= moment <= self.not_after


def parse_pem(data: bytes, where: str) -> tuple[PemBlock, ...]:
    """Read all blocks of a PEM file.

    Raises:
        CorruptStateError: no block, or something between blocks, or a block that is damaged.
    """
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise CorruptStateError(where, "not a PEM file") from None
    blocks = []
    rest = iter(lines)
    for line in rest:
        if not line:
            continue
        begin = _BEGIN.fullmatch(line)
        if begin is None:
            raise CorruptStateError(where, "a line that belongs to no PEM block")
        kind, body = begin.group(1), []
        for inner in rest:
            if inner == f"-----END {kind}-----":
                break
            body.append(inner)
        else:
            raise CorruptStateError(where, f"the end of {kind} is missing")
        blocks.append(_block(kind, body, where))
    if not blocks:
        raise CorruptStateError(where, "no PEM block")
    return tuple(blocks)


def _block(kind: str, body: list[str], where: str) -> PemBlock:
    """Headers and content of one block, from the lines between its BEGIN and its END."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(body) and ":" in body[at]:
        key, value = body[at].split(":", 1)
        if key in headers:
            raise CorruptStateError(where, f"the header {key} is there twice")
        headers[key] = value.strip()
        at += 1
    if headers:
        if at == len(body) or body[at]:
            raise CorruptStateError(where, f"no empty line behind the headers of {kind}")
        at += 1
    return PemBlock(kind, headers, decode_base64("".join(body[at:]), where))


def decode_base64(text: str, where: str) -> bytes:
    """Decode padded base64, strictly: one text for one content, so that no bit of it can turn unnoticed.

    Raises:
        CorruptStateError: it is none.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CorruptStateError(where, "not base64") from None
    if base64.b64encode(content) != text.encode():
        raise CorruptStateError(where, "base64 with stray bits")
    return content


def parse_certificates(data: bytes, where: str) -> tuple[Certificate, ...]:
    """Read a file of certificates: a node's own and then intermediates, or the roots that a swarm trusts.

    Raises:
        CorruptStateError: something else is in the file, or it is damaged.
    """
    blocks = parse_pem(data, where)
    for block in blocks:
        if block.type != "CERTIFICATE" or block.headers:
            raise CorruptStateError(where, f"{block.type} in a file of certificates")
    return tuple(_certificate(block.content, where) for block in blocks)


def digests(data: bytes, where: str) -> tuple[str, ...]:
    """SHA-256 of each certificate in a file of certificates, hexadecimal, sorted.

    Raises:
        CorruptStateError: something else is in the file, or it is damaged.
    """
    found = parse_certificates(data, where)
    return tuple(sorted(hashlib.sha256(one.der).hexdigest() for one in found))


def node_certificate(data: bytes, where: str) -> Certificate:
    """Read a node's own certificate.

    Raises:
        CorruptStateError: damaged, or not a swarm node's.
    """
    certificate = parse_certificates(data, where)[0]
    if certificate.role not in (MANAGER, WORKER) or not certificate.node or not certificate.swarm:
        raise CorruptStateError(where, "not the certificate of a swarm node")
    return certificate


def _certificate(content: bytes, where: str) -> Certificate:
    """The facts of one X.509 certificate (RFC 5280, section 4.1)."""
    outer = der.Der(memoryview(content), where)
    whole = outer.enter(der.SEQUENCE)
    outer.close()
    body = whole.enter(der.SEQUENCE)
    body.skip_if(der.EXPLICIT_0)  # version
    body.take(der.INTEGER)  # serial number
    body.take(der.SEQUENCE)  # signature algorithm
    body.take(der.SEQUENCE)  # issuer
    validity = body.enter(der.SEQUENCE)
    not_before, not_after = validity.time(), validity.time()
    names = _subject(body.enter(der.SEQUENCE))
    public_key = bytes(body.take(der.SEQUENCE))
    return Certificate(names.get("node", ""), names.get("role", ""), names.get("swarm", ""), not_before, not_after,
                       public_key, content)


def _subject(subject: der.Der) -> dict[str, str]:
    """The parts of a subject's name that swarmkit uses."""
    names: dict[str, str] = {}
    while not subject.at_end():
        part = subject.enter(der.SET).enter(der.SEQUENCE)
        kind = bytes(part.content(der.OID))
        text = part.text()
        if kind in _NAME_PARTS:
            names[_NAME_PARTS[kind]] = text
    return names
