"""The spool: files that are half there, no files at all, oddly named, very many; and a journal that
cannot keep what they hold."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.inbox import events
from tests.faults.test_journal import sync_with_room_for
from tests.support.events import NUMBER, Body, Inbox, activation, event, forwarding
from tests.support.waiting import wait_until
from tests.support.walk import Walk, student
from tests.support.workspace import Result

BACKUP = "lea@example.org"


@pytest.fixture
def inbox(walk: Walk) -> Inbox:
    """A spool beside one student's entry."""
    walk.workspace.configure({"log": {"file": ""}})
    inbox = Inbox(walk)
    inbox.passed(rows=[student(NUMBER)])
    return inbox


def synced(inbox: Inbox, status: int) -> Result:
    """The real command, that must end so, with an entry that is all right."""
    done = inbox.walk.workspace.scolpass("sync")
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    inbox.walk.invariants().check(outputs=[done.stdout, done.stderr])
    return done


def mail_of(inbox: Inbox) -> list[str]:
    return inbox.walk.person(NUMBER).get("supannMailPerso", [])


def opened() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def reason_of(inbox: Inbox, name: str) -> str:
    return (inbox.spool / "rejected" / f"{name}.reason").read_text()


# --- half a file --------------------------------------------------------------------------------


def test_a_file_that_is_copied_and_not_renamed_is_taken_once_it_is_whole(inbox: Inbox) -> None:
    text = json.dumps(activation())
    half = inbox.spool / "copied.json"
    inbox.drop(activation(who="nobody"), "before.json")
    with half.open("w") as file:
        file.write(text[:100])
        file.flush()
        taking = threading.Thread(target=inbox.pass_)
        taking.start()
        # Once the others have gone, the first look at this one lies behind.
        wait_until((inbox.spool / "done/before.json").exists)
        file.write(text[100:])
    taking.join()
    assert inbox.names("done") == ["before.json", "copied.json"]
    assert mail_of(inbox) == [BACKUP]


def test_half_a_file_is_never_taken(inbox: Inbox) -> None:
    halves = {"empty": b"", "begun": b"{", "bytes": b"\xff\xfe{", "zeros": b"\x00" * 100}
    for name, content in halves.items():
        (inbox.spool / f"{name}.json").write_bytes(content)
    inbox.drop(activation())
    synced(inbox, 1)
    assert mail_of(inbox) == [BACKUP]
    rejected = [row for row in inbox.listed() if row["status"] == "rejected"]
    assert sorted(row["id"] for row in rejected) == sorted(f"{name}.json" for name in halves)
    for row in rejected:
        assert row["source"] is row["type"] is row["time"] is None
        assert "cannot be read as JSON" in reason_of(inbox, row["id"])


def test_a_truncated_event_is_never_taken_wherever_it_is_cut(inbox: Inbox) -> None:
    text = json.dumps(activation()).encode()
    for end in range(len(text)):
        (inbox.spool / f"{end:03}.json").write_bytes(text[:end])
    synced(inbox, 1)
    assert len(inbox.names("rejected")) == 2 * len(text)
    assert mail_of(inbox) == []


# --- no file at all -----------------------------------------------------------------------------


def test_links_pipes_folders_and_giants_are_rejected_unread_and_the_rest_goes_on(
    inbox: Inbox,
) -> None:
    outside = inbox.spool.parent / "outside.json"
    outside.write_text(json.dumps(activation(backup_mail="link@example.org")))
    (inbox.spool / "link.json").symlink_to(outside)
    (inbox.spool / "dangling.json").symlink_to("nowhere")
    (inbox.spool / "loop.json").symlink_to("loop.json")
    (inbox.spool / "folder.json").mkdir()
    (inbox.spool / "folder.json" / "inner.json").write_text("{}")
    os.mkfifo(inbox.spool / "pipe.json")
    with (inbox.spool / "giant.json").open("w") as file:
        json.dump(activation(backup_mail="giant@example.org", more="x" * (1 << 20)), file)
    inbox.drop(activation(), "zzz.json")
    names = ["dangling", "folder", "giant", "link", "loop", "pipe"]
    descriptors = opened()
    report = inbox.pass_()
    assert report.exit_status == 0
    assert opened() == descriptors
    assert mail_of(inbox) == [BACKUP]
    assert inbox.names("") == []
    assert inbox.names("done") == ["zzz.json"]
    assert inbox.names("rejected") == sorted(
        f"{name}.json{end}" for name in names for end in ("", ".reason")
    )
    for name, why in (
        ("pipe", "not a regular file"),
        ("folder", "not a regular"),
        ("giant", "larger"),
    ):
        assert why in reason_of(inbox, f"{name}.json")
    # What a link points to stays where and as it is.
    assert (inbox.spool / "rejected/link.json").is_symlink()
    assert json.loads(outside.read_text())["specversion"] == "1.0"


def test_a_reason_is_not_written_through_a_link_that_waits_for_it(inbox: Inbox) -> None:
    target = inbox.spool.parent / "target"
    target.write_text("untouched")
    (inbox.spool / "rejected").mkdir()
    (inbox.spool / "rejected/bad.json.reason").symlink_to(target)
    inbox.drop({}, "bad.json")
    synced(inbox, 1)
    assert target.read_text() == "untouched"
    assert "specversion" in reason_of(inbox, "bad.json")


def test_a_file_that_cannot_be_read_is_rejected_and_the_rest_goes_on(
    inbox: Inbox, strace: list[str]
) -> None:
    bad = inbox.drop(activation(backup_mail="other@example.org"), "bad.json")
    inbox.drop(activation(), "good.json")
    failing = ["-P", str(bad), "-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"]
    done = inbox.walk.workspace.scolpass_traced([*strace, *failing], "sync")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "it cannot be read: Input/output error" in reason_of(inbox, "bad.json")
    assert bad.name in inbox.names("rejected")  # whole, to be dropped again
    assert inbox.names("done") == ["good.json"]
    assert mail_of(inbox) == [BACKUP]


# --- odd names, odd content ---------------------------------------------------------------------


def test_odd_names_are_taken_like_any_other(inbox: Inbox) -> None:
    odd = [
        b"-rf.json",
        b"a\nb.json",
        b"\xff\xfe.json",
        "é€𝄞.json".encode(),
        b" .json",
        b"$(x).json",
    ]
    odd += [b"a" * 250 + b".json", b"b" * 250 + b".json", b"\xe2\x80\xae.json", b"..json"[1:]]
    folder = os.fsencode(inbox.spool)
    for number, name in enumerate(odd):
        body: object = activation() if number % 2 else {"no": "event"}
        Path(os.fsdecode(folder + b"/" + name)).write_text(json.dumps(body))
    Path(os.fsdecode(folder + b"/\xfe.json")).write_text("{")
    done = inbox.walk.workspace.scolpass("sync", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    json.loads(done.stdout)
    assert inbox.names("") == [".json"]  # hidden: somebody is still writing it
    assert len(inbox.names("done")) + len(inbox.names("rejected")) // 2 == 10
    assert mail_of(inbox) == [BACKUP]
    for args in (("events", "list"), ("events", "list", "--json")):
        listed = inbox.walk.workspace.scolpass(*args)
        assert listed.returncode == 0
        assert "\u202e" not in listed.stdout


def test_a_name_that_comes_again_covers_no_earlier_one(inbox: Inbox) -> None:
    long = "n" * 250 + ".json"
    for _ in range(3):
        for name in ("event.json", long):
            inbox.drop(activation(), name)
        inbox.drop({}, "bad.json")
        inbox.pass_()
    assert [name for name in inbox.names("done") if len(name) < 50] == [
        "event.2.json",
        "event.3.json",
        "event.json",
    ]
    assert len(inbox.names("done")) == 6
    assert len([n for n in inbox.names("rejected") if n.endswith(".reason")]) == 3


DEEP = 900  # what json reads and, a few frames on, cannot write again
POISON = {
    "nested deep": '{"a":' * DEEP + "1" + "}" * DEEP,
    "nested without end": "[" * 100_000,
    "half signs": '{"id": "\\ud800", "source": "\\udfff", "specversion": "1.0"}',
    "NUL": '{"id": "a\\u0000b", "source": "s"}',
    "no number": '{"id": NaN}',
    "a number without end": "1" * 5000,
    "null": "null",
    "an empty list": "[]",
    "a list of events": json.dumps([activation(backup_mail="list@example.org")]),
    "a key twice": '{"id": "x", "id": "y"}',
}


def test_poisoned_files_are_rejected_once_and_hold_nothing_up(inbox: Inbox) -> None:
    for name, text in POISON.items():
        (inbox.spool / f"{name}.json").write_text(text)
    inbox.drop(activation())
    synced(inbox, 1)
    assert mail_of(inbox) == [BACKUP]
    left = inbox.names("rejected")
    assert [name for name in left if name.endswith(".json")] == sorted(f"{n}.json" for n in POISON)
    assert [row["status"] for row in inbox.listed()].count("rejected") == len(POISON)
    synced(inbox, 0)


def test_a_deep_value_within_a_good_event_is_no_way_in(inbox: Inbox) -> None:
    for depth in (15, 100, 900, 960, 980, 990):
        value: object = "x"
        for _ in range(depth):
            value = {"a": value}
        body = activation(backup_mail=value)
        text = json.dumps({**body, "data": {**body["data"], "backup_mail": None}})
        deep = '{"a":' * depth + "1" + "}" * depth
        path = inbox.spool / f"{depth}.json"
        path.write_text(text.replace('"backup_mail": null', f'"backup_mail": {deep}'))
    inbox.pass_()
    assert len(inbox.names("rejected")) == 12
    inbox.passed()


# --- the folders --------------------------------------------------------------------------------


def test_missing_folders_are_made_for_their_owner_alone(inbox: Inbox) -> None:
    for folder in ("done", "rejected"):
        shutil.rmtree(inbox.spool / folder, ignore_errors=True)
    inbox.drop(activation())
    synced(inbox, 0)
    assert (inbox.spool / "done").stat().st_mode & 0o777 == 0o700
    assert len(inbox.names("done")) == 1


@pytest.mark.parametrize("kind", ["file", "link"])
@pytest.mark.parametrize("folder", ["done", "rejected"])
def test_a_file_or_a_link_in_place_of_a_folder_is_named_and_nothing_is_taken(
    inbox: Inbox, folder: str, kind: str, tmp_path: Path
) -> None:
    shutil.rmtree(inbox.spool / folder, ignore_errors=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "file":
        (inbox.spool / folder).write_text("in the way")
    else:
        (inbox.spool / folder).symlink_to(elsewhere)
    inbox.drop(activation())
    done = inbox.walk.workspace.scolpass("sync")
    assert done.returncode == 2
    assert str(inbox.spool / folder) in done.stderr
    assert "events.spool.path" in done.stderr
    assert "Traceback" not in done.stderr
    assert inbox.listed() == []
    assert list(elsewhere.iterdir()) == []
    (inbox.spool / folder).unlink()
    synced(inbox, 0)
    assert mail_of(inbox) == [BACKUP]


def test_without_a_spool_the_register_is_followed_all_the_same(inbox: Inbox) -> None:
    shutil.rmtree(inbox.spool)
    inbox.walk.workspace.write_register([student(NUMBER), student("2", "Zoé")])
    synced(inbox, 0)
    assert "2" in inbox.walk.people()


def test_a_spool_that_is_a_file_is_named(inbox: Inbox) -> None:
    shutil.rmtree(inbox.spool)
    inbox.spool.write_text("no folder")
    done = inbox.walk.workspace.scolpass("sync")
    assert done.returncode == 2
    assert str(inbox.spool) in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_leave_the_spool_is_said_and_is_stored_and_applied_once(
    inbox: Inbox, own_mounts: list[str]
) -> None:
    """``done/`` and ``rejected/`` lie on another disk, where no file can be renamed to."""
    for folder in ("done", "rejected"):
        (inbox.spool / folder).mkdir(exist_ok=True)
    first = activation()
    inbox.drop(first, "a.json")
    inbox.drop({**first, "data": {**first["data"], "backup_mail": "x@y.org"}}, "b.json")
    (inbox.spool / "c.json").write_text("{")
    script = (
        "for place in done rejected; do mount -t tmpfs none spool/$place; done\n"
        '"$@"; status=$?; [ "$status" = 1 ] && "$@"'
    )
    done = subprocess.run(
        [*own_mounts, "sh", "-c", script, "sh", *inbox.walk.workspace.command("sync")],
        cwd=inbox.walk.workspace.folder,
        env=inbox.walk.workspace.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("cannot leave the spool") == 6
    assert inbox.names("") == ["a.json", "b.json", "c.json"]
    assert [row["status"] for row in inbox.listed()] == ["applied", "rejected", "rejected"]
    assert mail_of(inbox) == [BACKUP]
    # Mended, they leave for where they belong.
    inbox.pass_()
    assert inbox.names("done") == ["a.json"]
    assert inbox.names("rejected") == ["b.json", "b.json.reason", "c.json", "c.json.reason"]
    assert len(inbox.listed()) == 3


def test_a_spool_without_room_for_a_reason_loses_nothing(
    inbox: Inbox, own_mounts: list[str], tmp_path: Path
) -> None:
    """The disk of the spool is full: renaming goes on, a reason finds no room."""
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {small}; cp spool/*.json {small}; "
        f"head -c 1m /dev/zero > {small}/ballast; "
        f'"$@"; status=$?; ls {small}/rejected; exit $status'
    )
    inbox.drop({}, "bad.json")
    inbox.drop(activation(), "good.json")
    done = subprocess.run(
        [*own_mounts, "sh", "-c", script, "sh", *inbox.walk.workspace.command("sync")],
        cwd=inbox.walk.workspace.folder,
        env=inbox.walk.workspace.environment(SCOLPASS_EVENTS__SPOOL__PATH=str(small)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "bad.json" in done.stdout
    assert mail_of(inbox) == [BACKUP]
    assert sorted(row["status"] for row in inbox.listed()) == ["applied", "rejected"]


# --- killed, locked, full -----------------------------------------------------------------------


def under_strace(inbox: Inbox, strace: list[str], inject: str) -> Result:
    told = ["-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}"]
    return inbox.walk.workspace.scolpass_traced([*strace, *told], "sync")


def test_killed_between_the_journal_and_the_move_nothing_is_lost_or_stored_twice(
    inbox: Inbox, strace: list[str]
) -> None:
    bodies: list[Body] = [activation(), activation(forward_to="x"), forwarding("lea@example.net")]
    for number, body in enumerate(bodies):
        inbox.drop(body, f"{number}.json")
    for nth in (1, 1, 2):
        done = under_strace(inbox, strace, f"/^rename:signal=KILL:when={nth}")
        assert done.returncode != 0
        assert len(inbox.listed()) == 3
    inbox.pass_()
    assert inbox.names("done") == ["0.json", "2.json"]
    assert inbox.names("rejected") == ["1.json", "1.json.reason"]
    assert len(inbox.listed()) == 3
    assert mail_of(inbox) == [BACKUP]
    inbox.passed()


def files(inbox: Inbox) -> Iterator[tuple[str, str]]:
    """Where each file of the spool lies, and the id in it."""
    for folder in ("", "done", "rejected"):
        for path in (inbox.spool / folder).glob("*.json"):
            yield folder, json.loads(path.read_text())["id"]


def test_while_the_journal_is_held_by_another_nothing_is_acknowledged(
    inbox: Inbox, refuses: Callable[..., str]
) -> None:
    inbox.drop(activation())
    with closing(sqlite3.connect(inbox.walk.workspace.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = refuses()
    assert "storing events" in said
    assert "database is locked" in said
    assert [folder for folder, _ in files(inbox)] == [""]
    inbox.passed()
    assert mail_of(inbox) == [BACKUP]


def test_a_journal_that_fails_on_the_disk_has_acknowledged_only_what_it_kept(
    inbox: Inbox, strace: list[str]
) -> None:
    for number in range(600):  # two transactions
        inbox.drop(activation(who=f"{number}"))
    acknowledged = []
    for nth in range(1, 10):
        done = under_strace(inbox, strace, f"fdatasync:error=EIO:when={nth}+")
        assert "Traceback" not in done.stderr
        kept = {row["id"] for row in inbox.listed()}
        acknowledged.append({one for folder, one in files(inbox) if folder})
        assert acknowledged[-1] <= kept
        if done.returncode != 4:
            break
        assert "disk I/O error" in done.stderr
        if len(acknowledged[-1]) == 600:
            break
    assert len({len(one) for one in acknowledged}) > 2, [len(one) for one in acknowledged]
    inbox.pass_()
    assert len(inbox.listed()) == len({one for _, one in files(inbox)}) == 600


def test_a_journal_without_room_has_acknowledged_only_what_it_kept(
    inbox: Inbox, own_mounts: list[str], tmp_path: Path
) -> None:
    for number in range(1500):
        inbox.drop(activation(who=f"{number}"))
    workspace = inbox.walk.workspace
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    for free in (200_000, 900_000, 4_000_000):
        kept.mkdir()
        for path in workspace.folder.glob("journal.db*"):
            shutil.copy(path, kept)
        done = sync_with_room_for(workspace, own_mounts, disk, kept, free)
        for path in kept.iterdir():
            shutil.copy(path, workspace.folder)
        shutil.rmtree(kept)
        assert "Traceback" not in done.stderr
        rows = {row["id"] for row in inbox.listed()}
        assert {one for folder, one in files(inbox) if folder} <= rows
        if done.returncode == 0:
            break
        assert done.returncode == 4
        assert "is full" in done.stderr or "disk I/O error" in done.stderr
    inbox.pass_()
    assert len(inbox.listed()) == 1500
    assert {folder for folder, _ in files(inbox)} == {"done"}


# --- very many ----------------------------------------------------------------------------------


def test_the_same_event_by_two_ways_at_once_is_stored_once(inbox: Inbox) -> None:
    workspace = inbox.walk.workspace
    body = activation()
    path = workspace.folder / "same.json"
    path.write_text(json.dumps(body))
    inbox.drop(body)
    submit = ("events", "submit", str(path), "--json")
    with workspace.start(*submit) as one, workspace.start(*submit) as two:
        swept = workspace.scolpass("sync")
        assert swept.returncode in (0, 4)  # 4: it found one of the others at work, and said so
        for running in (one, two):
            answer, errors = running.communicate(timeout=60)
            assert running.returncode == 0, errors
            [row] = json.loads(answer)
            assert row["status"] == "applied"
    inbox.passed()
    assert [row["status"] for row in inbox.listed()] == ["applied"]
    assert mail_of(inbox) == [BACKUP]


def test_two_thousand_files_take_four_times_as_much_as_five_hundred(inbox: Inbox) -> None:
    """Twice over: what is there already costs nothing, so that 100,000 take minutes, not days."""

    def statements(count: int) -> int:
        for number in range(count):
            inbox.drop(event("backup_mail.changed", who=f"x{number}", backup_mail=BACKUP))
        asked: list[str] = []
        with inbox.walk.context() as opened:
            sa.event.listen(
                opened.journal._engine,
                "before_cursor_execute",
                lambda _connection, _cursor, statement, *_: asked.append(statement),
            )
            taken = events.take_spool(opened)
        assert len(taken) == count
        return len(asked)

    few = statements(500)
    assert statements(2000) <= 4 * few
    assert statements(500) == few
    assert statements(2000) <= 4 * few
    assert len(inbox.names("done")) == 5000
    assert inbox.names("") == []
