"""A register on a database server that never answers, or hangs."""

from __future__ import annotations

from contextlib import closing

import pytest

from connector.edges.register import read_rows
from connector.errors import FeedRefused
from connector.settings.sections import SqlSource
from tests.support.feeds import TODAY, UM, refusal
from tests.support.postgres import USER
from tests.support.postgres import Database as PostgresDatabase
from tests.support.waiting import wait_until

COLUMNS_OF_N = (
    "x AS student_number, 'M' AS family_name, 'L' AS first_name, '' AS birth_date, "
    "2026 AS academic_year"
)
SERIES = f"SELECT {COLUMNS_OF_N} FROM generate_series(1, %d) AS x"  # noqa: S608


def server_source(server: PostgresDatabase, query: str) -> SqlSource:
    options = {"kind": "sql", "url": server.url, "query": query, "time_limit": 2}
    return SqlSource.model_validate(options)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("SELECT pg_sleep(3600)", id="no first row"),
        pytest.param(SERIES % 10**12, id="no last"),
    ],
)
def test_a_query_that_never_ends_on_a_server_is_refused_and_ended_there(
    postgres: PostgresDatabase, query: str
) -> None:
    refused = refusal(server_source(postgres, query))
    assert "source.time_limit = 2 seconds" in refused.message
    active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename = %s"
    with postgres.administering() as connection:
        wait_until(lambda: connection.execute(active, [USER]).fetchone() == (0,))


def test_a_server_that_hangs_in_a_query_is_given_up_in_time(postgres: PostgresDatabase) -> None:
    with closing(
        read_rows(server_source(postgres, SERIES % 5000), today=TODAY, institution=UM)
    ) as reading:
        next(reading)
        with postgres.server.paused(), pytest.raises(FeedRefused) as refused:
            list(reading)
    assert "source.time_limit = 2 seconds" in refused.value.message
