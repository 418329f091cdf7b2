# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of states that real engines left: good ones are proven, and of bad ones each is refused in one sentence.

What can be wrong with an archive is in ``BAD``; its messages stand in README.md (test_readme.py).
"""

from __future__ import annotations

import base64
import builtins
import gzip
import io
import os
import stat
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.archive import BadArchive, KeyNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import material

from .archives import OTHER_KEY, Packing, capture, member, of_capture, of_files, raw
from .raft import forge, manager

CAPTURES = [one.name for one in material.captures()]
PLAIN, LOCKED, PROMOTED = "trixie-plain", "trixie-locked", "trixie-promoted"


def small() -> Packing:
    """A state that was made from nothing: the smallest archive there is."""
    return of_files(
        manager.Manager()
        .write(manager.conf_change(0, manager.RAFT_ID), 1)
        .write(manager.request((1, 7, manager.thing("sec1", "password", payload=b"hunter2"))))
        .files(),
        objects={"secret": (("sec1", "password"),)},
    )


def refusal(path: str, *keys: str) -> str:
    """Why an archive is refused, without its path."""
    with pytest.raises(BadArchive) as caught:
        archive.prove(archive.read(path), keys)
    text = str(caught.value)
    assert text.startswith(path)
    assert text.endswith(".")
    assert "\n" not in text
    assert text.isprintable()
    return text.removeprefix(path).lstrip(": ")


def written(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(content)
    return str(path)


# -- good ones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAPTURES)
def test_what_real_engines_left_is_packed_read_and_proven(name: str, tmp_path: Path) -> None:
    packing, key = of_capture(name), capture(name).unlock_key
    path = packing.write(tmp_path)
    found = archive.read(path)
    assert found.manifest == packing.manifest
    assert found.files == packing.files
    assert found.size == os.path.getsize(path)
    proof = archive.prove(found, [key] if key else [])
    assert proof.keys_proven
    assert proof.contents
    assert proof.unopened == ""
    assert proof.certificate.node == packing.manifest.node_id
    stored = archive.stored_objects(proof.contents)
    for kind, objects in packing.manifest.objects.items():
        assert set(objects) <= set(stored[kind])
    assert "hunter2" not in repr(proof)


def test_an_archive_is_private_and_the_same_state_makes_the_same_one(tmp_path: Path) -> None:
    paths = [of_capture(PLAIN).write(tmp_path, f"{number}.tar.gz") for number in (1, 2)]
    assert stat.S_IMODE(os.stat(paths[0]).st_mode) == 0o600
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["1.tar.gz", "2.tar.gz"]
    assert archive.checksum_of(paths[0]) == archive.checksum(Path(paths[0]).read_bytes())


def test_tar_alone_unpacks_it(tmp_path: Path) -> None:
    packing = of_capture(PLAIN)
    with tarfile.open(packing.write(tmp_path)) as tar:
        assert tar.getnames()[:2] == ["manifest.json", "swarm"]
        tar.extractall(tmp_path / "out", filter="data")
    for path, content in packing.files.items():
        assert (tmp_path / "out" / "swarm" / path).read_bytes() == content


def test_nothing_is_left_of_an_archive_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        small().write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [one for one in CAPTURES if capture(one).unlock_key])
def test_of_several_keys_the_right_one_may_be_the_last(name: str, tmp_path: Path) -> None:
    found = archive.read(of_capture(name).write(tmp_path))
    key = capture(name).unlock_key
    assert key
    assert archive.prove(found, [OTHER_KEY, "SWMKEY-1-no", key]).keys_proven
    nothing = archive.prove(found)
    assert not nothing.keys_proven
    assert nothing.contents is None
    assert nothing.unopened == "it is autolocked, and no unlock key was given"
    with pytest.raises(KeyNeeded, match="the unlock key does not open it"):
        archive.prove(found, [OTHER_KEY])


def test_keys_of_a_swarm_without_autolock_are_not_looked_at(tmp_path: Path) -> None:
    assert archive.prove(archive.read(of_capture(PLAIN).write(tmp_path)), [OTHER_KEY]).keys_proven


@pytest.mark.parametrize(("library", "package"), [("nacl", "PyNaCl"), ("cryptography", "cryptography")])
@pytest.mark.parametrize("name", [PLAIN, LOCKED])
def test_without_a_library_it_is_read_and_not_proven(
    library: str, package: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without(module: str, *rest: Any, **more: Any) -> Any:
        if module.split(".")[0] == library:
            raise ImportError(module)
        return original(module, *rest, **more)

    found = archive.read(of_capture(name).write(tmp_path))
    monkeypatch.setattr(builtins, "__import__", without)
    proof = archive.prove(found, [capture(name).unlock_key or OTHER_KEY])
    # Without autolock the keys lie open; only what is sealed with them is not read.
    assert proof.keys_proven == (library == "nacl" and name == PLAIN)
    assert not proof.contents
    assert package in proof.unopened


# -- bad ones ----------------------------------------------------------------------------------------------------------

OTHER_NODES_KEY = forge.pem(
    "PRIVATE KEY",
    manager.tls_key("other"),
    {"kek-version": "0", "raft-dek": base64.b64encode(manager.in_clear(manager.DEK)).decode()},
)


def packed(change: Callable[[Packing], Packing]) -> Callable[[Path], str]:
    """An archive that was packed by the collection, of something that is not right."""
    return lambda folder: change(of_capture(PLAIN)).write(folder)


def members(
    *more: tuple[tarfile.TarInfo, bytes], first: bool = True, without: str = "", after: bytes = b""
) -> Callable[[Path], str]:
    """An archive by another hand: the members of a good one, one left out, others added."""

    def write(folder: Path) -> str:
        packing = small()
        parts = [member("manifest.json", packing.manifest.dump().encode())] if first else []
        parts += [member(f"swarm/{path}", content) for path, content in packing.files.items() if path != without]
        return written(folder, raw(*parts, *more, after=after))

    return write


def bytes_of(change: Callable[[bytes], bytes]) -> Callable[[Path], str]:
    """The bytes of a good archive, changed."""
    return lambda folder: written(folder, change(Path(small().write(folder)).read_bytes()))


def with_manifest(text: str | bytes) -> Callable[[Path], str]:
    """An archive whose manifest is this text."""
    content = text.encode() if isinstance(text, str) else text
    return lambda folder: written(folder, raw(member("manifest.json", content)))


def refilled(packing: Packing) -> Packing:
    """The log of another swarm in it, of an engine of the same version."""
    other = of_capture("trixie-snapshot")
    files = {path: content for path, content in packing.files.items() if "/wal-" not in path and "/snap-" not in path}
    files |= {path: content for path, content in other.files.items() if "/wal-" in path or "/snap-" in path}
    return Packing(files, packing.manifest).put()


def at(name: str) -> str:
    return next(path for path in small().files if path.endswith(name))


def unpack(content: bytes) -> bytes:
    return gzip.decompress(content)


BAD: dict[str, tuple[Callable[[Path], str], str]] = {
    "missing": (lambda folder: str(folder / "none"), "cannot be read: No such file or directory."),
    "folder": (lambda folder: str(folder), "cannot be read: it is a folder."),
    "empty": (lambda folder: written(folder, b""), "is no archive of quorum.swarm, or it is damaged (empty file)."),
    "no gzip": (
        lambda folder: written(folder, b"PK\3\4 something else"),
        "is no archive of quorum.swarm, or it is damaged (Not a gzipped file (b'PK')).",
    ),
    "no tar": (
        lambda folder: written(folder, gzip.compress(b"x" * 2000)),
        "is no archive of quorum.swarm, or it is damaged (invalid header).",
    ),
    "empty tar": (lambda folder: written(folder, raw()), "is no archive of quorum.swarm: nothing is in it."),
    "no manifest": (members(first=False), "is no archive of quorum.swarm: it does not begin with manifest.json."),
    "manifest not first": (
        members(member("manifest.json", b"{}"), first=False),
        "is no archive of quorum.swarm: it does not begin with manifest.json.",
    ),
    "manifest no JSON": (with_manifest("{"), "its manifest is not JSON."),
    "manifest no object": (with_manifest("[]"), "its manifest is not a JSON object."),
    "manifest without format": (with_manifest("{}"), "its manifest names no format."),
    "manifest incomplete": (
        with_manifest('{"format": 1}'),
        "its manifest lacks something, or has something of the wrong kind.",
    ),
    "newer": (
        packed(lambda good: good.say(format=2)),
        "it has format 2, and this version of quorum.swarm reads up to 1: read it with the version that wrote it, or a "
        "later one.",
    ),
    "cut": (
        bytes_of(lambda content: content[:-9]),
        "is no archive of quorum.swarm, or it is damaged (Compressed file ended before the end-of-stream marker was "
        "reached).",
    ),
    "flipped": (
        bytes_of(lambda content: content[:-6] + bytes([content[-6] ^ 4]) + content[-5:]),
        "is no archive of quorum.swarm, or it is damaged (CRC check failed",
    ),
    "file missing": (members(without=at("state.json")), "lacks "),
    "file extra": (members(member("swarm/more", b"x")), "holds more, which its manifest does not list."),
    "file damaged": (
        lambda folder: members(member("swarm/" + at("state.json"), b"[]"), without=at("state.json"))(folder),
        "is damaged: its checksum is not the manifest's.",
    ),
    "twice": (
        members(member("swarm/" + at("state.json"), b"[]")),
        "twice.",
    ),
    "leads out": (
        members(member("swarm/../../etc/passwd", b"x")),
        "holds 'swarm/../../etc/passwd', which no archive of quorum.swarm holds.",
    ),
    "absolute": (
        members(member("/etc/passwd", b"x")),
        "holds '/etc/passwd', which no archive of quorum.swarm holds.",
    ),
    "link": (
        members(member("swarm/link", kind=tarfile.SYMTYPE, link="/etc/passwd")),
        "holds 'swarm/link', which no archive of quorum.swarm holds.",
    ),
    "hard link": (
        members(member("swarm/link", kind=tarfile.LNKTYPE, link="swarm/state.json")),
        "holds 'swarm/link', which no archive of quorum.swarm holds.",
    ),
    "device": (
        members(member("swarm/null", kind=tarfile.CHRTYPE)),
        "holds 'swarm/null', which no archive of quorum.swarm holds.",
    ),
    "pipe": (
        members(member("swarm/pipe", kind=tarfile.FIFOTYPE)),
        "holds 'swarm/pipe', which no archive of quorum.swarm holds.",
    ),
    "control characters": (
        members(member("swarm/\x1b[2Jx\n", b"x")),
        "holds ?[2Jx?, which its manifest does not list.",
    ),
    "other swarm": (packed(lambda good: good.say(swarm_id="other")), "its manifest names the swarm other, and the"),
    "other node": (packed(lambda good: good.say(node_id="other")), "its manifest names the node other, and the"),
    "other term": (packed(lambda good: good.say(term=99)), "its manifest names the raft term 99, and the state has"),
    "other index": (packed(lambda good: good.say(index=7)), "its manifest names the raft index 7, and the state has"),
    "other commit": (packed(lambda good: good.say(commit=7)), "its manifest names the commit index 7, and the state"),
    "other address": (
        packed(lambda good: good.say(raft_addr="192.0.2.1:2377")),
        "its manifest names the raft address 192.0.2.1:2377, and the state has",
    ),
    "other address than the membership's": (
        lambda folder: of_capture(PROMOTED).say(raft_addr="0.0.0.0:2377").write(folder),
        "its manifest names the raft address 0.0.0.0:2377, and the state has 198.18.",
    ),
    "other key version": (
        packed(lambda good: good.say(kek_version=7)),
        "its manifest names the unlock key's version 7, and the state has 10.",
    ),
    "lock missing": (
        packed(lambda good: good.say(autolock=True)),
        "its manifest calls the swarm autolocked, and the node's key lies in it unlocked.",
    ),
    "object missing": (
        packed(lambda good: good.say(objects={"secret": (("id", "lost"),)})),
        "its manifest lists secret lost, and the state does not hold it.",
    ),
    "objects missing": (
        packed(lambda good: good.say(objects={"config": tuple((f"id{n}", f"c{n}") for n in range(7))})),
        "its manifest lists config c0, config c1, config c2, config c3, config c4 and 2 more, and the state does not "
        "hold them.",
    ),
    "other swarm's log": (packed(refilled), "no manager would start from this state: raft/wal-v3-encrypted/: the log"),
    "no key file": (
        packed(lambda good: good.put(swarm_node_key=None)),
        "no manager would start from this state: certificates/swarm-node.key: the file is missing.",
    ),
    "other node's key": (
        lambda folder: small().put(swarm_node_key=OTHER_NODES_KEY).write(folder),
        "certificates/swarm-node.key: the TLS key is not the one of the node's certificate.",
    ),
    "settings damaged": (
        packed(lambda good: good.put(docker_state_json=b"{")),
        "docker-state.json: not JSON.",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_bad_archive_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    make, words = BAD[case]
    assert words in refusal(make(tmp_path))


TOLD = {
    "not there": "missing",
    "an empty file": "empty",
    "something else": "no gzip",
    "a `.tar.gz` by another hand": "no manifest",
    "of a later version": "newer",
    "its manifest changed": "manifest incomplete",
    "cut off": "cut",
    "a file is missing": "file missing",
    "a file too many": "file extra",
    "a file changed": "file damaged",
    "a name that leads out of it": "leads out",
    "a link": "link",
    "another swarm's manifest": "other swarm",
    "an older log under a newer manifest": "other commit",
    "another swarm's log": "other swarm's log",
    "another node's key": "other node's key",
    "an object is gone": "object missing",
}
"""The cases that README.md tells, by its words for them."""


def test_the_readme_tells_what_is_said_of_bad_archives(tmp_path: Path) -> None:
    rows = []
    for words, case in TOLD.items():
        folder = tmp_path / case
        folder.mkdir()
        path = BAD[case][0](folder)
        with pytest.raises(BadArchive) as caught:
            archive.prove(archive.read(path))
        rows.append((words, str(caught.value).replace(path, "FILE")))
    path = of_capture(LOCKED).write(tmp_path)
    with pytest.raises(KeyNeeded) as needed:
        archive.prove(archive.read(path), [OTHER_KEY])
    rows.append(("another unlock key", str(needed.value).replace(path, "FILE")))
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    section = text.split("\n### Archives that cannot be restored from\n", 1)[1].split("\n## ", 1)[0]
    listed = [tuple(line.strip("| ").split(" | ")) for line in section.splitlines() if line.startswith("|")][2:]
    assert listed == rows, "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_one_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_arguments: Any) -> int:
        raise PermissionError(13, "Permission denied")

    path = small().write(tmp_path)
    monkeypatch.setattr(os, "open", denied)
    assert refusal(path) == "cannot be read: Permission denied."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(str(tmp_path / "pipe")) == "cannot be read: it is not a file."


def test_data_keys_of_another_time(tmp_path: Path) -> None:
    """The right node and the right key file, and a log that was sealed with another data key."""
    packing = of_files(
        manager.Manager(key=manager.key_file(dek=manager.NEW_DEK)).write(manager.conf_change(0, 7), 1).files()
    )
    assert refusal(packing.write(tmp_path)) == "entry 1 was not sealed with the keys of this node."
    locked = of_files(
        manager.Manager(key=manager.key_file(True, manager.NEW_DEK, version=3))
        .write(manager.conf_change(0, 7), 1)
        .files()
    )
    # Not "the key does not open it": it does.
    assert refusal(locked.write(tmp_path), manager.UNLOCK_KEY) == "entry 1 was not sealed with the keys of this node."


def test_wrong_keys(tmp_path: Path) -> None:
    path = of_capture(LOCKED).write(tmp_path)
    version = of_capture(LOCKED).manifest.kek_version
    needs = f"(it needs the one of version {version})."
    assert refusal(path, OTHER_KEY) == f"is autolocked, and the unlock key does not open it {needs}"
    assert refusal(path, OTHER_KEY, "x") == f"is autolocked, and none of the keys does not open it {needs}".replace(
        "does not open", "does open"
    )
    for key in (OTHER_KEY, "SWMKEY-1-secret-of-mine"):
        assert key not in refusal(path, key)


def test_a_workers_certificate(tmp_path: Path) -> None:
    worker = manager.issue({**manager.NODE, "OU": "swarm-worker"}, "node", {"CN": "swarm-ca"}, "root")
    packing = small().put(swarm_node_crt=worker)
    assert refusal(packing.write(tmp_path)) == "its certificate is a worker's: no swarm starts from it."


# -- too large ---------------------------------------------------------------------------------------------------------


def test_declared_sizes_are_added_up_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1 << 30)
    entry, _content = member("swarm/large")
    entry.size = (1 << 30) + 1
    first = tarfile.TarInfo("manifest.json")
    text = small().manifest.dump().encode()
    first.size = len(text)
    head = first.tobuf() + text + bytes(-len(text) % 512)
    path = written(tmp_path, gzip.compress(head + entry.tobuf()))
    assert refusal(path) == "holds more than 1 GiB, which no manager's state is."


@pytest.mark.parametrize("where", ["behind the end", "in a header", "in a folder"])
def test_a_bomb_is_left_off(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not count as a file's size counts all the same."""
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    monkeypatch.setattr(archive, "LARGEST_MANIFEST", 1 << 16)
    zeros = bytes(4 << 20)
    if where == "behind the end":
        path = members(after=zeros)(tmp_path)
    else:
        kind = tarfile.XHDTYPE if where == "in a header" else tarfile.DIRTYPE
        path = members(member("swarm/x", zeros, kind))(tmp_path)
    assert refusal(path) in ("holds more than 0 GiB, which no manager's state is.",) or where == "in a folder"


def test_headers_upon_headers(tmp_path: Path) -> None:
    """tarfile calls itself for each extended header."""
    parts = b"".join(member("x", kind=tarfile.XHDTYPE)[0].tobuf(tarfile.USTAR_FORMAT) for _ in range(5000))
    assert "is no archive of quorum.swarm" in refusal(written(tmp_path, gzip.compress(parts)))


def test_a_sparse_member_is_none_of_ours(tmp_path: Path) -> None:
    path = members(member("swarm/sparse", b"x" * 512, tarfile.GNUTYPE_SPARSE))(tmp_path)
    assert "swarm" in refusal(path)


# -- any bytes ---------------------------------------------------------------------------------------------------------


def outcome(path: str) -> archive.Archive | None:
    """The archive, or None where it is refused; any other end fails the test."""
    try:
        found = archive.read(path)
        archive.prove(found)
    except BadArchive:
        return None
    return found


def test_every_length(tmp_path: Path) -> None:
    content = Path(small().write(tmp_path)).read_bytes()
    for length in range(0, len(content), 7):
        assert outcome(written(tmp_path, content[:length])) is None, length
    assert outcome(written(tmp_path, content))


def test_every_flipped_byte_is_seen_or_changes_nothing(tmp_path: Path) -> None:
    packing = small()
    content = Path(packing.write(tmp_path)).read_bytes()
    passed = []
    for where in range(len(content)):
        bad = bytearray(content)
        bad[where] ^= 1 << where % 8
        found = outcome(written(tmp_path, bytes(bad)))
        if found is not None:
            # Time and system in gzip's header, or another way to write the same zeros: the tar is the same, all of it.
            assert gzip.decompress(bytes(bad)) == unpack(content)
            assert (found.manifest, found.files) == (packing.manifest, packing.files)
            passed.append(where)
    assert len(passed) < len(content) / 50


@given(st.binary(max_size=2000))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    assert outcome(written(folder, content)) is None
    assert outcome(written(folder, gzip.compress(content, 1))) is None


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 20000), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
def test_any_tar(tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]]) -> None:
    """Bytes of the tar changed, with the checksums of its headers and of gzip in order: tarfile has to read them."""
    folder = tmp_path_factory.mktemp("any")
    packing = small()
    content = bytearray(unpack(Path(packing.write(folder)).read_bytes()))
    for where, new in edits:
        where %= len(content) - len(new)
        content[where : where + len(new)] = new
        _sum_up(content, where // 512 * 512)
    found = outcome(written(folder, gzip.compress(bytes(content), 1)))
    if found is not None:
        assert found.files == packing.files


@settings(max_examples=150)
@given(st.integers(0, 9), st.integers(0, 499), st.binary(min_size=1, max_size=12), st.sampled_from(b"0xgLKS57VMDA\0"))
def test_any_header(tmp_path_factory: pytest.TempPathFactory, which: int, where: int, new: bytes, kind: int) -> None:
    """The same, aimed at the headers: sizes, types, extended headers."""
    folder = tmp_path_factory.mktemp("any")
    content = bytearray(unpack(Path(small().write(folder)).read_bytes()))
    with tarfile.open(fileobj=io.BytesIO(bytes(content))) as tar:
        starts = [one.offset for one in tar.getmembers()]
    start = starts[which % len(starts)]
    content[start + 156] = kind
    content[start + where : start + where + len(new)] = new
    _sum_up(content, start)
    outcome(written(folder, gzip.compress(bytes(content), 1)))


def _sum_up(content: bytearray, start: int) -> None:
    """Make the checksum of a tar header right, where one stands there."""
    if content[start + 257 : start + 262] == b"ustar":
        content[start + 148 : start + 156] = b" " * 8
        content[start + 148 : start + 156] = b"%06o\0 " % sum(content[start : start + 512])


@pytest.mark.parametrize(
    "size", [b"\x80" + bytes(10) + b"\x01", b"\xff" * 12, b"\xff" * 11 + b"\0", b"7" * 12, b"x" * 12]
)
@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"5", b"Z"])
def test_sizes_that_are_none(size: bytes, kind: bytes, tmp_path: Path) -> None:
    """Negative, enormous, and no number."""
    packing = small()
    content = bytearray(unpack(Path(packing.write(tmp_path)).read_bytes()))
    with tarfile.open(fileobj=io.BytesIO(bytes(content))) as tar:
        start = tar.getmembers()[-1].offset
    content[start + 124 : start + 136] = size
    content[start + 156 : start + 157] = kind
    _sum_up(content, start)
    found = outcome(written(tmp_path, gzip.compress(bytes(content), 1)))
    assert found is None or found.files == packing.files


def test_a_checksum_of_gzip_is_read_to_the_end(tmp_path: Path) -> None:
    content = Path(small().write(tmp_path)).read_bytes()
    bad = content[:-8] + struct.pack("<I", struct.unpack("<I", content[-8:-4])[0] ^ 1) + content[-4:]
    assert "CRC check failed" in refusal(written(tmp_path, bad))
