"""What Alembic runs: the steps that are due, in the transaction that the caller has begun."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
