# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a manager's state: node key file, unlock key, data keys (DEK). Pure: bytes in, facts out.

What seals what (swarmkit ca/keyreadwriter.go, manager/deks.go, manager/encryption):

    unlock key (KEK) --> the TLS key and the data keys, both in certificates/swarm-node.key
    data key         --> the entries of the log and the snapshots of this one manager

Without autolock there is no KEK, and the data keys stand in the key file in clear. The headers of that file are read
without any library. Opening what is sealed needs PyNaCl; cryptography is needed for TLS keys, signatures and Fernet
(swarms in FIPS mode).
"""
from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.raft import der, wire
from ansible_collections.quorum.swarm.plugins.module_utils.raft.certificate import (
    LOCKED_KEY,
    Certificate,
    PemBlock,
    decode_base64,
    parse_pem,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    LockedStateError,
    MissingLibraryError,
    UnsupportedStateError,
    WrongKeyError,
)

UNLOCK_KEY_PREFIX = "SWMKEY-1-"
KEY_BYTES = 32  # of an unlock key, and of a data key

_NONE, _SECRETBOX, _FERNET = 0, 1, 2  # MaybeEncryptedRecord.Algorithm
_NONCE_BYTES = 24
_MAC_BYTES = 16
_HEADERS = frozenset({"kek-version", "raft-dek", "raft-dek-pending", "raft-dek-needs-rotation",
                      "Proc-Type", "DEK-Info"})
_OLD_TYPE = "EC PRIVATE KEY"  # engines before 18.09 wrote it; locked if it has the header Proc-Type
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_MOST_ITERATIONS = 100_000  # swarmkit writes 2,048; the count is in the file, and a damaged one would cost hours
_MOST_CERTIFICATES = 8


@dataclass(frozen=True)
class NodeKey:
    """What stands in a node key file.

    Attributes:
        locked: whether an unlock key is needed.
        kek_version: which unlock key: the swarm's version number when it was set. 0: none yet.
        needs_rotation: the swarm has just been locked, new data keys are still to be made.
        data_key, pending_data_key: sealed. None on a worker; a pending one while data keys are being changed.
        block: the TLS key.
    """

    locked: bool
    kek_version: int
    needs_rotation: bool
    data_key: bytes | None = field(repr=False)
    pending_data_key: bytes | None = field(repr=False)
    block: PemBlock = field(repr=False)


@dataclass(frozen=True)
class OpenedKey:
    """A node key file that was opened, and proven to belong to the node's certificate.

    Attributes:
        data_keys: in clear, the one that new entries are sealed with last.
        tls_key: PKCS#8 DER, in clear.
    """

    data_keys: tuple[bytes, ...] = field(repr=False)
    tls_key: bytes = field(repr=False)


def parse_node_key(data: bytes, where: str) -> NodeKey:
    """Read certificates/swarm-node.key, without opening it.

    Raises:
        CorruptStateError: damaged.
        UnsupportedStateError: another kind of key.
    """
    blocks = parse_pem(data, where)
    if len(blocks) != 1:
        raise CorruptStateError(where, "more than one key")
    block = blocks[0]
    if block.type not in (LOCKED_KEY, _OLD_TYPE, "PRIVATE KEY"):
        raise UnsupportedStateError(where, f"a key of the type {block.type}")
    unknown = block.headers.keys() - _HEADERS
    if unknown:
        raise CorruptStateError(where, f"the unknown header {min(unknown)}")
    version = block.headers.get("kek-version", "0")
    if not _NUMBER.fullmatch(version):
        raise CorruptStateError(where, "kek-version is not a number")
    if block.headers.get("raft-dek-needs-rotation", "true") != "true":
        raise CorruptStateError(where, "raft-dek-needs-rotation is not true")
    sealed = {name: decode_base64(block.headers[name], where)
              for name in ("raft-dek", "raft-dek-pending") if name in block.headers}
    if "raft-dek-pending" in sealed and "raft-dek" not in sealed:
        raise CorruptStateError(where, "a pending data key, but no data key")
    return NodeKey(
        locked=block.locked,
        kek_version=int(version),
        needs_rotation="raft-dek-needs-rotation" in block.headers,
        data_key=sealed.get("raft-dek"),
        pending_data_key=sealed.get("raft-dek-pending"),
        block=block,
    )


def parse_unlock_key(text: str) -> bytes:
    """The 32 bytes of an unlock key `SWMKEY-1-…`.

    Raises:
        WrongKeyError: it is none. The text never contains the key.
    """
    body = text[len(UNLOCK_KEY_PREFIX):]
    try:
        key = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(UNLOCK_KEY_PREFIX) or len(key) != KEY_BYTES:
        raise WrongKeyError("unlock key", f"not of the form {UNLOCK_KEY_PREFIX}… with {KEY_BYTES} bytes in base64")
    return key


def open_data_keys(key: NodeKey, unlock_key: str | None, where: str) -> tuple[bytes, ...]:
    """The data keys of a manager, in clear: what its log and its snapshots are sealed with.

    Args:
        key: the node key file.
        unlock_key: `SWMKEY-1-…`; not needed where the state is not locked.
        where: the name of the key file.

    Returns:
        The data key, then the pending one if there is one.

    Raises:
        LockedStateError: an unlock key is needed.
        WrongKeyError: it is another one, or none at all.
        CorruptStateError, UnsupportedStateError: no manager's key file, or damaged.
        MissingLibraryError: PyNaCl (in FIPS mode: cryptography) is not installed.
    """
    if key.data_key is None:
        raise CorruptStateError(where, "no data key: not the key file of a manager")
    keys = []
    for sealed in (key.data_key, key.pending_data_key):
        if sealed is None:
            continue
        if key.locked:
            opened = unseal(memoryview(sealed), [_kek(key, unlock_key, where)], where)
        else:
            algorithm, content, _nonce = _sealed(memoryview(sealed), where)
            if algorithm != _NONE:
                raise CorruptStateError(where, "the TLS key is in clear, the data key is not")
            opened = bytes(content)
        if len(opened) != KEY_BYTES:
            raise CorruptStateError(where, f"a data key of {len(opened)} bytes")
        keys.append(opened)
    return tuple(keys)


def open_node_key(key: NodeKey, certificate: Certificate, unlock_key: str | None, where: str) -> OpenedKey:
    """Prove that an unlock key (or a key file in clear) is the right one: it opens everything, and the TLS key's
    public half is the one in the node's certificate.

    Args:
        key: the node key file.
        certificate: the node's certificate.
        unlock_key: `SWMKEY-1-…`; not needed where the state is not locked.
        where: the name of the key file.

    Raises:
        As `open_data_keys`; WrongKeyError also where the key is not that of the certificate.
    """
    data_keys = open_data_keys(key, unlock_key, where)
    tls_key = _tls_key(key, _kek(key, unlock_key, where) if key.locked else None, where)
    serialization = _cryptography().serialization
    public = tls_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if public != certificate.public_key:
        raise WrongKeyError(where, "the TLS key is not the one of the node's certificate")
    private: bytes = tls_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return OpenedKey(data_keys, private)


def opened_file(key: NodeKey, opened: OpenedKey) -> bytes:
    """The node key file as it is without autolock, so that an engine starts from it without being unlocked.

    Its `kek-version` is 0: with the old number the manager dies when it locks itself again ("candidate KEK has the same
    version as the current KEK"; seen on Docker 26.1, docs/engine-behaviour.md).

    Args:
        key: the key file, locked or not.
        opened: what `open_node_key` made of it.
    """
    headers = {"kek-version": "0", "raft-dek": _in_clear(opened.data_keys[0])}
    if len(opened.data_keys) > 1:
        headers["raft-dek-pending"] = _in_clear(opened.data_keys[1])
    if key.needs_rotation:
        headers["raft-dek-needs-rotation"] = "true"
    return _pem("PRIVATE KEY", headers, opened.tls_key)


def _in_clear(data_key: bytes) -> str:
    """A data key as it stands in a file in clear: a MaybeEncryptedRecord whose algorithm, none, is left out."""
    return base64.b64encode(b"\x12" + bytes([len(data_key)]) + data_key).decode()


def _pem(kind: str, headers: Mapping[str, str], content: bytes) -> bytes:
    """One PEM block (RFC 1421), as Go writes it: headers, an empty line, the content."""
    body = base64.b64encode(content).decode()
    lines = "\n".join(body[at:at + 64] for at in range(0, len(body), 64))
    told = "".join(f"{name}: {headers[name]}\n" for name in headers)
    return f"-----BEGIN {kind}-----\n{told}\n{lines}\n-----END {kind}-----\n".encode()


def unseal(record: memoryview, keys: Sequence[bytes], where: str) -> bytes:
    """Open a MaybeEncryptedRecord with the first of these keys that fits.

    Raises:
        WrongKeyError: none fits, or the content was changed: an authenticated cipher cannot tell.
        CorruptStateError: no such record.
        UnsupportedStateError: in clear, which the engine refuses here too, or sealed in a way that is not known.
        MissingLibraryError: PyNaCl (in FIPS mode: cryptography) is not installed.
    """
    algorithm, content, nonce = _sealed(record, where)
    if algorithm == _SECRETBOX:
        if len(nonce) != _NONCE_BYTES or len(content) < _MAC_BYTES:
            raise CorruptStateError(where, "a sealed record is too short")
        opened = _open_secretbox(bytes(content), bytes(nonce), keys)
    elif algorithm == _FERNET:
        opened = _open_fernet(bytes(content), keys)
    else:
        raise UnsupportedStateError(where, f"a record sealed with algorithm {algorithm}")
    if opened is None:
        raise WrongKeyError(where, "the key does not open it")
    return opened


def prove_chain(certificates: Sequence[Certificate], roots: Sequence[Certificate], where: str) -> None:
    """Prove that a node's certificate was issued by a CA that the node trusts.

    As the engine has it: each certificate of the file is signed by the next, and one of them by a root. Not always the
    last one: when the root was changed, nodes keep the new CA's certificate that the old one signed, which nobody
    trusts any more (seen on Docker 26.1).

    Args:
        certificates: the node's own, then the intermediates of its file.
        roots: those of swarm-root-ca.crt.
        where: the name of the certificate's file.

    Raises:
        CorruptStateError: no such chain of signatures.
        UnsupportedStateError: far more certificates than a swarm ever has.
        MissingLibraryError: cryptography is not installed.
    """
    if len(certificates) + len(roots) > _MOST_CERTIFICATES:
        raise UnsupportedStateError(where, "too many certificates")
    for root in roots:
        if _self_issued(root) and not _signed(root, root):
            raise CorruptStateError(where, "the signature of a root is wrong")
    for certificate, issuer in zip(certificates, certificates[1:]):
        if not _signed(certificate, issuer):
            raise CorruptStateError(where, f"the certificate {certificate.node} was not issued by the next one")
    if not any(_signed(certificate, root) for certificate in certificates for root in roots):
        raise CorruptStateError(where, f"the certificate {certificates[0].node} was not issued by a trusted root")


def _kek(key: NodeKey, unlock_key: str | None, where: str) -> bytes:
    """The key that a locked key file is sealed with."""
    if unlock_key is None:
        raise LockedStateError(where, f"autolocked; the unlock key of kek-version {key.kek_version} is needed")
    return parse_unlock_key(unlock_key)


def _sealed(record: memoryview, where: str) -> tuple[int, memoryview, memoryview]:
    """Algorithm, content and nonce of a MaybeEncryptedRecord."""
    found = wire.record(record, {1: wire.VARINT, 2: wire.BYTES, 3: wire.BYTES}, frozenset(), where)
    empty = memoryview(b"")
    return (wire.as_number(found.get(1, 0), where), wire.as_message(found.get(2, empty), where),
            wire.as_message(found.get(3, empty), where))


def _open_secretbox(content: bytes, nonce: bytes, keys: Sequence[bytes]) -> bytes | None:
    """Open a NaCl secretbox, or None."""
    try:
        from nacl.bindings import crypto_secretbox_open
        from nacl.exceptions import CryptoError
    except ImportError as error:
        raise _lacking("nacl", "PyNaCl", "to open a manager's state", "python3-nacl", error) from None
    for key in keys:
        try:
            opened: bytes = crypto_secretbox_open(content, nonce, key)
        except CryptoError:
            continue
        return opened
    return None


def _open_fernet(token: bytes, keys: Sequence[bytes]) -> bytes | None:
    """Open a Fernet token, or None."""
    modules = _cryptography()
    for key in keys:
        try:
            opened: bytes = modules.Fernet(base64.urlsafe_b64encode(key)).decrypt(token)
        except modules.InvalidToken:
            continue
        return opened
    return None


class _Cryptography:
    """What is used of the library cryptography. It is imported here only, and only when it is needed."""

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.fernet import Fernet, InvalidToken
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

        self.x509: Any = x509
        self.InvalidSignature: Any = InvalidSignature
        self.UnsupportedAlgorithm: Any = UnsupportedAlgorithm
        self.Fernet: Any = Fernet
        self.InvalidToken: Any = InvalidToken
        self.serialization: Any = serialization
        self.ec: Any = ec
        self.padding: Any = padding
        self.rsa: Any = rsa


def _cryptography() -> _Cryptography:
    """The library cryptography."""
    try:
        return _Cryptography()
    except ImportError as error:
        raise _lacking("cryptography", "cryptography", "to prove keys and certificates", "python3-cryptography",
                       error) from None


def _lacking(module: str, project: str, needed: str, package: str, error: ImportError) -> MissingLibraryError:
    """That a library is not there, or that it is and fails: then installing its package does not help."""
    text = f"the Python library {project} is needed {needed}"
    if error.name == module:
        return MissingLibraryError("", f"{text}: install {package} (Debian, Ubuntu) or {project} (PyPI)")
    return MissingLibraryError("", f"{text}, and this Python cannot import the one that is there ({error}): upgrade or "
                                   "remove it")


def _tls_key(key: NodeKey, kek: bytes | None, where: str) -> Any:
    """The private key of the node, as an object of the library cryptography."""
    modules = _cryptography()
    load = modules.serialization.load_der_private_key
    content: bytes = key.block.content
    if key.block.type == LOCKED_KEY:
        _check_iterations(content, where)
    elif key.block.type == _OLD_TYPE and kek is not None:
        load, content = modules.serialization.load_pem_private_key, _old_pem(key.block)
    try:
        return load(content, password=kek)
    except (ValueError, TypeError, modules.UnsupportedAlgorithm):
        if kek is not None:
            raise WrongKeyError(where, "the unlock key does not open the TLS key") from None
        raise CorruptStateError(where, "the TLS key is no key") from None


def _old_pem(block: PemBlock) -> bytes:
    """A locked key as OpenSSL wrote it before PKCS#8, without swarmkit's headers, which the library does not know."""
    return _pem(block.type, {name: block.headers.get(name, "") for name in ("Proc-Type", "DEK-Info")}, block.content)


def _check_iterations(pkcs8: bytes, where: str) -> None:
    """Refuse a key whose file asks for an absurd amount of work (RFC 8018: PBES2 with PBKDF2)."""
    outer = der.Der(memoryview(pkcs8), where).enter(der.SEQUENCE)
    scheme = outer.enter(der.SEQUENCE)
    scheme.take(der.OID)
    derivation = scheme.enter(der.SEQUENCE).enter(der.SEQUENCE)
    derivation.take(der.OID)
    parameters = derivation.enter(der.SEQUENCE)
    parameters.take(der.OCTET_STRING)
    if parameters.integer() > _MOST_ITERATIONS:
        raise UnsupportedStateError(where, "the TLS key asks for too many iterations")


def _self_issued(certificate: Certificate) -> bool:
    """Whether issuer and subject of a certificate are the same."""
    loaded = _load(certificate)
    return loaded is not None and bool(loaded.issuer == loaded.subject)


def _load(certificate: Certificate) -> Any:
    """A certificate as an object of the library, or None where the library does not take it."""
    modules = _cryptography()
    try:
        loaded = modules.x509.load_der_x509_certificate(certificate.der)
        # The library reads lazily: what it cannot read must show here.
        _read = (loaded.issuer, loaded.subject, loaded.extensions, loaded.signature_hash_algorithm, loaded.public_key())
    except (ValueError, TypeError, modules.UnsupportedAlgorithm, modules.x509.DuplicateExtension,
            modules.x509.UnsupportedGeneralNameType):
        return None
    return loaded


def _signed(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's key made the signature of this certificate, and it names the issuer, byte for byte, as the
    engine wants it.
    """
    modules = _cryptography()
    loaded, signer = _load(certificate), _load(issuer)
    if loaded is None or signer is None or loaded.signature_hash_algorithm is None:
        return False
    if loaded.issuer.public_bytes() != signer.subject.public_bytes():
        return False
    public, checksum = signer.public_key(), loaded.signature_hash_algorithm
    try:
        if isinstance(public, modules.ec.EllipticCurvePublicKey):
            public.verify(loaded.signature, loaded.tbs_certificate_bytes, modules.ec.ECDSA(checksum))
        elif isinstance(public, modules.rsa.RSAPublicKey):
            public.verify(loaded.signature, loaded.tbs_certificate_bytes, modules.padding.PKCS1v15(), checksum)
        else:
            return False
    except (modules.InvalidSignature, ValueError, modules.UnsupportedAlgorithm):
        return False
    return True
