"""Two servers: one that lags behind, one that takes no writes, one that goes away in mid-run.

A provider and a consumer of slapd's own replication (syncrepl, RFC 4533), both as local processes.
Replication runs over a line that the test can cut, so that the consumer lags for as long as it
likes. What scolpass sends to either of them passes a proxy that sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.breakage import DATABASE
from tests.support.directory import Directory, LocalDirectory
from tests.support.invariants import Invariants, differences
from tests.support.ports import free_port
from tests.support.proxy import Cut, Proxy, Request
from tests.support.waiting import wait_until
from tests.support.walk import Row, student, students
from tests.support.workspace import Workspace


class Pair:
    """A provider, its consumer, and the lines between them and to them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.provider = LocalDirectory(folder / "provider")
        stack.callback(self.provider.remove)
        self.consumer = LocalDirectory(folder / "consumer")
        stack.callback(self.consumer.remove)
        # Of the same beginning: entryUUIDs and the service account's password, too.
        self.consumer.restore(self.provider.backup())
        self.replication = stack.enter_context(Proxy(self.provider.port, framed=False))
        self.to_provider = stack.enter_context(Proxy(self.provider.port))
        self.to_consumer = stack.enter_context(Proxy(self.consumer.port))
        self.consumer.modify(
            f"dn: {DATABASE}\nchangetype: modify\nadd: olcSyncrepl\n"
            f"olcSyncrepl: rid=001 provider={self.replication.uri} bindmethod=simple "
            f'binddn="{self.provider.admin_dn}" credentials={self.provider.admin_password} '
            f'searchbase="{self.provider.suffix}" type=refreshOnly interval=00:00:00:01 '
            'retry="1 +" attrs="*,+"\n-\n'
            f"add: olcUpdateRef\nolcUpdateRef: {self.provider.uri}\n"
        )
        (folder / "workspace").mkdir(mode=0o700)
        self.workspace = Workspace(folder / "workspace", self.provider)
        self.workspace.configure({"directory": {"connect_timeout": 1, "receive_timeout": 2}})

    def use(self, *proxies: Proxy) -> None:
        """These are ``directory.uris``."""
        self.workspace.configure({"directory": {"uris": [proxy.uri for proxy in proxies]}})

    def lag(self) -> None:
        """From now on the consumer hears nothing new."""
        self.replication.most_connections = 0
        self.replication.answer_bytes = 0

    def catch_up(self) -> None:
        """Wait until the consumer holds what the provider holds."""
        self.replication.forget()
        wait_until(
            lambda: self.provider.csns() == self.consumer.csns(), "the consumer has caught up"
        )

    def promote(self) -> None:
        """The consumer takes writes from now on."""
        self.consumer.modify(
            f"dn: {DATABASE}\nchangetype: modify\ndelete: olcSyncrepl\n-\ndelete: olcUpdateRef\n"
        )

    def synced(self, rows: list[Row]) -> None:
        """A run on the provider that does all."""
        self.use(self.to_provider)
        self.workspace.write_register(rows)
        self.workspace.json("sync")
        Invariants(self.workspace).check()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


@pytest.fixture
def undisturbed(tmp_path: Path, own_directory: Directory) -> Workspace:
    (tmp_path / "undisturbed").mkdir(mode=0o700)
    return Workspace(tmp_path / "undisturbed", own_directory)


def goes_the_same_way(pair: Pair, undisturbed: Workspace, *feeds: list[Row]) -> None:
    """The provider holds what a directory holds that only ever saw these feeds."""
    for feed in feeds:
        undisturbed.write_register(feed)
        undisturbed.json("sync")
    assert differences(pair.provider, undisturbed.directory) == []
    Invariants(pair.workspace).second_run_writes_nothing(lambda: pair.workspace.json("sync"))


def changed(rows: list[Row], news: int = 3) -> list[Row]:
    """An update, an expiry and creations."""
    return [
        {**rows[0], "family_name": "Autre"},
        {**rows[1], "status": "A"},
        *rows[2:],
        *(student(f"2270000{n}", "Zoé", f"Nouvelle{n}") for n in range(news)),
    ]


def writes(proxy: Proxy) -> list[Request]:
    return [request for request in proxy.seen if request.writes]


# --- a consumer -----------------------------------------------------------------------------------


def test_a_consumer_that_is_in_step_serves_while_the_provider_is_away(pair: Pair) -> None:
    pair.synced(students(8))
    pair.catch_up()
    pair.use(pair.to_provider, pair.to_consumer)
    before = pair.consumer.csns()
    with pair.provider.paused():
        answer = pair.workspace.json("sync")
    assert answer["changes"] == []
    assert pair.to_consumer.of("search")
    assert pair.consumer.csns() == before == pair.provider.csns()
    pair.provider.stop()
    try:
        assert pair.workspace.json("plan")["changes"] == []
        assert pair.workspace.json("show", "22600001")["state"] == "inactive"
    finally:
        pair.provider.start()


def test_a_write_to_a_consumer_fails_as_a_referral_and_says_whom_to_name(
    pair: Pair, undisturbed: Workspace
) -> None:
    rows = students(8)
    pair.synced(rows)
    pair.catch_up()
    pair.use(pair.to_consumer)
    pair.workspace.write_register(changed(rows))
    before = pair.provider.csns()
    pair.to_provider.forget()
    answer = pair.workspace.json("sync", status=1)
    assert {one["action"] for one in answer["changes"]} == {"update", "expire", "create"}
    for one in answer["changes"]:
        assert one["outcome"] == "failed"
        assert "a referral (result 10)" in one["error"]
        assert "directory.uris" in one["error"]
    assert pair.provider.csns() == before == pair.consumer.csns()
    assert pair.to_provider.seen == []  # a referral is not followed
    pair.use(pair.to_provider)
    pair.workspace.json("sync")
    Invariants(pair.workspace).check()
    goes_the_same_way(pair, undisturbed, rows, changed(rows))


def test_a_consumer_that_lacks_many_new_entries_is_refused_and_nobody_is_touched(
    pair: Pair,
) -> None:
    rows = students(4)
    pair.synced(rows)
    pair.catch_up()
    pair.lag()
    more = [*rows, *students(9, start=22800001)]
    pair.synced(more)
    assert len(pair.consumer.students()) == 4, "the consumer does not lag"
    before = pair.provider.csns(), pair.consumer.csns()
    pair.use(pair.to_consumer, pair.to_provider)
    done = pair.workspace.scolpass("sync")
    assert done.returncode == 4, done.stderr
    assert "there were 13, now there are 4" in done.stderr
    assert (pair.provider.csns(), pair.consumer.csns()) == before
    assert writes(pair.to_consumer) == []
    pair.use(pair.to_provider)
    Invariants(pair.workspace).second_run_writes_nothing(lambda: pair.workspace.json("sync"))
    Invariants(pair.workspace).check()


def test_a_consumer_that_lacks_a_few_entries_costs_nobody_account_or_printed_password(
    pair: Pair, undisturbed: Workspace
) -> None:
    rows = students(4)
    pair.synced(rows)
    pair.catch_up()
    pair.lag()
    pair.synced(changed(rows))
    assert len(pair.consumer.students()) == 4, "the consumer does not lag"
    before = pair.provider.csns(), pair.consumer.csns()
    pair.use(pair.to_consumer, pair.to_provider)
    pair.to_provider.forget()
    answer = pair.workspace.json("sync", status=1)
    assert {one["outcome"] for one in answer["changes"]} == {"failed"}
    assert (pair.provider.csns(), pair.consumer.csns()) == before
    assert pair.to_provider.seen == []
    # With the provider again, all is as it was: the passwords that print are those that bind.
    pair.use(pair.to_provider)
    Invariants(pair.workspace).second_run_writes_nothing(lambda: pair.workspace.json("sync"))
    Invariants(pair.workspace).check()
    goes_the_same_way(pair, undisturbed, rows, changed(rows))


def test_a_consumer_that_still_shows_an_earlier_state_takes_nobodys_access(
    pair: Pair, undisturbed: Workspace
) -> None:
    """Cancelled, then valid again on the provider; the consumer still shows the cancellation."""
    rows = students(4)
    cancelled: list[Row] = [{**rows[0], "status": "A"}, *rows[1:]]
    pair.synced(rows)
    pair.synced(cancelled)
    pair.catch_up()
    pair.lag()
    pair.synced(rows)
    before = pair.provider.students()["22600001"]
    pair.use(pair.to_consumer, pair.to_provider)
    done = pair.workspace.scolpass("sync")
    assert done.returncode == 1, done.stderr
    assert pair.provider.students()["22600001"] == before
    pair.catch_up()
    pair.use(pair.to_consumer, pair.to_provider)
    assert pair.workspace.json("sync")["changes"] == []
    pair.use(pair.to_provider)
    Invariants(pair.workspace).check()
    goes_the_same_way(pair, undisturbed, rows, cancelled, rows)


# --- away in mid-run ------------------------------------------------------------------------------


def away(pair: Pair, operation: str, nth: int, how: str) -> None:
    """The provider goes away before it hears the n-th request of a kind."""
    left = [nth]

    def go(request: Request) -> Cut | None:
        if request.operation == operation:
            left[0] -= 1
            if left[0] == 0:
                pair.provider.kill() if how == "killed" else pair.provider.pause()
        return None

    pair.to_provider.before = go


def back(pair: Pair, how: str) -> None:
    pair.to_provider.forget()
    pair.provider.start() if how == "killed" else pair.provider.resume()


HOW = pytest.mark.parametrize("how", ["killed", "hung"])


@HOW
@pytest.mark.parametrize("nth", [1, 4])
def test_a_first_server_that_goes_away_while_it_is_read_ends_the_run_there(
    pair: Pair, undisturbed: Workspace, how: str, nth: int
) -> None:
    rows = students(8)
    pair.synced(rows)
    pair.catch_up()
    before = pair.consumer.csns()
    pair.use(pair.to_provider, pair.to_consumer)
    pair.workspace.write_register(changed(rows))
    away(pair, "search", nth, how)
    done = pair.workspace.scolpass("sync")
    assert pair.to_consumer.seen == [], "reads of one server were mixed with another's"
    assert done.returncode == 4, (done.stdout, done.stderr)
    back(pair, how)
    assert pair.provider.csns() == before == pair.consumer.csns()
    pair.workspace.json("sync")
    Invariants(pair.workspace).check()
    goes_the_same_way(pair, undisturbed, rows, changed(rows))


@HOW
@pytest.mark.parametrize(("operation", "nth"), [("modify", 1), ("add", 2)])
def test_a_first_server_that_goes_away_while_it_is_written_is_not_replaced_in_that_run(
    pair: Pair, undisturbed: Workspace, how: str, operation: str, nth: int
) -> None:
    """Not even by one that would take the writes."""
    rows = students(8)
    pair.synced(rows)
    pair.catch_up()
    pair.promote()
    before = pair.consumer.csns()
    pair.use(pair.to_provider, pair.to_consumer)
    pair.workspace.write_register(changed(rows))
    away(pair, operation, nth, how)
    done = pair.workspace.scolpass("sync", "--json")
    assert pair.to_consumer.seen == [], "reads of one server were mixed with another's"
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "failed" in {one["outcome"] for one in json.loads(done.stdout)["changes"]}
    assert pair.consumer.csns() == before
    back(pair, how)
    pair.workspace.json("sync")
    Invariants(pair.workspace).check()
    goes_the_same_way(pair, undisturbed, rows, changed(rows))


def test_the_next_run_works_with_whichever_server_answers(
    pair: Pair, undisturbed: Workspace
) -> None:
    """The provider dies for good in mid-read; the consumer, in step, is made the one to write."""
    rows = students(8)
    pair.synced(rows)
    pair.catch_up()
    pair.promote()
    pair.use(pair.to_provider, pair.to_consumer)
    pair.workspace.write_register(changed(rows))
    away(pair, "search", 4, "killed")
    assert pair.workspace.scolpass("sync").returncode == 4
    assert pair.to_consumer.seen == []
    pair.workspace.json("sync")
    for feed in (rows, changed(rows)):
        undisturbed.write_register(feed)
        undisturbed.json("sync")
    assert differences(pair.consumer, undisturbed.directory) == []
    before = pair.consumer.csns()
    assert pair.workspace.json("sync")["changes"] == []
    assert pair.consumer.csns() == before
    pair.workspace.directory = pair.consumer
    Invariants(pair.workspace).check()


# --- another directory ----------------------------------------------------------------------------


def test_a_second_server_that_is_another_directory_is_refused_when_its_turn_comes(
    workspace: Workspace, own_directory: Directory, refuses: Callable[..., str]
) -> None:
    """Same names, same password, another entryUUID of the base entry."""
    workspace.write_register(students(3))
    workspace.json("sync")
    own_directory.modify(
        f"dn: {own_directory.service_dn}\nchangetype: modify\n"
        f"replace: userPassword\nuserPassword: {workspace.directory.service_password}\n-\n"
        "replace: pwdReset\npwdReset: FALSE\n"  # which the default policy would set
    )
    live = workspace.directory.uri
    workspace.configure({"directory": {"uris": [live, own_directory.uri]}})
    assert workspace.json("sync")["changes"] == []  # its turn does not come
    before = own_directory.csns()
    dead = f"ldap://127.0.0.1:{free_port()}"
    workspace.configure({"directory": {"uris": [dead, own_directory.uri, live]}})
    said = refuses()
    assert "another directory" in said
    assert own_directory.csns() == before
    assert workspace.scolpass("resync", "22600001").returncode == 4
    assert own_directory.csns() == before
