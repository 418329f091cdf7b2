# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, keys, certificates and objects, from states that are made from nothing."""
from __future__ import annotations

import base64
import builtins
import dataclasses
import json
from contextlib import suppress
from datetime import datetime

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.raft import (
    certificate,
    keys,
    layout,
    snapshot,
    state,
    store,
    wal,
)
from ansible_collections.quorum.swarm.plugins.module_utils.raft.errors import (
    CorruptStateError,
    IncompleteStateError,
    LockedStateError,
    MissingLibraryError,
    RaftStateError,
    UnsupportedStateError,
    WrongKeyError,
)
from hypothesis import given
from hypothesis import strategies as st

from . import forge, manager
from .manager import Manager, annotated, conf_change, key_file, meta, request, thing

CREATE, UPDATE, REMOVE = 1, 2, 3
NODE, SERVICE, TASK, NETWORK, CLUSTER, SECRET = 2, 3, 4, 5, 6, 7
OTHER_KEY = "SWMKEY-1-" + base64.b64encode(bytes(32)).decode().rstrip("=")


class TestSnapshot:
    name = forge.snapshot_name(2, 40)

    @pytest.mark.parametrize("packed", [False, True])
    def test_facts(self, packed: bool) -> None:
        read = snapshot.read_snapshot(self.name, forge.snapshot(2, 40, (7, 2**63 + 1), b"sealed", packed))
        assert (read.term, read.index, bytes(read.data)) == (2, 40, b"sealed")
        assert read.conf_state == wal.ConfState((7, 2**63 + 1))

    def test_every_bit(self) -> None:
        good = forge.snapshot(2, 40)
        for at in range(len(good) * 8):
            bad = bytearray(good)
            bad[at // 8] ^= 1 << at % 8
            with pytest.raises(RaftStateError):
                snapshot.read_snapshot(self.name, bytes(bad))

    def test_every_length(self) -> None:
        good = forge.snapshot(2, 40)
        for length in range(len(good)):
            with pytest.raises(RaftStateError):
                snapshot.read_snapshot(self.name, good[:length])

    def test_under_another_name(self) -> None:
        with pytest.raises(CorruptStateError, match="term 2, index 40"):
            snapshot.read_snapshot(forge.snapshot_name(2, 41), forge.snapshot(2, 40))

    def test_newest_first(self) -> None:
        names = [forge.snapshot_name(1, 300), forge.snapshot_name(2, 40), self.name + ".broken", "db.tmp"]
        assert snapshot.snapshot_names(names) == names[1::-1]


class TestCertificate:
    def test_facts(self) -> None:
        own = certificate.node_certificate(manager.CERTIFICATE, "crt")
        assert (own.node, own.role, own.swarm) == (manager.NODE_ID, certificate.MANAGER, manager.SWARM_ID)
        assert (own.not_before, own.not_after) == (manager.NOT_BEFORE, manager.NOT_AFTER)
        assert own.valid_at(manager.NOT_BEFORE)
        assert not own.valid_at(datetime.fromisoformat("2027-02-01T00:00:00Z"))

    def test_a_root_is_no_node(self) -> None:
        with pytest.raises(CorruptStateError, match="not the certificate of a swarm node"):
            certificate.node_certificate(manager.ROOT, "crt")

    def test_chain(self) -> None:
        own = certificate.parse_certificates(manager.CERTIFICATE, "crt")
        roots = certificate.parse_certificates(manager.ROOT, "ca")
        keys.prove_chain(own, roots, "crt")
        other = manager.issue({"CN": "swarm-ca"}, "other", {"CN": "swarm-ca"}, "other")
        strangers = certificate.parse_certificates(other, "ca")
        with pytest.raises(CorruptStateError, match="not issued by a trusted root"):
            keys.prove_chain(own, strangers, "crt")
        keys.prove_chain(own, strangers + roots, "crt")

    def test_chain_through_an_intermediate(self) -> None:
        """While the CA is rotated, nodes carry the new CA's certificate, signed by the old one."""
        crossed = manager.issue({"CN": "swarm-ca-2"}, "new-root", {"CN": "swarm-ca"}, "root")
        own = manager.issue(manager.NODE, "node", {"CN": "swarm-ca-2"}, "new-root")
        roots = certificate.parse_certificates(manager.ROOT, "ca")
        keys.prove_chain(certificate.parse_certificates(own + crossed, "crt"), roots, "crt")
        with pytest.raises(CorruptStateError):
            keys.prove_chain(certificate.parse_certificates(own, "crt"), roots, "crt")

    def test_chain_after_the_root_was_changed(self) -> None:
        """Nodes keep the new CA's certificate that the old one signed, and trust only the new one, of the same name."""
        crossed = manager.issue({"CN": "swarm-ca"}, "new-root", {"CN": "swarm-ca"}, "root")
        own = manager.issue(manager.NODE, "node", {"CN": "swarm-ca"}, "new-root")
        new = certificate.parse_certificates(
            manager.issue({"CN": "swarm-ca"}, "new-root", {"CN": "swarm-ca"}, "new-root"), "ca")
        keys.prove_chain(certificate.parse_certificates(own + crossed, "crt"), new, "crt")
        old = manager.issue(manager.NODE, "node", {"CN": "swarm-ca"}, "root")
        with pytest.raises(CorruptStateError, match="not issued by a trusted root"):
            keys.prove_chain(certificate.parse_certificates(old, "crt"), new, "crt")
        with pytest.raises(CorruptStateError, match="not issued by the next one"):
            keys.prove_chain(certificate.parse_certificates(old + crossed, "crt"), new, "crt")

    @pytest.mark.parametrize(("text", "problem"), [
        (manager.CERTIFICATE[:-20], "the end of CERTIFICATE is missing"),
        (b"-----BEGIN A-----\nb: 1\nb: 2\n\nYQ==\n-----END A-----\n", "the header b is there twice"),
        (b"-----BEGIN A-----\nb: 1\nYQ==\n-----END A-----\n", "no empty line"),
        (b"-----BEGIN A-----\nb: 1\n-----END A-----\n", "no empty line"),
        (forge.pem("CERTIFICATE", b"x", {"b": "1"}), "CERTIFICATE in a file of certificates"),
        (forge.pem("PRIVATE KEY", b"x"), "PRIVATE KEY in a file of certificates"),
        (b"", "no PEM block"), (b"\xff", "not a PEM file"), (b"hello", "belongs to no PEM block"),
    ])
    def test_damaged_pem(self, text: bytes, problem: str) -> None:
        with pytest.raises(CorruptStateError, match=problem):
            certificate.parse_certificates(text, "crt")

    def test_a_damaged_root(self) -> None:
        """Its own signature does not count for the engine; here it tells that a root was changed."""
        root = certificate.parse_certificates(manager.ROOT, "ca")[0]
        bad = dataclasses.replace(root, der=root.der[:-1] + bytes([root.der[-1] ^ 1]))
        own = certificate.parse_certificates(manager.CERTIFICATE, "crt")
        with pytest.raises(CorruptStateError, match="the signature of a root is wrong"):
            keys.prove_chain(own, [bad], "crt")

    @pytest.mark.parametrize("subject", ["swarm-cb", "Swarm-ca", ""])
    def test_a_root_of_another_name(self, subject: str) -> None:
        """The key alone is not enough: an engine looks for the issuer by its name, too."""
        renamed = manager.issue({"CN": subject} if subject else {}, "root", {"CN": "swarm-ca"}, "root")
        own = certificate.parse_certificates(manager.CERTIFICATE, "crt")
        with pytest.raises(CorruptStateError, match="not issued by a trusted root"):
            keys.prove_chain(own, certificate.parse_certificates(renamed, "ca"), "crt")

    def test_a_root_that_another_ca_issued(self) -> None:
        """`docker swarm ca --ca-cert` takes a company's intermediate."""
        crossed = manager.issue({"CN": "swarm-ca-2"}, "new-root", {"CN": "company"}, "company")
        own = manager.issue(manager.NODE, "node", {"CN": "swarm-ca-2"}, "new-root")
        roots = certificate.parse_certificates(crossed, "ca")
        keys.prove_chain(certificate.parse_certificates(own, "crt"), roots, "crt")

    def test_an_rsa_root(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        private = rsa.generate_private_key(65537, 2048)
        own = certificate.parse_certificates(manager.issue(manager.NODE, "node", {"CN": "ca"}, private), "crt")
        root = certificate.parse_certificates(manager.issue({"CN": "ca"}, private, {"CN": "ca"}, private), "ca")
        keys.prove_chain(own, root, "crt")

    def test_far_too_many_certificates(self) -> None:
        own = certificate.parse_certificates(manager.CERTIFICATE, "crt")
        with pytest.raises(UnsupportedStateError, match="too many"):
            keys.prove_chain(own, certificate.parse_certificates(manager.ROOT * 8, "ca"), "crt")

    def test_every_byte_is_noticed(self) -> None:
        roots = certificate.parse_certificates(manager.ROOT, "ca")
        for at in range(len(manager.CERTIFICATE)):
            bad = bytearray(manager.CERTIFICATE)
            bad[at] ^= 2
            with pytest.raises(RaftStateError):
                keys.prove_chain(certificate.parse_certificates(bytes(bad), "crt"), roots, "crt")


class TestKeys:
    own = certificate.node_certificate(manager.CERTIFICATE, "crt")

    def test_in_clear(self) -> None:
        key = keys.parse_node_key(key_file(), "key")
        assert (key.locked, key.kek_version, key.needs_rotation) == (False, 0, False)
        opened = keys.open_node_key(key, self.own, None, "key")
        assert opened.data_keys == (manager.DEK,)
        assert opened.tls_key == manager.tls_key()

    def test_locked(self) -> None:
        key = keys.parse_node_key(key_file(locked=True, version=31, rotation=True), "key")
        assert (key.locked, key.kek_version, key.needs_rotation) == (True, 31, True)
        opened = keys.open_node_key(key, self.own, manager.UNLOCK_KEY, "key")
        assert opened.data_keys == (manager.DEK,)
        assert opened.tls_key == manager.tls_key()
        with pytest.raises(LockedStateError, match="kek-version 31"):
            keys.open_data_keys(key, None, "key")
        with pytest.raises(WrongKeyError):
            keys.open_node_key(key, self.own, OTHER_KEY, "key")

    def test_locked_in_the_old_format(self) -> None:
        """An EC key with Proc-Type, as OpenSSL and engines before 18.09 write it."""
        from cryptography.hazmat.primitives import serialization

        old = manager.private_key("node").private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(manager.KEK)).decode()
        sealed = base64.b64encode(manager.seal(manager.DEK, manager.KEK)).decode()
        key = keys.parse_node_key(old.replace("DEK-Info", f"raft-dek: {sealed}\nDEK-Info").encode(), "key")
        assert key.locked
        assert keys.open_node_key(key, self.own, manager.UNLOCK_KEY, "key").tls_key == manager.tls_key()
        with pytest.raises(WrongKeyError):
            keys.open_node_key(key, self.own, OTHER_KEY, "key")

    def test_a_pending_data_key_comes_last(self) -> None:
        key = keys.parse_node_key(key_file(locked=True, pending=manager.NEW_DEK), "key")
        assert keys.open_data_keys(key, manager.UNLOCK_KEY, "key") == (manager.DEK, manager.NEW_DEK)

    def test_another_nodes_key(self) -> None:
        foreign = manager.issue(manager.NODE, "other", {"CN": "swarm-ca"}, "root")
        key = keys.parse_node_key(key_file(), "key")
        with pytest.raises(WrongKeyError, match="not the one of the node's certificate"):
            keys.open_node_key(key, certificate.node_certificate(foreign, "crt"), None, "key")

    def test_a_worker_has_no_data_key(self) -> None:
        key = keys.parse_node_key(forge.pem("PRIVATE KEY", manager.tls_key(), {"kek-version": "0"}), "key")
        with pytest.raises(CorruptStateError, match="not the key file of a manager"):
            keys.open_data_keys(key, None, "key")

    @pytest.mark.parametrize("text", ["", "SWMKEY-1-", "SWMKEY-2-" + OTHER_KEY[9:], OTHER_KEY[:-1], OTHER_KEY + "A",
                                      OTHER_KEY[:-3] + "\u00e9"])
    def test_what_is_no_unlock_key(self, text: str) -> None:
        with pytest.raises(WrongKeyError) as error:
            keys.parse_unlock_key(text)
        assert OTHER_KEY[10:30] not in str(error.value)

    @pytest.mark.parametrize(("headers", "text"), [
        ({"kek-version": "x"}, "kek-version"),
        ({"kek-version": "01"}, "kek-version"),
        ({"kek-versio": "0"}, "unknown header"),
        ({"raft-dek": "!"}, "not base64"),
        ({"raft-dek": "CgF="}, "stray bits"),
        ({"raft-dek-pending": "CgE="}, "no data key"),
        ({"raft-dek-needs-rotation": "false"}, "not true"),
    ])
    def test_damaged_headers(self, headers: dict[str, str], text: str) -> None:
        with pytest.raises(CorruptStateError, match=text):
            keys.parse_node_key(forge.pem("PRIVATE KEY", manager.tls_key(), headers), "key")

    @pytest.mark.parametrize(("text", "problem"), [
        (key_file() + key_file(), "more than one key"),
        (forge.pem("RSA PRIVATE KEY", manager.tls_key()), "of the type RSA PRIVATE KEY"),
    ])
    def test_other_key_files(self, text: bytes, problem: str) -> None:
        with pytest.raises(RaftStateError, match=problem):
            keys.parse_node_key(text, "key")

    @pytest.mark.parametrize(("sealed", "problem"), [
        (manager.in_clear(bytes(31)), "a data key of 31 bytes"),
        (manager.seal(manager.DEK, manager.KEK), "the TLS key is in clear, the data key is not"),
    ])
    def test_damaged_data_keys(self, sealed: bytes, problem: str) -> None:
        headers = {"raft-dek": base64.b64encode(sealed).decode()}
        with pytest.raises(CorruptStateError, match=problem):
            keys.open_data_keys(keys.parse_node_key(forge.pem("PRIVATE KEY", b"x", headers), "key"), None, "key")

    def test_a_tls_key_that_is_none(self) -> None:
        headers = {"raft-dek": base64.b64encode(manager.in_clear(manager.DEK)).decode()}
        key = keys.parse_node_key(forge.pem("PRIVATE KEY", b"x", headers), "key")
        with pytest.raises(CorruptStateError, match="the TLS key is no key"):
            keys.open_node_key(key, self.own, None, "key")

    def test_a_tls_key_under_another_unlock_key(self) -> None:
        headers = {"raft-dek": base64.b64encode(manager.seal(manager.DEK, manager.KEK)).decode()}
        text = forge.pem("ENCRYPTED PRIVATE KEY", manager.tls_key(password=b"another"), headers)
        with pytest.raises(WrongKeyError, match="does not open the TLS key"):
            keys.open_node_key(keys.parse_node_key(text, "key"), self.own, manager.UNLOCK_KEY, "key")

    def test_in_clear_in_the_old_format(self) -> None:
        from cryptography.hazmat.primitives import serialization

        old = manager.private_key("node").private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        headers = {"raft-dek": base64.b64encode(manager.in_clear(manager.DEK)).decode()}
        key = keys.parse_node_key(forge.pem("EC PRIVATE KEY", old, headers), "key")
        assert keys.open_node_key(key, self.own, None, "key").tls_key == manager.tls_key()

    def test_an_absurd_amount_of_work_is_refused(self) -> None:
        good = manager.tls_key(password=manager.KEK)
        parameters = forge.tlv(0x30, forge.tlv(4, bytes(8)), forge.tlv(2, b"\x7f\xff\xff\xff"))
        derivation = forge.tlv(0x30, forge.tlv(6, b"\x2a"), parameters)
        bad = forge.tlv(0x30, forge.tlv(0x30, forge.tlv(6, b"\x2a"), forge.tlv(0x30, derivation)), forge.tlv(4, good))
        sealed = base64.b64encode(manager.seal(manager.DEK, manager.KEK)).decode()
        key = keys.parse_node_key(forge.pem("ENCRYPTED PRIVATE KEY", bad, {"raft-dek": sealed}), "key")
        with pytest.raises(UnsupportedStateError, match="too many iterations"):
            keys.open_node_key(key, self.own, manager.UNLOCK_KEY, "key")

    @pytest.mark.parametrize("algorithm", [manager.seal, manager.seal_fernet])
    def test_unseal(self, algorithm) -> None:
        record = memoryview(algorithm(b"content", manager.DEK))
        assert keys.unseal(record, (manager.NEW_DEK, manager.DEK), "entry") == b"content"
        with pytest.raises(WrongKeyError, match=r"^entry: "):
            keys.unseal(record, (manager.NEW_DEK,), "entry")

    @pytest.mark.parametrize(("record", "error"), [
        (manager.in_clear(b"x"), UnsupportedStateError), (b"", UnsupportedStateError), (b"\xff", CorruptStateError),
        (forge.message((1, 1), (2, b"x" * 16), (3, b"x" * 23)), CorruptStateError),
        (forge.message((1, 1), (2, b"x" * 15), (3, b"x" * 24)), CorruptStateError),
        (forge.message((1, 2), (2, b"\xff")), WrongKeyError),
    ])
    def test_what_is_not_sealed(self, record: bytes, error: type[Exception]) -> None:
        with pytest.raises(error):
            keys.unseal(memoryview(record), (manager.DEK,), "entry")

    def test_nothing_shows_a_key(self) -> None:
        opened = keys.open_node_key(keys.parse_node_key(key_file(), "key"), self.own, None, "key")
        shown = repr(opened) + repr(keys.parse_node_key(key_file(), "key"))
        assert "b'" not in shown
        assert "raft-dek" not in shown

    @pytest.mark.parametrize(("library", "package"),
                             [("nacl", "python3-nacl"), ("cryptography", "python3-cryptography")])
    def test_a_missing_library_is_named(self, monkeypatch: pytest.MonkeyPatch, library: str, package: str) -> None:
        real = builtins.__import__

        def absent(name: str, *args, **kwargs):
            if name.split(".")[0] == library:
                raise ModuleNotFoundError(name, name=library)
            return real(name, *args, **kwargs)

        files = Manager().write(b"").files()
        monkeypatch.setattr(builtins, "__import__", absent)
        read = state.read_state(files)
        with pytest.raises(MissingLibraryError, match=package):
            (state.open_contents if library == "nacl" else state.prove_keys)(read)


def names(contents: store.Contents) -> list[tuple[str, str, str]]:
    return [(item.kind, item.id, item.name) for item in contents.objects]


class TestContents:
    def read(self, made: Manager, unlock_key: str | None = None) -> store.Contents:
        return state.open_contents(state.read_state(made.files()), unlock_key)

    def test_objects_come_and_go(self) -> None:
        made = Manager().write(conf_change(0, 7), kind=1).write(b"")
        made.write(request((CREATE, SERVICE, thing("s1", "web")), (CREATE, NETWORK, thing("n1", "net"))))
        made.write(request((UPDATE, SERVICE, thing("s1", "web", 9)), (CREATE, SERVICE, thing("s2", "db"))))
        made.write(request((REMOVE, NETWORK, thing("n1", "net"))))
        contents = self.read(made)
        assert names(contents) == [("service", "s1", "web"), ("service", "s2", "db")]
        assert contents.objects[0].version == 9
        assert contents.objects[0].labels == {"of": "web"}
        assert contents.members == (wal.Member(7, "node-7", "198.18.0.11:2377"),)

    def test_what_is_not_committed_is_named_as_lost(self) -> None:
        made = Manager().write(request((CREATE, SERVICE, thing("s1", "web"))))
        made.write(request((CREATE, SERVICE, thing("s2", "lost"))), commit=False)
        made.write(conf_change(0, 8), kind=1, commit=False)
        contents = self.read(made)
        assert names(contents) == [("service", "s1", "web")]
        assert [(c.index, c.action, c.object.name) for c in contents.uncommitted] == [(2, "create", "lost")]
        assert contents.members == ()

    def test_members(self) -> None:
        made = Manager()
        for change in (conf_change(0, 7), conf_change(0, 8), conf_change(2, 8, "198.18.0.12:2377"), conf_change(0, 9),
                       conf_change(1, 9)):
            made.write(change, kind=1)
        contents = self.read(made)
        assert [(m.raft_id, m.address) for m in contents.members] == [(7, "198.18.0.11:2377"), (8, "198.18.0.12:2377")]
        assert contents.removed == (9,)

    def test_a_snapshot_and_what_follows(self) -> None:
        made = Manager().write(b"").write(request((CREATE, SERVICE, thing("s1", "web"))))
        made.snapshot((2, thing("s1", "web")), (3, thing("n1", "net")), members=(7, 8), removed=(5,))
        made.write(request((REMOVE, NETWORK, thing("n1", "net")))).write(conf_change(1, 8), kind=1)
        read = state.read_state(made.files())
        assert read.snapshot is not None
        assert read.log.start == wal.Mark(2, 2, wal.ConfState((7, 8)))
        contents = state.open_contents(read)
        assert names(contents) == [("service", "s1", "web")]
        assert [member.raft_id for member in contents.members] == [7]
        assert contents.removed == (5, 8)

    def test_kinds(self) -> None:
        in_action = {3: "service", 5: "network", 7: "secret", 10: "config", 11: "volume"}
        in_snapshot = {2: "service", 3: "network", 6: "secret", 9: "config", 10: "volume"}
        made = Manager().write(request(*((CREATE, field, thing(kind, kind)) for field, kind in in_action.items())))
        from_log = names(self.read(made))
        made.snapshot(*((field, thing(kind, kind)) for field, kind in in_snapshot.items()))
        assert names(self.read(made)) == from_log == [(kind, kind, kind) for kind in sorted(in_action.values())]

    def test_extensions_are_annotated_directly(self) -> None:
        item = forge.message((1, "x1"), (3, annotated("plugin", {"a": "b"})))
        contents = self.read(Manager().write(request((CREATE, 8, item), (CREATE, 9, item))))
        assert names(contents) == [("extension", "x1", "plugin"), ("resource", "x1", "plugin")]
        assert contents.objects[0].labels == {"a": "b"}

    def test_node(self) -> None:
        spec = forge.message((1, annotated("", {"zone": "a"})), (2, 1), (4, 2))
        item = forge.message((1, "n1"), (2, meta(5)), (3, spec), (4, forge.message((1, "m1"))))
        made = Manager().write(request((CREATE, NODE, item)))
        assert self.read(made).objects == (store.StoredNode(
            "node", "n1", "m1", 5, {"zone": "a"}, manager=False, wants_manager=True, availability="drain"),)

    def test_task(self) -> None:
        service = annotated("web", {"a": "b"})
        slot = forge.message((1, "t1"), (4, "s1"), (5, 3), (6, "n1"), (8, service))
        globally = forge.message((1, "t2"), (4, "s1"), (6, "n1"), (8, service))
        contents = self.read(Manager().write(request((CREATE, TASK, slot), (CREATE, TASK, globally))))
        assert names(contents) == [("task", "t1", "web.3"), ("task", "t2", "web.n1")]

    def test_cluster(self) -> None:
        spec = forge.message((1, annotated("default")), (6, forge.message((5, 2))), (8, forge.message((1, 1))))
        item = forge.message((1, "c1"), (2, meta(5)), (3, spec), (11, "10.1.0.0/16"), (11, "10.2.0.0/16"), (12, 26),
                             (13, 4790))
        assert self.read(Manager().write(request((CREATE, CLUSTER, item)))).objects == (store.StoredCluster(
            "cluster", "c1", "default", 5, {}, autolock=True, default_addr_pool=("10.1.0.0/16", "10.2.0.0/16"),
            subnet_size=26, data_path_port=4790, force_rotate=2),)

    def test_payloads_are_not_returned(self) -> None:
        made = Manager().write(request((CREATE, SECRET, thing("x1", "password", payload=b"hunter2"))))
        made.write(request((CREATE, SECRET, thing("x2", "token", payload=b"hunter3"))), commit=False)
        contents = self.read(made)
        assert "hunter" not in repr(contents)
        assert "hunter" not in repr(contents.objects[0].__dict__)

    @pytest.mark.parametrize("content", [
        request((4, SERVICE, thing("s", "s"))), request((CREATE, 12, b"")), forge.message((2, b"")),
        request((CREATE, SERVICE, forge.message((1, b"\xff")))),
    ])
    def test_what_swarmkit_does_not_write(self, content: bytes) -> None:
        with pytest.raises((UnsupportedStateError, CorruptStateError)):
            self.read(Manager().write(content))

    @pytest.mark.parametrize(("change", "text"), [
        (conf_change(3, 8), "unknown type 3"),
        (forge.message((1, 0), (2, 0), (3, 9), (4, forge.message((1, 8), (2, "node-8")))), "names two members"),
        (forge.message((1, 0), (2, 0)), "field 3 is missing"),
    ])
    def test_changes_of_membership_that_swarmkit_does_not_write(self, change: bytes, text: str) -> None:
        with pytest.raises(RaftStateError, match=text):
            self.read(Manager().write(change, kind=1))

    def test_the_entry_that_forcing_a_new_cluster_may_write(self) -> None:
        made = Manager().write(forge.message((1, 0), (2, 0), (3, 7), (4, forge.message((1, 7)))), kind=1)
        assert self.read(made).members == (wal.Member(7, "", ""),)

    def test_a_snapshot_of_another_version(self) -> None:
        made = Manager().write(b"")
        content = manager.seal(forge.message((1, 1)), manager.DEK)
        made.snapshot()
        made.snapshots = {name: forge.snapshot(2, 1, data=content) for name in made.snapshots}
        with pytest.raises(UnsupportedStateError, match="a snapshot of version 1"):
            self.read(made)

    def test_after_a_rotation_the_old_entries_stay_shut_and_are_not_needed(self) -> None:
        made = Manager(key=key_file(locked=True, dek=manager.NEW_DEK)).write(b"").write(b"")
        made.dek = manager.NEW_DEK
        made.snapshot((2, thing("s1", "web"))).write(b"")
        assert names(self.read(made, manager.UNLOCK_KEY)) == [("service", "s1", "web")]
        made.snapshots.clear()
        with pytest.raises(WrongKeyError, match="entry 1: the key does not open it"):
            self.read(made, manager.UNLOCK_KEY)

    def test_during_a_rotation_both_keys_open(self) -> None:
        made = Manager(key=key_file(pending=manager.NEW_DEK)).write(request((CREATE, SERVICE, thing("s1", "old"))))
        made.dek = manager.NEW_DEK
        made.write(request((CREATE, SERVICE, thing("s2", "new"))))
        assert names(self.read(made)) == [("service", "s1", "old"), ("service", "s2", "new")]


class TestState:
    def test_facts_in_clear(self) -> None:
        made = Manager(key=key_file(locked=True, version=3)).write(b"").write(b"", commit=False)
        read = state.read_state(made.files())
        assert read.node_key.locked
        assert read.certificate.node == read.log.owner.node_id == manager.NODE_ID
        assert read.position == state.Position(commit=1, last_term=2, last_index=2)
        assert read.known_managers == (state.KnownManager(manager.NODE_ID, "198.18.0.11:2377"),)
        assert read.settings == state.EngineSettings("", "0.0.0.0:2377", "198.18.0.11:2377", "", False)
        assert read.damage == ()

    def test_rank(self) -> None:
        """Commit first: a longer tail of uncommitted entries, or a higher term, knows less."""
        ahead, behind = state.Position(5, 2, 5), state.Position(4, 9, 30)
        assert ahead.rank() > behind.rank()
        assert state.Position(5, 2, 6).rank() > ahead.rank()

    @pytest.mark.parametrize("path", [layout.NODE_KEY, layout.NODE_CERTIFICATE, layout.ROOT_CERTIFICATES])
    def test_a_missing_file(self, path: str) -> None:
        files = Manager().write(b"").files()
        del files[path]
        with pytest.raises(IncompleteStateError, match=path):
            state.read_state(files)

    def test_without_the_daemons_own_files(self) -> None:
        files = Manager().write(b"").files()
        del files["docker-state.json"], files["state.json"]
        read = state.read_state(files)
        assert (read.settings, read.known_managers) == (None, ())

    def test_another_nodes_log(self) -> None:
        made = Manager(wal=forge.Wal(owner=forge.message((1, 8), (2, "node-eight"))).cut(0))
        made.wal.save((forge.SNAPSHOT, forge.mark(0, 0)))
        with pytest.raises(CorruptStateError, match="the log of node node-eight, the certificate of node-seven"):
            state.read_state(made.files())

    def test_a_broken_snapshot_is_damage_as_long_as_the_log_is_whole(self) -> None:
        made = Manager().write(request((CREATE, SERVICE, thing("s1", "web"))))
        made.snapshot((2, thing("s1", "web"))).write(b"")
        made.snapshots = {name: content[:-1] for name, content in made.snapshots.items()}
        read = state.read_state(made.files())
        assert read.snapshot is None
        assert [path for path, _ in read.damage] == ["raft/snap-v3-encrypted/" + name for name in made.snapshots]
        assert names(state.open_contents(read)) == [("service", "s1", "web")]

    def test_damage_in_an_old_segment(self) -> None:
        made = Manager().write(b"").write(b"")
        made.wal.cut(3, forge.state(2, 2))
        made.write(b"").snapshot()
        files = made.files()
        old = min(path for path in files if "wal-v3" in path)
        files[old] = files[old][:50] + b"?" + files[old][51:]
        read = state.read_state(files)
        assert read.position.commit == 3
        assert len(read.damage) == 1

    def test_a_torn_tail_is_damage(self) -> None:
        made = Manager().write(b"").write(b"")
        made.wal.preallocate = 0
        files = made.files()
        path = min(path for path in files if "wal-v3" in path)
        files[path] = files[path][:-4]
        assert "past the end" in state.read_state(files).damage[0][1]
        files[path] = Manager().write(b"").files()[path] + b"x"
        assert state.read_state(files).damage == ((path, "1 bytes behind the last record"),)

    @pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'[{"node_id":1}]', b"[" * 100000, b"[" + b"1" * 5000 + b"]",
                                      b"\xff", b'[{"node_id":"\\ud800"', b'[{"node_id":"n"}]',
                                      b'[{"node_id":"n","addr":"198.18.0.11"}]',
                                      b'[{"node_id":"n","addr":"198.18.0.11:2377","n":' + b"1" * 30 + b"}]"])
    def test_what_the_engine_does_not_write(self, text: bytes) -> None:
        """The engine's own JSON files hold nothing of the swarm's: a survivor can be read without them."""
        for path in (layout.KNOWN_MANAGERS, layout.ENGINE_SETTINGS):
            read = state.read_state(Manager().write(b"").files() | {path: text})
            assert [file for file, _ in read.damage] == [path]
            assert read.position.commit == 1

    @pytest.mark.parametrize(("address", "remote", "own"), [
        ("198.18.0.11:2377", True, True), ("0.0.0.0:1", True, True), ("[fd00::1]:2377", True, True),
        ("[::ffff:198.18.0.11]:2377", True, True), ("fd00::1:2377", False, False), ("[198.18.0.11]:2377", False, False),
        ("198.18.0.11:0", False, False), ("198.18.0.11:65536", False, False), ("198.18.0.11", False, False),
        (":2377", False, False),
        # `docker swarm join NAME`: until the first session.
        ("manager-1.example.org:2377", True, False), ("manager 1:2377", False, False),
        # `docker swarm join` without --advertise-addr.
        ("", False, True),
    ])
    def test_addresses(self, address: str, remote: bool, own: bool) -> None:
        files = Manager().write(b"").files()
        text = json.dumps([{"node_id": "n", "addr": address}]).encode()
        assert (state.read_state(files | {layout.KNOWN_MANAGERS: text}).damage == ()) is remote
        text = json.dumps({"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": address}).encode()
        assert (state.read_state(files | {layout.ENGINE_SETTINGS: text}).damage == ()) is own

    def test_a_manager_of_which_only_the_address_is_known(self) -> None:
        text = b'[{"addr":"198.18.0.11:2377"}]'
        read = state.read_state(Manager().write(b"").files() | {layout.KNOWN_MANAGERS: text})
        assert (read.damage, read.known_managers) == ((), (state.KnownManager("", "198.18.0.11:2377"),))

    def test_one_damaged_file_does_not_hide_the_other(self) -> None:
        read = state.read_state(Manager().write(b"").files() | {layout.KNOWN_MANAGERS: b"?"})
        assert read.settings is not None
        assert [path for path, _ in read.damage] == [layout.KNOWN_MANAGERS]

    @pytest.mark.parametrize(("endpoint", "specified"), [
        ("198.18.0.11:2377", True), ("[fd00::1]:2377", True), ("0.0.0.0:2377", False), ("[::]:2377", False),
        (":2377", False), ("", False), ("manager-1:2377", True),
    ])
    def test_whether_an_address_names_a_host(self, endpoint: str, specified: bool) -> None:
        assert state.is_specified(endpoint) is specified

    @pytest.mark.parametrize(("metadata", "membership", "known", "wanted"), [
        ("198.18.0.11:2377", "198.18.0.11:2377", "198.18.0.11:2377", "198.18.0.11:2377"),
        ("0.0.0.0:2377", "198.18.0.12:2377", "", "198.18.0.12:2377"),
        ("[::]:2377", "[fd00::12]:2377", "", "[fd00::12]:2377"),
        # What the leader saw counts more than what the engine was told.
        ("198.18.0.11:2377", "198.18.0.12:2377", "198.18.0.13:2377", "198.18.0.12:2377"),
        ("0.0.0.0:2377", "", "198.18.0.13:2377", "198.18.0.13:2377"),
        ("0.0.0.0:2377", "", "", ""),
    ])
    def test_the_address_of_a_manager(self, metadata: str, membership: str, known: str, wanted: str) -> None:
        read = state.read_state(Manager().write(b"").files())
        owner = dataclasses.replace(read.log.owner, address=metadata)
        managers = (state.KnownManager("other", "198.18.0.99:2377"), state.KnownManager(owner.node_id, known))
        read = dataclasses.replace(read, log=dataclasses.replace(read.log, owner=owner), known_managers=managers)
        members = (wal.Member(99, "other", "198.18.0.99:2377"), dataclasses.replace(owner, address=membership))
        assert state.raft_address(read, store.Contents((), members, (), ())) == wanted

    @given(st.data())
    def test_any_bytes_give_facts_or_a_declared_error(self, data: st.DataObject) -> None:
        made = Manager(key=key_file(locked=True)).write(request((CREATE, SERVICE, thing("s1", "web"))))
        files = made.snapshot((2, thing("s1", "web"))).write(request((CREATE, SECRET, thing("x", "y")))).files()
        path = data.draw(st.sampled_from(sorted(files)))
        content = bytearray(files[path][:900])
        at = data.draw(st.integers(0, len(content)))
        content[at:at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=40))
        files[path] = bytes(content)
        with suppress(RaftStateError):
            read = state.read_state(files)
            state.prove_keys(read, manager.UNLOCK_KEY)
            state.open_contents(read, manager.UNLOCK_KEY)

    @given(st.lists(st.binary(max_size=80), max_size=4))
    def test_any_sealed_content(self, contents: list[bytes]) -> None:
        made = Manager()
        for at, content in enumerate(contents):
            made.write(content, kind=at % 2)
        with suppress(RaftStateError):
            state.open_contents(state.read_state(made.files()))

    @given(st.recursive(st.binary(max_size=10), lambda inner: st.lists(
        st.tuples(st.integers(1, 14), inner | st.integers(0, 2**64 - 1)), max_size=4).map(lambda p: forge.message(*p)),
        max_leaves=12))
    def test_any_message(self, message: bytes) -> None:
        with suppress(RaftStateError):
            state.open_contents(state.read_state(Manager().write(forge.message((2, message))).files()))
        with suppress(RaftStateError):
            state.open_contents(state.read_state(Manager().write(b"").snapshot((4, message), (1, message)).files()))
