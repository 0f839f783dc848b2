"""A request is sent and its answer is lost: a read decides, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.errors import DirectoryUntrusted
from tests.support.directory import Directory
from tests.support.invariants import differences
from tests.support.proxy import Cut, Hook, Proxy, Request
from tests.support.walk import Row, Walk, actions, student, students
from tests.support.workspace import Workspace

CUTS = pytest.mark.parametrize("cut", list(Cut), ids=lambda cut: cut.name.lower())


@pytest.fixture(autouse=True)
def impatient(workspace: Workspace, proxy: Proxy) -> None:
    """A silent directory is given up after a second."""
    workspace.configure({"directory": {"receive_timeout": 1}})


def losing(operation: str, cut: Cut, times: int = 1) -> Hook:
    """Loses the first few requests of a kind, or their answers."""
    left = iter(range(times))

    def lose(request: Request) -> Cut | None:
        lost = request.operation == operation and next(left, None) is not None
        return cut if lost else None

    return lose


def changed(rows: list[Row]) -> list[Row]:
    """An update, an expiry and a creation."""
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        student("22700001", "Zoé", "Nouvelle"),
    ]


@pytest.fixture
def undisturbed(tmp_path: object, own_directory: Directory, workspace: Workspace) -> Walk:
    """A directory that goes the same way without a fault."""
    folder = workspace.folder.parent / "undisturbed"
    folder.mkdir(mode=0o700)
    return Walk(Workspace(folder, own_directory))


@CUTS
def test_a_lost_answer_to_an_add_is_looked_up_and_nobody_is_added_twice(
    walk: Walk, proxy: Proxy, undisturbed: Walk, cut: Cut
) -> None:
    proxy.after = losing("add", cut)
    walk.synced(students(6))
    dns = [request.dn for request in proxy.of("add")]
    assert len(dns) == len(set(dns)) == 6
    undisturbed.synced(students(6))
    assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


@CUTS
def test_a_lost_answer_to_a_modify_is_looked_up_and_nothing_is_modified_twice(
    walk: Walk, proxy: Proxy, undisturbed: Walk, cut: Cut
) -> None:
    rows = students(4)
    walk.synced(rows)
    proxy.forget()
    proxy.after = losing("modify", cut, times=2)
    walk.synced(changed(rows))
    assert len(proxy.of("modify")) == 2
    undisturbed.synced(rows)
    undisturbed.synced(changed(rows))
    assert differences(walk.directory, undisturbed.directory) == []
    walk.writes_nothing()


@CUTS
def test_a_request_that_never_arrived_is_made_again_after_a_look(
    walk: Walk, proxy: Proxy, cut: Cut
) -> None:
    proxy.before = losing("add", cut)
    walk.synced(students(6))
    dns = [request.dn for request in proxy.of("add")]
    assert len(dns) == 7
    twice = next(dn for dn in dns if dns.count(dn) == 2)
    about_it = [r.operation for r in proxy.seen if r.dn == twice]
    assert about_it[:2] == ["add", "search"]
    assert about_it[-1] == "add"
    walk.writes_nothing()


@CUTS
def test_the_look_may_be_lost_as_well(walk: Walk, proxy: Proxy, cut: Cut) -> None:
    lost: list[str] = []

    def lose(request: Request) -> Cut | None:
        first_add = request.operation == "add" and not lost
        its_look = request.operation == "search" and lost == [request.dn]
        if first_add or its_look:
            lost.append(request.dn)
            return cut
        return None

    proxy.after = lose
    walk.synced(students(6))
    assert len(lost) == 2
    assert len(proxy.of("add")) == 6
    walk.writes_nothing()


def away_after(proxy: Proxy, operation: str) -> None:
    """The first request of a kind is carried out, and from then on nothing comes through."""

    def lose(request: Request) -> Cut | None:
        if request.operation != operation:
            return None
        proxy.before = lambda _: Cut.RESET
        return Cut.RESET

    proxy.after = lose


def test_an_entry_that_was_added_before_the_directory_went_away_keeps_its_password(
    walk: Walk, proxy: Proxy
) -> None:
    walk.workspace.write_register(students(8))
    away_after(proxy, "add")
    report = walk.workspace.json("sync", status=1)
    assert {change["outcome"] for change in report["changes"]} == {"failed"}
    assert len(walk.people()) >= 1
    proxy.forget()
    walk.synced()
    assert len(walk.people()) == 8
    walk.writes_nothing()


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_reissue_before_the_directory_went_away_leaves_a_password_that_prints_and_binds(
    walk: Walk, proxy: Proxy, lost: str
) -> None:
    walk.synced(students(3))
    if lost == "answer":
        away_after(proxy, "modify")
    else:
        proxy.before = lambda request: Cut.RESET if request.operation == "modify" else None
    done = walk.workspace.scolpass("reissue", "22600001", "--reason", "lost")
    assert done.returncode == 1
    assert "22600001" in done.stderr
    assert done.stdout == ""
    proxy.forget()
    walk.synced()
    walk.writes_nothing()


def test_every_answer_may_be_lost_and_all_is_done_once(walk: Walk, proxy: Proxy) -> None:
    proxy.after = losing("add", Cut.RESET, times=1000)
    walk.synced(students(6))
    dns = [request.dn for request in proxy.of("add")]
    assert len(dns) == len(set(dns)) == 6
    walk.writes_nothing()


@CUTS
@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_reissue_whose_answer_is_lost_shows_the_password_that_binds(
    walk: Walk, proxy: Proxy, cut: Cut, lost: str
) -> None:
    walk.synced(students(2))
    before = walk.password("22600001")
    if lost == "request":
        proxy.before = losing("modify", cut)
    else:
        proxy.after = losing("modify", cut)
    shown = walk.workspace.json("reissue", "22600001", "--reason", "lost")["provisional_password"]
    assert shown == walk.password("22600001")
    dn = walk.person("22600001")["dn"][0]
    assert walk.directory.bind_result(dn, shown) == 0
    assert shown == before or walk.directory.bind_result(dn, before) == 49
    walk.invariants().check()
    walk.writes_nothing()


@pytest.mark.parametrize("cut", [Cut.CLOSE, Cut.RESET], ids=["close", "reset"])
def test_a_read_that_is_cut_anywhere_is_never_taken_for_the_whole(
    walk: Walk, proxy: Proxy, cut: Cut
) -> None:
    rows = students(12)
    walk.synced(rows)
    before = walk.directory.csns()
    walk.workspace.write_register(changed(rows))
    proxy.forget()
    walk.plan()
    sizes = [0, 1, 13, 14, 15, 40, 200, *range(1000, 120_000, 4001)]
    refused = 0
    for proxy.answer_bytes in sizes:
        proxy.answer_cut = cut
        try:
            prepared = walk.plan()
        except DirectoryUntrusted:
            refused += 1
        else:  # the cut comes after the last answer
            assert [action for action, _ in actions(prepared)] == ["update", "expire", "create"]
    assert refused > 15
    assert walk.directory.csns() == before


def test_a_sync_whose_read_is_cut_ends_4(
    walk: Walk, proxy: Proxy, refuses: Callable[..., str]
) -> None:
    walk.synced(students(12))
    proxy.answer_bytes = 20_000
    assert "othing was written" in refuses()


def test_a_slow_line_in_slices_of_one_byte_changes_nothing(
    walk: Walk, proxy: Proxy, undisturbed: Walk
) -> None:
    rows = students(4)
    proxy.delay, proxy.slice = 0.02, 1
    walk.synced(rows)
    walk.synced(changed(rows))
    undisturbed.synced(rows)
    undisturbed.synced(changed(rows))
    assert differences(walk.directory, undisturbed.directory) == []


def test_more_connections_than_the_server_takes_only_delay_the_rest(
    walk: Walk, proxy: Proxy
) -> None:
    proxy.most_connections = 3  # one for reading, two for writing, of four
    report = walk.sync(students(12))
    assert report.exit_status in (0, 1)
    proxy.forget()
    if report.exit_status:
        walk.synced()
    walk.invariants().check()
    assert len(walk.people()) == 12
    walk.writes_nothing()
