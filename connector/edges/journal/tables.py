"""The tables of the journal, the same in SQLite and PostgreSQL.

Instants are text in UTC that sorts as the time does, days are ISO dates, values of entries are
JSON. What has no column of its own elsewhere is in ``meta``, such as the entryUUID of the directory
that this journal belongs to. A change of these tables wants a step in ``migrations/``, too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from connector.core.model import OPTIONAL

# What is looked up by its beginning, or sorted: by code point in every database, whatever its
# locale.
Key = sa.String().with_variant(sa.String(collation="C"), "postgresql")

metadata = sa.MetaData()
alembic_version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("academic_year", sa.Integer, primary_key=True),
    sa.Column("step_code", Key, primary_key=True),
    sa.Column("component", Key, primary_key=True),  # component_code, "" where that is NULL
    sa.Column("status", sa.String, nullable=False),
    sa.Column("family_name", sa.String, nullable=False),
    sa.Column("first_name", sa.String, nullable=False),
    sa.Column("birth_date", sa.String, nullable=False),
    *(sa.Column(name, sa.String) for name in OPTIONAL),
    sa.Column("step_mapped", sa.Boolean, nullable=False),
)
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("uid", Key, nullable=False),
    sa.Column("address", Key, nullable=False),
    sa.Column("state", sa.String),
    sa.Column("since", sa.String),
    sa.Column("cutoff", sa.String),
    sa.Column("directory_year", sa.Integer),
    sa.Column("adopted_active", sa.Boolean, nullable=False),
    sa.Column("adopted_suspended", sa.Boolean, nullable=False),
    sa.Column("wrote", sa.String, nullable=False),
    sa.Column("ending", sa.String),
    sa.Column("expiry_written_on", sa.String),
    sa.Column("announced_end", sa.String),
    sa.Column("announced_on", sa.String),
    sa.Column("gone", sa.Boolean, nullable=False),
)
reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("identifier", Key, primary_key=True),  # uid or address, lower case
    sa.Column("kind", sa.String, nullable=False),  # "uid" or "address"
    sa.Column("value", sa.String, nullable=False),  # as it is written in the entry
    sa.Column("student_number", Key, nullable=False, index=True),
)
overrides = sa.Table(
    "overrides",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),  # "suspended" or "reissue"
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
decisions = sa.Table(  # of people, about who is who
    "decisions",
    metadata,
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("student_number", Key, primary_key=True),  # "": about an entry alone
    sa.Column("dn", sa.String, primary_key=True),  # "": about a number alone
    sa.Column("until", sa.String),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("decided_on", sa.String, nullable=False),  # the institution's day
    sa.Column("run", sa.Integer, nullable=False, index=True),
    sa.Column("seen", sa.String, nullable=False),  # a digest of whose the entry was
    sa.Column("entry_id", sa.String),  # its entryUUID; null: it was not noted
)
read_plans = sa.Table(  # held, so that somebody may have read them
    "read_plans",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("contents", sa.LargeBinary, nullable=False),  # JSON, compressed
)
sealed = sa.Table(
    "sealed",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    # "live" is in the directory; "next" was drawn for a change that is not concluded
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    sa.Column("last_day", sa.String),
    sa.Column("printable", sa.Boolean, nullable=False),
)
archive = sa.Table(
    "archive",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("attributes", sa.String, nullable=False),
    sa.Column("purged_on", sa.String, nullable=False),
)
memberships = sa.Table(  # of purged entries: the groups that named them
    "memberships",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("group_dn", sa.String, primary_key=True),
    sa.Column("attribute", sa.String, primary_key=True),
)
events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String, nullable=False),  # of what is no JSON, its file name
    sa.Column("source", sa.String),
    sa.Column("type", sa.String),
    sa.Column("time", sa.String),
    sa.Column("received_at", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),  # applied, waiting, rejected
    sa.Column("reason", sa.String),
    sa.Column("identifier", Key),  # lower case
    sa.Column("student_number", Key, index=True),  # once it is known whom it names
    sa.Column("digest", sa.String),
    sa.Column("body", sa.String),
    sa.Index("ix_events_id", "id"),
    sa.Index("ix_events_identifier", "identifier"),
)
unassigned = sa.and_(events.c.student_number.is_(None), events.c.identifier.is_not(None))
sa.Index("ix_events_unassigned", events.c.number)
evidence_items = sa.Table(
    "gifts",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("field", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("keep_copy", sa.Boolean, nullable=False),
    sa.Column("time", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("command", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),  # a full run
    sa.Column("scope", sa.String),  # JSON: the numbers of a run over a few
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
    sa.Column("exit_status", sa.Integer),
    sa.Column("students", sa.Integer),
    sa.Column("managed", sa.Integer),
    sa.Column("digest", sa.String),
    sa.Column("remaining_digest", sa.String),  # of what was held back or failed
    # judged as the first after a long gap, and held: the gap goes on
    sa.Column("after_gap", sa.Boolean, nullable=False, server_default=sa.false()),
    # an approval came too late: its plan counts as first computed in this run
    sa.Column("approved_late", sa.Boolean, nullable=False, server_default=sa.false()),
)
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.Integer, nullable=False, index=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("student_number", Key, nullable=False, index=True),
    sa.Column("dn", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),  # intended, applied, failed
    sa.Column("error", sa.String),
    sa.Column("attributes", sa.String, nullable=False),
    sa.Column("before", sa.String),  # the account as remembered until then
    sa.Column("after", sa.String),  # ... and once applied
    sa.Column("sealed", sa.String, nullable=False),
    sa.Column("gifts", sa.String, nullable=False),
    sa.Column("password_since", sa.String),  # pwdChangedTime of the one that was replaced
    sa.Column("guard", sa.String),  # JSON: its guard, where no plan would make the change anew
    # What is open is looked for by every run, and both are counted for the metrics.
    sa.Index("ix_changes_outcome_action", "outcome", "action"),
)
signatures = sa.Table(
    "signatures",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),  # of a signed request that was taken
    sa.Column("at", sa.String, nullable=False, index=True),
)
incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("opened_at", sa.String, nullable=False),
    sa.Column("closed_at", sa.String),  # None: it lasts
)
tries = sa.Table(
    "tries",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", Key, nullable=False),  # what is counted: an account, an address, all
    sa.Column("at", sa.String, nullable=False),
    sa.Index("ix_tries_key_at", "key", "at"),
)
entrances = sa.Table(
    "entrances",
    metadata,
    sa.Column("account", Key, primary_key=True),  # somebody tries its password just now
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("until", sa.String, nullable=False),  # ... and is taken for dead after that
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", Key, primary_key=True),  # SHA-256 of what its browser holds
    sa.Column("student_number", Key, nullable=False, index=True),
    sa.Column("opened_at", sa.String, nullable=False),
    sa.Column("used_at", sa.String, nullable=False, index=True),
    sa.Column("kept", sa.String, nullable=False),  # JSON
    sa.Column("sealed", sa.LargeBinary),  # under what its browser holds
)
links = sa.Table(
    "links",
    metadata,
    sa.Column("id", Key, primary_key=True),  # half of what the mail says: the other is computed
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("student_number", Key, nullable=False, index=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("made_at", sa.String, nullable=False),
    sa.Column("expires_at", sa.String, nullable=False, index=True),
    sa.Column("used_at", sa.String),
    sa.Column("mark", sa.String),  # what else must still hold when it is used
)
holders = sa.Table(
    "holders",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
    sa.Column("since", sa.String),  # the account's password was given anew
    sa.Column("event", sa.Integer, nullable=False),  # the last one that had arrived by then
    sa.Column("forgets", sa.Boolean, nullable=False),  # what was given before is no evidence
    sa.Column("backup", sa.String),  # the backup mail that its holder vouches for
)
outbox = sa.Table(  # mails to students, and alerts
    "outbox",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),  # never given twice
    sa.Column("key", Key, nullable=False, unique=True),  # once each
    sa.Column("way", sa.String, nullable=False),  # "student", or that of an alert: mail, webhook
    sa.Column("student_number", Key, index=True),  # an alert has none
    sa.Column("kind", sa.String, nullable=False),  # the template's name, or the incident's key
    sa.Column("address", sa.String),  # of an alert, what the configuration says as it leaves
    sa.Column("given", sa.String, nullable=False),  # JSON: what the message says
    sa.Column("made_at", sa.String, nullable=False),
    sa.Column("due_at", sa.String, nullable=False),  # when it is tried next
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("ended_at", sa.String),  # it was sent, or given up
    sa.Column("trouble", sa.String),
)
people = sa.Table(  # the index of people: a cache of what register, directory and journal say
    "people",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),  # a digest of the key
    sa.Column("key", Key, nullable=False, unique=True),  # student number; of an entry without, DN
    sa.Column("student_number", Key),
    sa.Column("dn", sa.String),
    sa.Column("uid", sa.String),
    sa.Column("login", sa.String),
    sa.Column("addresses", sa.String, nullable=False),  # JSON
    sa.Column("family_name", sa.String, nullable=False),
    sa.Column("usual_name", sa.String, nullable=False),
    sa.Column("first_name", sa.String, nullable=False),
    sa.Column("shown", sa.String, nullable=False),
    sa.Column("sort", Key, nullable=False),  # the names, plain
    sa.Column("birth_date", sa.String),
    sa.Column("ine", Key),
    sa.Column("ine_folded", Key),
    sa.Column("state", sa.String, nullable=False),  # "" here and below: there is none
    sa.Column("since", Key, nullable=False),
    sa.Column("until", Key, nullable=False),
    sa.Column("password_until", Key, nullable=False),
    sa.Column("suspended", sa.Boolean, nullable=False),
    sa.Column("situation", sa.String, nullable=False),
    sa.Column("candidates", sa.String, nullable=False),  # JSON
    sa.Column("trouble", sa.String, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),  # which wrote it, and when that began
    sa.Column("seen_at", sa.String, nullable=False),
    sa.Column("digest", sa.BigInteger, nullable=False),  # of the card
    sa.Index("ix_people_state_since", "state", "since", "sort", "id"),
    sa.Index("ix_people_state_until", "state", "until", "sort", "id"),
    sa.Index("ix_people_state_sort", "state", "sort", "id"),
    sa.Index("ix_people_password", "password_until", "sort", "id"),
    sa.Index("ix_people_situation", "situation", "sort", "id"),
    sa.Index("ix_people_trouble", "trouble", "sort", "id"),
    sa.Index("ix_people_born", "birth_date", "sort", "id"),
    sa.Index("ix_people_ine", "ine_folded"),
)
troubled = people.c.trouble != ""
ending = people.c.password_until != ""
people_words = sa.Table(  # by which they are found: words of names, and "=" before what is whole
    "people_words",
    metadata,
    sa.Column("word", Key, primary_key=True),
    sa.Column("sort", Key, primary_key=True),  # the person's
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Index("ix_people_words_id", "id", "word"),
)
unfiled = sa.Table(  # students whose cards may say what is no longer so
    "unfiled",
    metadata,
    sa.Column("student_number", Key, primary_key=True),
)
rejected_rows = sa.Table(  # of the latest full run
    "rejected_rows",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("file", sa.String),
    sa.Column("line", sa.Integer),
    sa.Column("field", sa.String),
    sa.Column("value", sa.String),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("student_number", Key, index=True),
)
figures = sa.Table(  # of the last full run of each day
    "figures",
    metadata,
    sa.Column("day", sa.String, primary_key=True),  # the institution's
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("managed", sa.Integer, nullable=False),
    sa.Column("states", sa.String, nullable=False),  # JSON: accounts by state
    sa.Column("budgets", sa.String, nullable=False),  # JSON: by action, what was spent of what
)
waiting = outbox.c.ended_at.is_(None)
sa.Index("ix_outbox_waiting", outbox.c.way, outbox.c.due_at)

tokens = sa.Table(  # by which programs use the API
    "tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hash", Key, nullable=False, unique=True),  # SHA-256 of what its bearer holds
    sa.Column("role", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("networks", sa.String, nullable=False),  # JSON; empty: from anywhere
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("made_by", sa.String, nullable=False),
    sa.Column("made_at", sa.String, nullable=False),
    sa.Column("until", sa.String, nullable=False),
    sa.Column("revoked_at", sa.String),
    sa.Column("revoked_by", sa.String),
    sa.Column("used_at", sa.String),  # to the hour
)
desk_sessions = sa.Table(  # of operators, who are signed in to the console
    "desk_sessions",
    metadata,
    sa.Column("id", Key, primary_key=True),  # SHA-256 of what the browser holds
    sa.Column("operator", sa.String, nullable=False),  # as the history says it
    sa.Column("subject", sa.String, nullable=False),  # by what the role is looked up
    sa.Column("way", sa.String, nullable=False),  # oidc, header, ldap, emergency
    sa.Column("role", sa.String),  # None: none at the moment
    sa.Column("role_at", sa.String, nullable=False),  # when it was looked up
    sa.Column("opened_at", sa.String, nullable=False),
    sa.Column("used_at", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary),  # under what the browser holds: what the provider gave
)
once = sa.Table(  # what is good for one use: links of an emergency, answers of a provider
    "once",
    metadata,
    sa.Column("id", Key, primary_key=True),  # SHA-256 of what its bearer holds
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("made_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("until", sa.String, nullable=False, index=True),
    sa.Column("used_at", sa.String),
)
repeats = sa.Table(  # what was asked with an Idempotency-Key
    "repeats",
    metadata,
    sa.Column("operator", Key, primary_key=True),
    sa.Column("key", Key, primary_key=True),
    sa.Column("request", sa.String, nullable=False),  # digest of route and body
    sa.Column("at", sa.String, nullable=False, index=True),
    sa.Column("status", sa.Integer),  # of the answer; None: it is under way, or nobody knows
    sa.Column("answer", sa.String),  # JSON, without any secret
)
looks = sa.Table(  # who looked at whom
    "looks",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String, nullable=False, index=True),
    sa.Column("operator", sa.String, nullable=False),
    sa.Column("way", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("student_number", Key, nullable=False, index=True),
    sa.Column("what", sa.String, nullable=False),  # the page or route
)

_INDEXES: dict[str, dict[str, Any]] = {
    # A sender writes these, and PostgreSQL's other indexes take no more than 2,700 octets.
    "ix_events_id": {"postgresql_using": "hash"},
    "ix_events_identifier": {"postgresql_using": "hash"},
    # Of long tables, the few rows that every run asks for.
    "ix_events_unassigned": {"sqlite_where": unassigned, "postgresql_where": unassigned},
    "ix_outbox_waiting": {"sqlite_where": waiting, "postgresql_where": waiting},
    "ix_people_trouble": {"sqlite_where": troubled, "postgresql_where": troubled},
    "ix_people_password": {"sqlite_where": ending, "postgresql_where": ending},
}


def as_made() -> sa.MetaData:
    """The tables with all that their making needs.

    What only some databases know of a table or an index is not said above: SQLAlchemy loads a
    dialect as soon as it is named, and a command that finds its tables there needs none but its
    own.
    """
    # The sender of a message notes its end by its number, which no other one may have by then.
    outbox.dialect_kwargs["sqlite_autoincrement"] = True
    people_words.dialect_kwargs["sqlite_with_rowid"] = False  # it is nothing but its index
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_kwargs.update(_INDEXES.get(str(index.name), {}))
    return metadata
