# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_restore does on its host: archives of states that real engines left, an engine that is scripted."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import (
    archive,
    host,
    journal,
    receiving,
    restore,
    settings,
    statedir,
    stopped,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import manifest
from ansible_collections.quorum.swarm.plugins.module_utils.journal import Entry
from ansible_collections.quorum.swarm.plugins.module_utils.raft.layout import NODE_KEY
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.archives import OTHER_KEY, capture, of_capture, of_files
from tests.unit.kept_archives import LOCKED, PLAIN
from tests.unit.modules.restoring import NEW_KEY, OLD, Killed, Machine, forged, killed_at, settle_in, tree
from tests.unit.modules.scripted import Script

Usage = namedtuple("Usage", "total used free")
REFUSED = "This step changed nothing"


class Restored:
    """A machine, and the archive that was brought to it."""

    def __init__(self, machine: Machine, packing: Any) -> None:
        self.machine = machine
        self.packing = packing
        self.told = packing.manifest
        machine.objects = {kind: list(rows) for kind, rows in self.told.objects.items()}
        self.keys: list[str] = [machine.unlock_key] if machine.unlock_key else []
        self.allowed: dict[str, Any] = {}
        self.bring()

    @property
    def path(self) -> Path:
        return self.machine.own / "received" / "restore.tar.gz"

    def bring(self) -> None:
        """The action plugin does this before each run."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.packing.write(self.path.parent, self.path.name)

    def run(self, check: bool = False, **request: Any) -> dict[str, Any]:
        wanted = restore.Request(str(self.path), request.pop("sha256", "a" * 64), tuple(self.keys),
                                 **{"timeout": 2.0, **self.allowed, **request})  # fmt: skip
        return restore.restore(self.machine.engine, wanted, check)

    def entry(self) -> Entry | None:
        return self.machine.journal().read()


Make = Callable[..., Restored]


@pytest.fixture
def make(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(name: str = "") -> Restored:
        for folder in ("docker", "own", "run"):
            statedir.remove(str(tmp_path / folder))
        one = capture(name) if name else None
        files, key = (one.files, one.unlock_key) if one else forged()
        packing = of_capture(name) if name else of_files(files, objects={})
        machine = Machine(tmp_path, script, files, key)
        settle_in(monkeypatch, tmp_path, machine)
        address = packing.manifest.raft_addr.rpartition(":")[0]
        monkeypatch.setattr(host, "addresses", lambda: [{"address": address}])
        return Restored(machine, packing)

    return make


def assert_untouched(here: Restored) -> None:
    """As it was found, journal and all."""
    assert tree(here.machine.swarm) == OLD
    assert here.entry() is None
    assert (here.machine.calls, here.machine.inits) == ([], [])
    assert here.path.exists()


@pytest.mark.parametrize("name", [LOCKED, PLAIN])
def test_an_archive_becomes_the_swarm(make: Make, name: str) -> None:
    here = make(name)
    machine, locked = here.machine, name == LOCKED
    result = here.run()
    assert (result["changed"], result["swarm_id"], result["node_id"]) == (True, here.told.swarm_id, here.told.node_id)
    assert (result["missing"], result["extra"], result["relocked"]) == ({}, {}, "")
    assert (result["rotated"], result["autolock"], machine.rotations) == (locked, locked, int(locked))
    assert machine.unlock_key == (NEW_KEY if locked else "")
    assert machine.labels == {"kept": "yes"}, "the lease of the backup is nobody's"
    assert [str(path) for path in machine.old_state] == [result["aside"]]
    assert list(result["phases"]) == ["stop", "aside", "place", "start", "force", *([] if locked else ["snapshot"]),
                                      "restart", "return", "rotate", "compare"]  # fmt: skip
    assert not here.path.parent.exists(), "what was received stays"
    assert machine.clear_keys == [] or not locked
    entry = here.entry()
    assert entry is not None
    assert (entry.step, entry.rotated, entry.opened) == ("finished", True, locked)


@pytest.mark.parametrize("name", [LOCKED, PLAIN])
def test_the_second_run_changes_nothing(make: Make, name: str) -> None:
    here = make(name)
    here.run()
    before = tree(here.machine.root), tree(here.machine.own), list(here.machine.calls), here.machine.rotations
    here.bring()
    result = here.run()
    assert (result["changed"], result["phases"], result["missing"], result["extra"]) == (False, {}, {}, {})
    assert before == (tree(here.machine.root), tree(here.machine.own), here.machine.calls, here.machine.rotations)
    here.bring()
    assert here.run(check=True)["changed"] is False


def test_check_mode_changes_nothing(make: Make) -> None:
    here = make(LOCKED)
    result = here.run(check=True)
    assert result["changed"] is True
    assert f"swarm {here.told.swarm_id} be brought up" in result["msg"]
    assert_untouched(here)


def test_what_differs_is_told(make: Make) -> None:
    here = make(PLAIN)
    gone = here.machine.objects["service"].pop()
    here.machine.objects.setdefault("secret", []).append(("x9", "another"))
    result = here.run()
    assert result["missing"] == {"service": [list(gone)]}
    assert result["extra"] == {"secret": [["x9", "another"]]}


# -- refused ---------------------------------------------------------------------------------------------------------


def running(_patch: Any, here: Restored) -> None:
    here.machine.place = "active"
    names = dict(zip(("swarm_id", "node_id"), (here.told.swarm_id, "other"), strict=True))
    _patch.setattr(statedir, "node_certificate", lambda _root: type("C", (), {"swarm": names["swarm_id"],
                                                                             "node": names["node_id"]}))  # fmt: skip


def locked_here(patch: Any, here: Restored) -> None:
    running(patch, here)
    here.machine.place = "locked"


def foreign(patch: Any, here: Restored) -> None:
    here.machine.place = "active"
    patch.setattr(statedir, "node_certificate", lambda _root: type("C", (), {"swarm": "s9", "node": "n9"}))


def pending_unknown(_patch: Any, here: Restored) -> None:
    here.machine.place = "pending"


def elsewhere(patch: Any, _here: Restored) -> None:
    patch.setattr(host, "addresses", lambda: [{"address": "198.51.100.7"}, {"address": "10.1.1.1"}])


def no_address(patch: Any, _here: Restored) -> None:
    patch.setattr(host, "addresses", list)


def no_room(patch: Any, _here: Restored) -> None:
    patch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, 100 << 20))


def wrong_key(_patch: Any, here: Restored) -> None:
    here.keys = [OTHER_KEY]


def wrong_keys(_patch: Any, here: Restored) -> None:
    here.keys = [OTHER_KEY, "no key at all"]


def no_key(_patch: Any, here: Restored) -> None:
    here.keys = []


def no_archive(_patch: Any, here: Restored) -> None:
    here.path.write_bytes(b"hello")


def cut_off(_patch: Any, here: Restored) -> None:
    here.path.write_bytes(here.path.read_bytes()[:-500])


def repacked(here: Restored, change: Callable[[str, bytes], bytes]) -> None:
    """Change what is in the archive without its manifest's knowing."""
    out = io.BytesIO()
    with tarfile.open(here.path) as source, tarfile.open(fileobj=out, mode="w") as target:
        for entry in source:
            stream = source.extractfile(entry)
            content = change(entry.name, stream.read()) if stream else b""
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    here.path.write_bytes(gzip.compress(out.getvalue()))


def damaged(_patch: Any, here: Restored) -> None:
    repacked(here, lambda name, data: data[:100] + b"\xff" + data[101:] if name.endswith(".wal") else data)


def newer(_patch: Any, here: Restored) -> None:
    repacked(here, lambda name, data: data.replace(b'"format": 1', b'"format": 99').replace(b'"format":1',
                                      b'"format":99') if name == archive.MANIFEST else data)  # fmt: skip


def other_state(_patch: Any, here: Restored) -> None:
    here.packing = here.packing.say(commit=7)
    here.bring()


def unreadable_journal(_patch: Any, here: Restored) -> None:
    here.machine.own.mkdir(exist_ok=True)
    Path(here.machine.journal().path).write_text("{")


REFUSALS = [
    (running, "a node of swarm .* runs on this host .state 'active'.*quorum.swarm.recover .*allow_restore_running"),
    (locked_here, "a node of swarm .* runs on this host .state 'locked'.*swarm_allow_restore_running=true"),
    (foreign, "this host belongs to another swarm .s9, state 'active'.*swarm_allow_restore_foreign=true"),
    (pending_unknown, "this host belongs to another swarm .unknown, state 'pending'"),
    (elsewhere, "the archived manager is known .* as .*:2377, .* this host has 198.51.100.7, 10.1.1.1. Give this host"),
    (no_address, "this host has no address"),
    (no_room, r"has 100 MiB free, and the state may need 128 MiB\. Make room there\."),
    (wrong_key, r"is autolocked, and the unlock key does not open it .it needs the one of version \d+"),
    (wrong_keys, "is autolocked, and the unlock key does not open it"),
    (no_key, "is autolocked, and no unlock key was given"),
    (no_archive, "is no archive of quorum.swarm, or it is damaged"),
    (cut_off, "is no archive of quorum.swarm, or it is damaged"),
    (damaged, "is damaged: its checksum is not the manifest's"),
    (newer, "restore.tar.gz: .*99"),
    (other_state, "its manifest names the commit index 7, and the state has"),
    (unreadable_journal, "The journal .* cannot be read"),
]


@pytest.mark.parametrize(("trouble", "words"), REFUSALS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_refused_and_nothing_changed(
    make: Make, monkeypatch: pytest.MonkeyPatch, trouble: Any, words: str, check: bool
) -> None:
    here = make(LOCKED)
    trouble(monkeypatch, here)
    disk = tree(here.machine.root), tree(here.machine.own)
    with pytest.raises(Refused, match=rf"(?s)^{REFUSED}.*{words}") as caught:
        here.run(check)
    assert disk == (tree(here.machine.root), tree(here.machine.own))
    assert (here.machine.calls, here.machine.inits) == ([], [])
    said = str(caught.value)
    assert "\n" not in said
    assert [key for key in (here.machine.unlock_key, *here.keys) if key in said] == []
    assert "PRIVATE" not in said


@pytest.mark.parametrize(("trouble", "allow"), [(running, "allow_running"), (foreign, "allow_foreign")])
def test_what_is_allowed_is_done(make: Make, trouble: Any, allow: str) -> None:
    here = make(LOCKED)
    with pytest.MonkeyPatch.context() as patch:
        trouble(patch, here)
        assert here.run(**{allow: True})["changed"] is True
    assert len(here.machine.old_state) == 1


def test_of_several_keys_the_one_that_fits(make: Make) -> None:
    here = make(LOCKED)
    here.keys = [OTHER_KEY, "none", *here.keys]
    assert here.run()["rotated"] is True


def test_another_run_on_this_host(make: Make) -> None:
    here = make(LOCKED)
    with stopped.alone(), pytest.raises(Refused, match="Another run is stopping Docker"):
        here.run()
    assert_untouched(here)


# -- failed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["stop", "start", "init"])
def test_what_fails_before_the_swarm_is_there_is_undone(make: Make, what: str) -> None:
    here = make(LOCKED)
    words = iter(["it broke", ""])
    if what == "init":
        here.machine.trouble = {"init": (500, {"message": f"it broke {here.machine.unlock_key}"})}
    else:
        real = getattr(here.machine, what)
        setattr(here.machine, what, lambda: next(words, "") or real())
    with pytest.raises(Refused, match=r"it broke.*The host is as it was found\.$") as caught:
        here.run()
    assert here.machine.unlock_key not in str(caught.value)
    assert (tree(here.machine.swarm), here.entry(), here.machine.running) == (OLD, None, True)
    assert not (here.machine.own / "aside").exists() or list((here.machine.own / "aside").iterdir()) == []


def test_an_engine_that_starts_with_another_folder_makes_no_swarm_there(make: Make) -> None:
    """The place of a stopped engine's state follows from its configuration; what its unit runs may change that."""
    here = make(LOCKED)
    real = here.machine.start

    def start() -> str:
        here.machine.elsewhere = "/srv/docker"
        return real()

    here.machine.start = start  # type: ignore[method-assign]
    with pytest.raises(Refused, match=r"its state in /srv/docker .*no swarm was made there\. The host is as it was"):
        here.run()
    assert here.machine.inits == []
    assert (tree(here.machine.swarm), here.entry()) == (OLD, None)


def test_the_host_is_called_as_it_was_found_only_when_that_was_seen(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(LOCKED)
    here.machine.trouble = {"init": (500, {"message": "it broke"})}
    moved = statedir.move

    def loses(source: str, target: str) -> None:
        moved(source, target)
        if target == str(here.machine.swarm):
            (here.machine.swarm / "state.json").unlink()

    monkeypatch.setattr(statedir, "move", loses)
    with pytest.raises(Refused, match=r"could not be put back by itself \(.*/swarm does not hold what it held\)"):
        here.run()
    assert here.entry() is not None


def test_what_cannot_be_undone_is_told_with_the_place(make: Make) -> None:
    here = make(LOCKED)
    here.machine.trouble = {"start": "it broke"}
    with pytest.raises(Refused, match=r"Docker does not start: it broke\. What was here before could not be put back "
                                      r"by itself \(it broke\)"):  # fmt: skip
        here.run()
    assert len(here.machine.old_state) == 1


def test_what_fails_afterwards_goes_on_in_the_next_run(make: Make) -> None:
    here = make(LOCKED)
    here.machine.script.say("POST /swarm/unlock", (500, {"message": "no"}))
    with pytest.raises(Refused, match=r"The swarm was brought up before that; run again, which goes on from there\.$"):
        here.run(timeout=0.3)
    here.machine.script.say("POST /swarm/unlock", here.machine._unlock)
    result = here.run()
    assert (result["changed"], result["relocked"], len(here.machine.inits)) == (True, "", 1)


def test_a_key_that_does_not_change_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make(LOCKED)

    def not_done(*_args: Any, **_options: Any) -> None:
        raise settings.NotDone("the unlock key is still the old one after 0 s.")

    monkeypatch.setattr(settings, "apply", not_done)
    with pytest.raises(Refused, match=r"^The swarm is back, and the unlock key is still the old one.* Run again\.$"):
        here.run()


def test_what_the_next_run_has_brought_stays(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its controller was killed, and the module goes on: meanwhile the next run sends the archive, and waits."""
    here = make()
    stop = here.machine.stop

    def meanwhile() -> str:
        receiving.drop(here.path.name)  # as the first piece does
        here.bring()
        return stop()

    monkeypatch.setattr(here.machine, "stop", meanwhile)
    assert here.run()["changed"] is True
    assert here.path.exists(), "the next run finds no archive"


# -- killed ----------------------------------------------------------------------------------------------------------


def test_killed_at_every_point_the_next_run_ends_it(make: Make) -> None:
    """And tells of a key that lay in clear; the unlock key is another one in the end, whatever happened."""
    number, through, told = 0, False, 0
    while not through:
        number += 1
        here = make()
        machine, old_key = here.machine, here.machine.unlock_key
        with killed_at(number) as seen:
            try:
                here.run()
                through = True
            except Killed:
                pass
        exposed = bool(machine.clear_keys)
        power = number % 2 == 0
        if power:
            machine.start()  # the host boots
        here.bring()
        where = seen[-1], power
        entry = here.entry()
        if power and entry and entry.rotated:
            # Nobody was told the new key, and the journal does not know that: the operator has to say it.
            with pytest.raises(Refused, match=r"no kept key opens it: .* -e swarm_allow_restore_running=true begins"):
                here.run()
            here.allowed = {"allow_running": True}
        result = here.run()
        assert bool(result["relocked"]) >= exposed, where
        told += bool(result["relocked"])
        assert (machine.place, machine.clear_keys, len(machine.old_state) >= 1) == ("active", [], True), where
        assert machine.unlock_key != old_key, where
        assert machine.rotations in (1, 2), where
        assert machine.labels == {"kept": "yes"}, where
        assert not here.path.parent.exists(), where
        here.bring()
        assert here.run()["changed"] is False, where
    assert number > 40
    assert told > 3


def test_a_key_in_clear_is_told_only_where_one_was(make: Make) -> None:
    here = make(PLAIN)
    with killed_at(14) as seen, pytest.raises(Killed):
        here.run()
    assert "after place" not in seen
    assert here.run()["relocked"] == ""


def test_the_power_fails_before_the_new_key_is_known(make: Make) -> None:
    """Nobody ever opens this manager again: it begins anew, and its state is moved aside like any other."""
    here = make()
    here.run()
    entry = here.entry()
    assert entry is not None
    here.machine.journal().write(replace(entry, rotated=False))
    here.machine.start()
    assert here.machine.place == "locked"
    here.bring()
    archived = here.machine.archived
    here.machine.unlock_key = "SWMKEY-1-" + "x" * 43
    result = here.run()
    assert (result["changed"], result["rotated"], len(here.machine.inits)) == (True, True, 2)
    assert archived[NODE_KEY] == tree(here.machine.swarm)[NODE_KEY]


def test_the_power_fails_afterwards(make: Make) -> None:
    """Whoever has the key runs it again, and it is unlocked."""
    here = make()
    here.run()
    here.machine.start()
    assert here.machine.place == "locked"
    here.keys = [OTHER_KEY, NEW_KEY]
    here.bring()
    assert here.run()["changed"] is False
    assert (here.machine.place, len(here.machine.inits)) == ("active", 1)


def test_an_archive_of_another_day_takes_back_what_was_broken_off(make: Make) -> None:
    """What the other one has put in place has its key in clear: it is not moved aside, it goes."""
    here = make()
    with killed_at(1) as seen, pytest.raises(Killed):
        here.run()
    for number in range(2, 200):
        here = make()
        with killed_at(number) as seen, pytest.raises(Killed):
            here.run()
        if here.machine.inits:
            break
        here.bring()
        result = here.run(sha256="b" * 64)
        assert (here.machine.place, here.machine.clear_keys) == ("active", []), seen[-1]
        assert [str(path) for path in here.machine.old_state] == [result["aside"]], seen[-1]
        assert here.entry() == replace(here.entry(), archive="b" * 64), seen[-1]  # type: ignore[type-var]


def test_what_somebody_made_of_the_host_since_then_is_not_discarded(make: Make) -> None:
    """Broken off, given up, and a member of another swarm now."""
    here = make()
    for number in range(1, 200):
        here = make()
        with killed_at(number) as seen, pytest.raises(Killed):
            here.run()
        if seen[-1] == "after place":
            break
    statedir.remove(str(here.machine.swarm))
    other = make_other(here.machine)
    here.machine.place, here.machine.running = "active", True
    with pytest.raises(Refused, match=f"^{REFUSED}: this host belongs to another swarm .{other}, state 'active'"):
        here.run()
    before = tree(here.machine.swarm)
    here.bring()
    result = here.run(allow_foreign=True)
    assert tree(result["aside"]) == before
    assert len(here.machine.old_state) == 1


def make_other(machine: Machine) -> str:
    """Lay another swarm's manager in place; its cluster ID."""
    one = capture(PLAIN)
    for name, content in one.files.items():
        (machine.swarm / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.swarm / name).write_bytes(content)
    return machine.node[0]


def test_nothing_secret_is_in_what_is_returned_or_left(make: Make, tmp_path: Path) -> None:
    here = make(LOCKED)
    key = here.machine.unlock_key
    result = here.run()
    for text in (repr(result), repr(restore.Request("p", "s", (key,)))):
        assert key not in text
        assert NEW_KEY not in text
        assert "PRIVATE" not in text
    left = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_socket()
            and any(secret.encode() in path.read_bytes() for secret in (key, NEW_KEY))]  # fmt: skip
    assert left == []


@pytest.mark.parametrize(
    ("wanted", "found", "missing", "extra"),
    [
        ({}, {}, {}, {}),
        ({"secret": (("a", "x"),)}, {"secret": [("a", "x")]}, {}, {}),
        ({"secret": (("a", "x"), ("b", "y"))}, {"secret": [("b", "y")]}, {"secret": [["a", "x"]]}, {}),
        ({"secret": ()}, {"secret": [("b", "y"), ("a", "x")]}, {}, {"secret": [["a", "x"], ["b", "y"]]}),
        ({"node": (("a", "x"), ("b", "y"))}, {"node": [("a", "z")]}, {"node": [["b", "y"]]}, {}),
        ({"config": (("a", "x"),)}, {"config": [("a", "z")]}, {"config": [["a", "x"]]}, {"config": [["a", "z"]]}),
        ({"service": (("a", "x"),)}, {}, {"service": [["a", "x"]]}, {}),
    ],
)
def test_difference(wanted: Any, found: Any, missing: Any, extra: Any) -> None:
    assert restore.difference(wanted, found) == (missing, extra)
    assert set(wanted) <= set(manifest.KINDS)


def test_the_journal_is_there_before_the_first_deed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    seen: list[Entry | None] = []
    stop = here.machine.stop

    def look() -> str:
        seen.append(here.entry())
        return stop()

    monkeypatch.setattr(here.machine, "stop", look)
    here.run()
    assert seen[0] is not None
    assert (seen[0].step, seen[0].ran, seen[0].what, seen[0].archive) == (journal.BEGUN, True, "restore", "a" * 64)
