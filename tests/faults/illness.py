# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node of a lab falls ill, and how somebody mends it by hand: what the shards of `heal` and `recover` share."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.lab import Lab
from tests.lab.node import RUNNING
from tests.testinfra import restored, swarms

STOPPED = "Docker stopped"
CONFIG = "Docker crashing by its daemon.json"
FLAG = "Docker crashing by a flag of its unit"
LOOPING = "Docker killed a second after each start"
OFF = "host off"
BACK = "host off and on again"
EMPTIED = "state directory emptied"
DAMAGED = "log damaged"
EXPIRED = "certificate expired"
DISK = "disk full"
FROZEN = "Docker frozen"

DROP_IN = "/etc/systemd/system/docker.service.d/90-broken.conf"
FULL = "/var/lib/docker/full"


def reset(lab: Lab) -> None:
    """Everything back to an engine without a swarm, disks that were filled included."""
    for node in lab.nodes:
        if node.state() == RUNNING:
            node.run("systemctl kill --signal=CONT docker; "
                     "if findmnt --noheadings --types tmpfs /var/lib/docker; then "
                     "systemctl stop docker.socket docker containerd; umount -l /var/lib/docker; fi", check=False)
    lab.reset()


def _stop(lab: Lab, name: str) -> None:
    restored.stop(lab, [name])


def _break_config(lab: Lab, name: str) -> None:
    lab.node(name).run("mkdir -p /etc/docker; echo '{broken' > /etc/docker/daemon.json; systemctl restart docker",
                       check=False)


def _mend_config(lab: Lab, name: str) -> None:
    lab.node(name).run("rm /etc/docker/daemon.json")


def _break_flag(lab: Lab, name: str) -> None:
    """A unit that starts again and again, without an end."""
    text = ("[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd --no-such-flag\n"
            "Restart=always\nRestartSec=1\n")
    lab.node(name).run(f"mkdir -p $(dirname {DROP_IN}); cat > {DROP_IN}; systemctl daemon-reload; "
                       "systemctl restart docker", stdin=text, check=False)


def _break_start(lab: Lab, name: str) -> None:
    """Docker comes up, and is killed a second later, again and again."""
    text = "[Service]\nRestart=always\nExecStartPost=/bin/sh -c \"(sleep 1; kill -9 $MAINPID) &\"\n"
    lab.node(name).run(f"mkdir -p $(dirname {DROP_IN}); cat > {DROP_IN}; systemctl daemon-reload; "
                       "systemctl restart docker", stdin=text, check=False)


def _mend_unit(lab: Lab, name: str) -> None:
    lab.node(name).run(f"rm {DROP_IN}; systemctl daemon-reload")


def _power_off(lab: Lab, name: str) -> None:
    lab.node(name).kill()


def _power_on(lab: Lab, name: str) -> None:
    lab.node(name).start()


def _off_and_on(lab: Lab, name: str) -> None:
    """The host boots, and its Docker does not come up by itself: it is locked, or was never enabled."""
    lab.node(name).run("systemctl disable --quiet docker.socket docker")
    lab.node(name).kill()
    time.sleep(20)
    lab.node(name).start()


def _empty(lab: Lab, name: str) -> None:
    lab.node(name).run(f"systemctl stop docker.socket docker; rm -rf {restored.STATE}/*; systemctl start docker")


def damage_log(lab: Lab, name: str) -> None:
    """Flip bits of a record in the middle of a manager's log. Docker stands still there afterwards."""
    script = r"""
import glob
path = sorted(glob.glob("/var/lib/docker/swarm/raft/wal-v3-encrypted/*-*.wal"))[-1]
with open(path, "r+b") as stream:
    data = stream.read()
    used = len(data.rstrip(b"\0"))
    stream.seek(used // 2)
    stream.write(bytes(byte ^ 0xFF for byte in data[used // 2 : used // 2 + 4]))
"""
    restored.stop(lab, [name])
    lab.node(name).run(["python3", "-c", script])


def _damage(lab: Lab, name: str) -> None:
    damage_log(lab, name)
    lab.node(name).run("systemctl start docker", check=False, timeout=90)


def _freeze(lab: Lab, name: str) -> None:
    lab.node(name).run("systemctl kill --signal=STOP docker")


def _fill(lab: Lab, name: str) -> None:
    """Docker's directory is on a small disk, and that is full. A manager works like that until its log needs a new
    segment; so 70 MB are written, and what was written is removed again.
    """
    node, other = lab.node(name), next(one for one in lab.managers if one.name != name)
    node.run(
        "systemctl stop docker.socket docker containerd; mkdir -p /run/disk; "
        "mount -t tmpfs -o size=300m,mode=710 tmpfs /run/disk; cp -a --sparse=never /var/lib/docker/. /run/disk/; "
        "rm -f /run/disk/swarm/raft/wal-v3-encrypted/*.tmp; "
        "mount --move /run/disk /var/lib/docker || { mount --bind /run/disk /var/lib/docker; umount -l /run/disk; }; "
        f"dd if=/dev/zero of={FULL} bs=64k 2>/dev/null; systemctl start containerd; systemctl start docker",
        check=False, timeout=120)
    free = node.run("df --output=avail /var/lib/docker | tail -1").stdout.strip()
    assert free == "0", f"{free} kB are free"
    if node.run("docker info --format '{{.Swarm.LocalNodeState}}'").stdout.strip() == "locked":
        done = node.run("docker swarm unlock", stdin=other.run("docker swarm unlock-key --quiet").stdout, check=False)
        if "no space left on device" in done.stderr:
            return  # opened, its log gives up the room behind its end for a moment: somebody else has that now
        assert done.returncode == 0, done.stderr
    by_other = swarms.host(lab, other.name)
    swarms.eventually(lambda: swarms.by_hostname(by_other)[name].reachability == "reachable",
                      f"{name} works without any room", seconds=40)
    other.run("head -c 700000 /dev/urandom | base64 > /run/large; "
              "for one in $(seq 75); do docker config create large-$one /run/large; done; rm /run/large; "
              "docker config ls --quiet --filter name=large- | xargs docker config rm", timeout=300)


def _make_room(lab: Lab, name: str) -> None:
    lab.node(name).run(f"rm {FULL}")


BREAK: dict[str, Callable[[Lab, str], None]] = {
    STOPPED: _stop, CONFIG: _break_config, FLAG: _break_flag, LOOPING: _break_start, OFF: _power_off, BACK: _off_and_on,
    EMPTIED: _empty, DAMAGED: _damage, FROZEN: _freeze, DISK: _fill,
}  # fmt: skip
MEND: dict[str, Callable[[Lab, str], None]] = {
    CONFIG: _mend_config, FLAG: _mend_unit, LOOPING: _mend_unit, OFF: _power_on, DISK: _make_room,
}  # fmt: skip


class Authority:
    """A certificate authority of the test's own, which the swarm takes, so that certificates can be made that ended."""

    def __init__(self, lab: Lab, manager: str, nodes: Iterable[str]) -> None:
        """Have this manager make it that of all these nodes."""
        self._lab, names = lab, list(nodes)
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca")])
        now = datetime.datetime.now(datetime.UTC)
        self._root = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=3000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        node = lab.node(manager)
        secret = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = self._root.public_bytes(serialization.Encoding.PEM)
        node.run("umask 077; cat > /run/ca.key", stdin=secret.decode())
        node.run("cat > /run/ca.crt", stdin=public.decode())
        node.run("docker swarm ca --rotate --quiet --ca-cert /run/ca.crt --ca-key /run/ca.key; rm /run/ca.key",
                 timeout=90)

        def rotated() -> bool:
            return all(public.decode().strip() in lab.node(name).run(
                f"cat {restored.STATE}/certificates/swarm-root-ca.crt").stdout for name in names)

        swarms.eventually(rotated, "the new authority is everybody's", seconds=60)

    def expire(self, name: str, node_id: str, early: bool = False) -> None:
        """The certificate of this node, as it was, but ended an hour ago; its Docker is started with it.

        :param early: it begins tomorrow instead: a clock was ahead when it was made.
        """
        node, path = self._lab.node(name), f"{restored.STATE}/certificates/swarm-node.crt"
        old = x509.load_pem_x509_certificates(node.run(f"cat {path}").stdout.encode())[0]
        assert node_id in old.subject.rfc4514_string()
        now = datetime.datetime.now(datetime.UTC)
        begins, ends = (1, 90) if early else (-20, 0)
        builder = (
            x509.CertificateBuilder().subject_name(old.subject).issuer_name(self._root.subject)
            .public_key(old.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=ends, hours=-1))
        )
        for one in old.extensions:
            if one.oid != x509.OID_AUTHORITY_KEY_IDENTIFIER:
                builder = builder.add_extension(one.value, critical=one.critical)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        ended = builder.sign(self._key, hashes.SHA256())
        restored.stop(self._lab, [name])
        node.run(f"cat > {path}", stdin=ended.public_bytes(serialization.Encoding.PEM).decode())
        node.run("systemctl start docker", check=False, timeout=90)
