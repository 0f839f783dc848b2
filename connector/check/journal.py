"""The journal, on its own and compared with the directory."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from connector.check.case import Case, Findings
from connector.check.findings import Finding, Mark, hint, unseen, warning, wrong
from connector.core.counting import many
from connector.core.dates import shown
from connector.core.model import Known, Sealed
from connector.edges.database.url import lock_file
from connector.edges.journal import Journal, Tables, open_journal, tables_at
from connector.edges.sealing import Sealer
from connector.errors import EntryError

_CLOCK_SLACK = timedelta(days=1)


def open_it(case: Case) -> Findings:
    """The journal can be opened, or does not exist yet; it is never created or changed here."""
    url = case.settings.journal.url.get_secret_value()
    lock = lock_file(url)
    file = lock.with_suffix("") if lock is not None else None
    name = "the database" if file is None else str(file)
    if file is not None and not file.exists():
        if os.access(file.parent, os.W_OK):
            yield Finding("journal", f"{name}: not there yet, the first sync makes it")
        else:
            yield wrong(
                "journal",
                f"{file} is not there, and its folder is not one that can be written",
                f"Make {file.parent}, for the user of scolpass, or mend journal.url.",
                status=4,
            )
        return
    match tables_at(url):
        case Tables.MISSING:
            yield Finding("journal", f"{name}: has no tables yet, the first sync makes them")
            return
        case Tables.EARLIER:
            yield hint(
                "journal",
                f"{name}: an upgrade is due, its tables are an earlier version's",
                "Stop what still runs of that version, back the journal up, then start scolpass "
                "or run any command but this: the first to open the journal upgrades it.",
            )
            yield unseen("journal", "what it holds is not examined before it is upgraded")
            return
        case Tables.CURRENT:
            case.journal = open_journal(url, case.settings.file.parent)
    case.last = case.journal.last_runs()
    yield Finding("journal", f"{name}: opens, its tables are of this version")
    if file is not None and file.stat().st_mode & 0o007:
        yield warning(
            "journal",
            f"{file} is open to others: it holds students' data and sealed passwords",
            f"Run: chmod 640 {file}",
        )


def _opened(case: Case) -> Journal:
    assert case.journal is not None
    return case.journal


def belongs(case: Case) -> Findings:
    """It was kept for this directory."""
    if case.identity is None:
        yield unseen("journal", "whether it belongs to this directory")
        return
    _opened(case).directory(case.identity)
    yield Finding("journal", "it belongs to this directory")


_ENDINGS = {
    0: "all done",
    1: "done, with rows, events or entries that were refused",
    2: "a mistake in configuration or command",
    3: "something is held for approval",
    4: "stopped, as something was not to be trusted",
}


def runs(case: Case) -> Findings:
    """How the last run ended, and what it left open."""
    journal = _opened(case)
    run = journal.latest_run()
    if run is None:
        yield Finding("journal", "no run yet")
    else:
        what = f"the last run, {run.id} ({run.command} by {run.actor}), "
        if run.exit_status is None:
            yield hint(
                "journal",
                f"{what}began at {_time(case, run.started_at)} and has not ended: it is under way, "
                "or was cut short",
                "If none is under way, run `scolpass sync`: it goes on from there.",
            )
        else:
            ending = _ENDINGS.get(run.exit_status, "")
            yield Finding(
                "journal",
                f"{what}ended at {_time(case, run.ended_at or run.started_at)} with "
                f"{run.exit_status}: {ending}",
                Mark.OK if run.exit_status in (0, 1) else Mark.HINT,
                "" if run.exit_status in (0, 1) else "Read `scolpass plan`.",
            )
    started = case.last.started_at if case.last else None
    if started is not None and started - case.moment.now >= _CLOCK_SLACK:
        yield wrong(
            "journal",
            f"the clock says {_time(case, case.moment.now)}, but a run was made at "
            f"{_time(case, started)}",
            "Set the clock right; until then every sync stops. If it was wrong then, "
            f"`scolpass undo {case.last.id if case.last else 'RUN'}` says so.",
            status=4,
        )
    left = journal.interrupted()
    if left:
        yield warning(
            "journal",
            f"begun and not concluded: {many(len(left), 'change')}",
            "If no run is under way, run `scolpass sync`: it compares them with their entries.",
            sorted({one.change.student_number for one in left}),
        )


def _time(case: Case, at: datetime) -> str:
    return shown(at, case.settings.institution.zone)


def sealed(case: Case) -> Findings:
    """Whether every sealed password can be opened."""
    sealer = case.sealer
    if sealer is None:
        yield unseen("journal", "whether the sealed passwords open: there is no usable key")
        return
    kept = _opened(case).ciphertexts(sorted(_opened(case).sealed()), "live")
    lost = [number for number, text in kept.items() if not _opens(sealer, number, text)]
    if lost:
        yield wrong(
            "journal",
            "the key does not open, so that their letters cannot be printed: "
            f"{len(lost):,} of {many(len(kept), 'sealed password')}",
            f"Put the key they were sealed with back into {case.settings.keys.file}, on a line "
            "after the present one; else `scolpass reissue` each.",
            sorted(lost),
        )
    elif kept:
        yield Finding(
            "journal", f"the key opens {many(len(kept), 'sealed password')}, all there are"
        )


def _opens(sealer: Sealer, number: str, text: bytes) -> bool:
    try:
        sealer.unseal(number, text)
    except EntryError:
        return False
    return True


def compared(case: Case) -> Findings:
    """Compare journal and directory."""
    census = case.census
    if census is None:
        yield unseen("journal", "whether directory and journal know the same accounts")
        return
    journal = _opened(case)
    known: dict[str, Known] = journal.accounts()
    kept: dict[str, Sealed] = journal.sealed()
    present = {number for number, one in known.items() if not one.gone}
    missing = sorted(present - census.dns.keys())
    floor = case.settings.safety.floor
    if len(missing) > floor or (missing and case.populated and not census.dns):
        yield wrong(
            "journal",
            f"entries are missing in the directory: there were {len(present):,}, "
            f"{len(missing):,} are gone where at most {floor} may be; every sync stops",
            "See that the service account may read them, and that this is the right directory "
            "and no old backup.",
            missing,
            status=4,
        )
    elif missing:
        yield warning(
            "journal",
            f"gone from the directory: {many(len(missing), 'entry', 'entries')} of ours",
            "The next sync makes those again that are still due and whose uid nobody else has: "
            "`scolpass plan` lists them, `scolpass show NUMBER` says of each.",
            missing,
        )
    unknown = census.dns.keys() - known.keys()
    if unknown:
        yield hint(
            "journal",
            f"not known to the journal: {many(len(unknown), 'entry', 'entries')} with a student "
            "number",
            "The next sync adopts those whose students are in the register.",
        )
    if not missing and not unknown:
        yield Finding(
            "journal", f"directory and journal know the same {many(len(present), 'account')}"
        )
    lost = sorted((census.must_change & known.keys()) - kept.keys())
    if lost:
        yield warning(
            "journal",
            "with a provisional password that the journal does not know, so that no letter can be "
            f"printed: {many(len(lost), 'account')}",
            "If it is needed: scolpass reissue NUMBER --reason '...'",
            lost,
        )
