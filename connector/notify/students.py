"""Mail to students: what is due, what it says, and that it leaves.

A mail is first a row in the journal's outbox, written once by its key, and then handed to the mail
server, which is tried again for two days. So it is never lost; one whose sending is cut short by a
crash may come twice. What students are told of follows from what the journal has on record:
changes that were made, since the last one they were told of, and the last days of accounts. A
link is put together as its mail leaves: the outbox holds half of it (`connector.edges.tokens`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import structlog

from connector.core import supann
from connector.core.calendar import cutoff_of
from connector.core.evidence import zulu
from connector.core.feed import identity
from connector.core.holding import redirection
from connector.core.model import IN_USE, Account, Action, Known, Moment, State
from connector.core.rules import Rules
from connector.core.signs import seen
from connector.edges import smtp
from connector.edges.journal import Concluded, Journal, Outgoing, Queued, chunks
from connector.edges.templates import Templates, Value
from connector.edges.tokens import LINKS, Signer
from connector.errors import ConfigurationError, Refused, ScolpassError, Transient
from connector.log.redaction import guarded_secret, scrub
from connector.notify.operators import open_incidents
from connector.settings.sections import Settings
from connector.walk.context import Context

# The kinds of mails, which are the names of their templates.
CONFIRM = "confirm_backup_mail"
RESET = "reset_password"
ACTIVE = "account_active"
FORWARDING = "forwarding_changed"
CLOSES = "account_closes"
BACKUP = "backup_mail_changed"
PASSWORD = "password_changed"  # noqa: S105 - a mail's name
KINDS = (CONFIRM, RESET, ACTIVE, FORWARDING, CLOSES, BACKUP, PASSWORD)
LINKED = (CONFIRM, RESET)
BY_LINK = "student"  # who acts where a password is chosen by a link
LANGUAGES = ("fr", "en")  # as they stand in a mail, one below the other

NOTICES = (60, 30, 7)  # days before an account's last one
FROM = time(8)  # notices do not leave at midnight
PATIENCE = timedelta(days=2)  # after which a mail is given up
FIRST_PAUSE = timedelta(minutes=1)  # before it is tried again; doubled each time ...
LONGEST_PAUSE = timedelta(hours=4)  # ... up to this
THINKING = 60.0  # seconds that the mail server may take over one mail
TOGETHER = 20  # mails taken from the outbox at once
READ_TOGETHER = 200  # students whose entries are read at once
KEPT = timedelta(days=100)  # what was sent is remembered longer than from the first notice to END

_FORWARD = "mailForwardingAddress"
_BACKUP = "supannMailPrive"
_TOLD_OF = (_FORWARD, _BACKUP, "userPassword", "pwdPolicySubentry")

log = structlog.get_logger()


# --- the outbox -----------------------------------------------------------------------------------


def queue(
    journal: Journal,
    *,
    kind: str,
    student_number: str,
    address: str,
    given: Mapping[str, Any],
    key: str,
    now: datetime,
) -> None:
    """Put one mail into the outbox, unless one with this key was there before.

    Args:
        kind: one of :data:`KINDS`.
        given: what the mail says beyond what the journal knows. For a link ``{"link": ID,
            "page": "/..."}``, whose row is in the journal before; nothing that opens anything.
        key: by which this mail is the same one.

    Raises:
        JournalUntrusted: the journal cannot be written.
    """
    assert kind in KINDS
    assert given.keys() >= {"link", "page"} if kind in LINKED else "link" not in given
    journal.add_mails([Outgoing(key, student_number, kind, address, given, now, now)])


# --- what is due: changes that were made ----------------------------------------------------------


def note_changes(context: Context) -> int:
    """Put into the outbox what students are to be told of newly made changes; how many mails.

    Raises:
        Untrustworthy: journal or directory cannot be read; the next call does it all.
    """
    journal = context.journal
    changes, told = journal.changes_to_tell((Action.ACTIVATE,), _TOLD_OF, READ_TOGETHER)
    if told is None:
        return 0
    entries = _entries(context, {one.change.student_number for one in changes})
    backups = _backups_before(changes, entries)
    outgoing: list[Outgoing] = []
    for one in changes:
        account = entries.get(one.change.student_number)
        if account is None or one.change.adds or one.change.deletes:
            continue
        if _works(account):
            outgoing += _told(one, account, backups[one.id], context.rules, context.moment.now)
        if _is_open(account):
            outgoing += _warned(one, account, backups[one.id], context.moment.now)
    journal.add_mails(outgoing, told)
    return len(outgoing)


def _backups_before(
    changes: Sequence[Concluded], entries: Mapping[str, Account]
) -> dict[int, str | None]:
    """The backup mail as it was before each change, by the change's id."""
    later: dict[str, str | None] = {}
    found: dict[int, str | None] = {}
    for one in reversed(changes):
        number = one.change.student_number
        account = entries.get(number)
        if number not in later:
            later[number] = _backup_of(account) if account is not None else None
        if _BACKUP in one.change.attributes:
            later[number] = _labelled(one.change.dn, one.change.attributes[_BACKUP][0])
        found[one.id] = later[number]
    return found


def _labelled(dn: str, values: tuple[str, ...]) -> str | None:
    """The backup mail among the values of ``supannMailPrive``."""
    return next(iter(Account(dn, {_BACKUP: values}).backup_mails), None)


def _warned(
    made: Concluded, account: Account, backup: str | None, now: datetime
) -> Iterator[Outgoing]:
    """The mails about a change of password or backup mail, to the backup mail as it was before."""
    change, number = made.change, made.change.student_number
    if backup is None:
        return
    at = zulu(made.at)
    before, after = change.attributes.get(_BACKUP, ((), ()))
    new = _labelled(change.dn, after)
    if _labelled(change.dn, before) is not None and (new or "").lower() != backup.lower():
        given = {"change": "changed" if new else "removed", "at": at}
        university = account.values("mail")[:1] if _works(account) else ()
        for address in (backup, *university):
            key = f"backup:{number}:{made.id}:{address}"
            yield Outgoing(key, number, BACKUP, address, given, now, now)
    before, after = change.attributes.get("userPassword", ((), ()))
    policy = change.attributes.get("pwdPolicySubentry", ((), ("",)))[1]
    if before and after:
        kind = "link" if made.actor == BY_LINK else "reissued"
    elif not policy and change.action is Action.UPDATE:
        kind = "own"  # on another portal: that the account is not active yet is all that is seen
    else:
        return
    yield password_notice(number, backup, f"{made.id}", kind, made.at, now)


def password_notice(
    number: str, address: str, key: str, kind: str, at: datetime, now: datetime
) -> Outgoing:
    """The mail that a password was changed.

    Args:
        number: the student's number.
        address: their backup mail, as it was before.
        key: by which this change is the same one.
        kind: "own", "link" or "reissued": by whom, or how.
        at: when it was changed.
        now: when it is told.
    """
    given = {"change": kind, "at": zulu(at)}
    key = f"password:{number}:{key}:{address}"
    return Outgoing(key, number, PASSWORD, address, given, now, now)


def _told(
    made: Concluded, account: Account, backup: str | None, rules: Rules, now: datetime
) -> Iterator[Outgoing]:
    """The mails about one change. What is set with the activation is told with it."""
    change, number = made.change, made.change.student_number
    if change.action is Action.ACTIVATE:
        given = _forwarding(account.values(_FORWARD), account, rules)
        for address in _addresses(account)[-1:]:  # the backup mail, if there is one
            key = f"active:{number}:{made.id}:{address}"
            yield Outgoing(key, number, ACTIVE, address, given, now, now)
    before, after = change.attributes.get(_FORWARD, ((), ()))
    if before == after or (change.action is Action.ACTIVATE and not before):
        return
    kind = ("changed" if before else "set") if after else "removed"
    given = {
        "change": kind,
        "at": zulu(made.at),
        **_forwarding(after, account, rules),
    }
    both = {one.lower(): one for one in (*account.values("mail")[:1], backup) if one}
    for address in both.values():
        key = f"forwarding:{number}:{made.id}:{address}"
        yield Outgoing(key, number, FORWARDING, address, given, now, now)


def _forwarding(values: Sequence[str], account: Account, rules: Rules) -> dict[str, Any]:
    elsewhere, keep_copy = redirection(values, account, rules)
    return {"forward_to": ", ".join(elsewhere), "keep_copy": keep_copy}


# --- what is due: the last days of accounts -------------------------------------------------------


def notice_due(known: Known, today: date) -> int | None:
    """Which of the notices an account is to have had by today; None: none, or none any more.

    Only the nearest counts: after an outage nobody gets two at once.
    """
    if known.gone or known.state not in IN_USE or known.cutoff is None:
        return None
    left = (known.cutoff - today).days
    return min((days for days in NOTICES if 0 <= left <= days), default=None)


def note_closings(context: Context, since: datetime) -> bool:
    """Put into the outbox the notices that are due today, once each; False: it is too early.

    Too early is before a good pass over everyone was made today, and since ``since``: the register
    may have students who enrolled again meanwhile. While a plan is held, nobody is told either.

    Raises:
        Untrustworthy: journal or directory cannot be read; the next call does it all.
    """
    journal, moment, rules = context.journal, context.moment, context.rules
    zone = rules.institution.zone
    begin = max(since.replace(microsecond=0), datetime.combine(moment.today, time(), zone))
    good_at = journal.last_runs().good_at
    if good_at is None or good_at < begin or _is_held(journal):
        return False
    had = {tuple(key.split(":")[1:4]) for key in journal.mail_keys(CLOSES)}
    due: dict[str, tuple[date, int]] = {}
    for number, known in journal.accounts().items():
        days, end = notice_due(known, moment.today), known.cutoff
        if days is None or end is None:
            continue
        if (number, end.isoformat(), str(days)) not in had:
            due[number] = (end, days)
    for few in chunks(sorted(due), READ_TOGETHER):
        if context.stop.is_set():
            return False
        journal.add_mails(list(_notices(context, {number: due[number] for number in few})))
    journal.forget_mails(moment.now - KEPT)
    return True


def _is_held(journal: Journal) -> bool:
    return any(key.startswith("held:") for key in open_incidents(journal))


def _notices(context: Context, due: Mapping[str, tuple[date, int]]) -> Iterator[Outgoing]:
    """The notices to those whose entries still say what the journal does."""
    rules, moment = context.rules, context.moment
    rescued = {
        row.student_number
        for row in context.journal.enrolments(due)
        if row.status.counts
        and cutoff_of(row.academic_year, rules.lifecycle) > due[row.student_number][0]
    }
    morning = datetime.combine(moment.today, FROM, rules.institution.zone).astimezone(UTC)
    for number, account in _entries(context, due.keys() - rescued).items():
        end, days = due[number]
        if not _works(account) or supann.standing(account).end != end:
            continue
        for address in _addresses(account):
            key = f"closes:{number}:{end.isoformat()}:{days}:{address}"
            given = {"end": end.isoformat()}
            at = max(moment.now, morning)
            yield Outgoing(key, number, CLOSES, address, given, moment.now, at)


# --- what is due: the entries ---------------------------------------------------------------------


def _entries(context: Context, numbers: Collection[str]) -> dict[str, Account]:
    """The entries of students, but of those who have several."""
    if not numbers:
        return {}
    context.connect()
    found: dict[str, list[Account]] = {}
    for account in context.directory.accounts_of(context.tree, sorted(numbers)):
        for number in account.values("supannEtuId"):
            found.setdefault(number, []).append(account)
    return {n: of[0] for n, of in found.items() if n in numbers and len(of) == 1}


def _works(account: Account) -> bool:
    """Whether an account is a student's alone, and in normal use."""
    return supann.standing(account).state in IN_USE and not supann.is_shared_person(account)


def _is_open(account: Account) -> bool:
    """Whether an account is a student's alone, and may be signed in to."""
    state = supann.standing(account).state
    return (state in IN_USE or state is State.INACTIVE) and not supann.is_shared_person(account)


def _backup_of(account: Account) -> str | None:
    return next(iter([*account.backup_mails, *account.values("supannMailPerso")]), None)


def _addresses(account: Account) -> list[str]:
    """The university's address, then the backup mail; what there is of them."""
    addresses = (*account.values("mail")[:1], _backup_of(account))
    both = {one.lower(): one for one in addresses if one}
    return list(both.values())


# --- do the templates print? ----------------------------------------------------------------------


def trials(settings: Settings, shipped: Path) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Each kind of mail filled in with what may stand in it, and what is wrong with its template.

    Nothing is sent, and no student is looked at. So that each branch of a template is met, a kind
    is filled in several times: with all that may be there, and with as little as there may be.
    """
    templates = Templates(settings.texts("mail", shipped))
    url = settings.http.public_url or "https://ent.example.org"
    for kind in KINDS:
        wrong = None
        for special in _SAMPLES[kind]:
            for first_name, home in (("Léa", url), ("", "")):
                common: dict[str, Value] = {
                    "institution": settings.institution.name,
                    "first_name": first_name,
                    "login": "lea.martin@example.org",
                    "mail": "lea.martin@example.org",
                    "url": home,
                    "help": home,
                }
                try:
                    templates.render(kind, {name: {**common, **special} for name in LANGUAGES})
                except ConfigurationError as error:
                    wrong = wrong or error
        yield kind, wrong


_AT = "3 octobre 2026 à 14 h 05"
_LINK: dict[str, Value] = {"link": "https://ent.example.org/x?lien=y", "until": "3 octobre 2026"}
_FORWARDINGS: tuple[dict[str, Value], ...] = (
    {"forward_to": "lea@example.net", "keep_copy": True},
    {"forward_to": "lea@example.net", "keep_copy": False},
    {"forward_to": "", "keep_copy": False},
)
_SAMPLES: Mapping[str, Sequence[Mapping[str, Value]]] = {
    CONFIRM: [_LINK],
    RESET: [_LINK],
    ACTIVE: [f | {"closes_on": day} for f in _FORWARDINGS for day in ("31 décembre 2027", "")],
    FORWARDING: [
        f | {"change": change, "at": _AT}
        for f in _FORWARDINGS
        for change in ("set", "changed", "removed")
    ],
    CLOSES: [{"closes_on": "31 décembre 2027", "days": days} for days in (60, 7, 1, 0)],
    "backup_mail_changed": [{"change": one, "at": _AT} for one in ("changed", "removed")],
    "password_changed": [{"change": one, "at": _AT} for one in ("own", "link", "reissued")],
}


# --- what leaves ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one mail."""

    kind: str
    outcome: str  # sent, would_send, postponed, given_up, refused, dropped
    trouble: ScolpassError | None = None  # what is wrong with more than this mail: it is mended


class Postman:
    """Writes the mails that are due, and hands them to the mail server."""

    def __init__(self, settings: Settings, shipped: Path) -> None:
        """Take the institution's templates, or those of ``shipped``, the folder with all texts.

        Raises:
            ConfigurationError: the key file cannot be used.
        """
        self._settings = settings
        self._templates = Templates(settings.texts("mail", shipped))
        self._signer = Signer(settings.sealing_keys(), LINKS)

    def deliver(self, context: Context) -> Iterator[Sent]:
        """Send some of what is due, one after the other as they are asked for.

        Raises:
            JournalUntrusted: the journal cannot be read or written; nothing more is sent then.
        """
        for mail in context.journal.due_mails(context.moment.now, TOGETHER):
            if context.stop.is_set():
                return
            signature = self._signer.sign(mail.given["link"]) if "link" in mail.given else ""
            with (
                guarded_secret(signature),  # mail servers quote what they refuse
                structlog.contextvars.bound_contextvars(
                    kind=mail.kind, student=mail.student_number
                ),
            ):
                sent = self._deliver(context, mail, signature)
            if sent is not None:
                yield sent

    def _deliver(self, context: Context, mail: Queued, signature: str) -> Sent | None:
        """What became of one mail; None: somebody else sends it."""
        journal, now, rules = context.journal, context.moment.now, self._settings.mail
        again = now + min(FIRST_PAUSE * 2 ** min(mail.tries, 16), LONGEST_PAUSE)
        try:
            values = self._values(context, mail, signature)
            if isinstance(values, str):
                journal.mail_ended(mail.number, now, values)
                log.info("mail dropped", because=values)
                return Sent(mail.kind, "dropped")
            subject, body = self._templates.render(mail.kind, values)
            # Written before, so that a journal that takes no more is not mailed from for ever.
            if not journal.claim_mail(mail, again):
                return None
            smtp.send(rules, [mail.address], subject, body, patience=THINKING)
        except Refused as error:
            journal.mail_ended(mail.number, now, scrub(error.message))
            log.error("mail refused", trouble=error.message, cure=error.cure)  # noqa: TRY400
            return Sent(mail.kind, "refused")
        except (Transient, ConfigurationError) as error:
            trouble = type(error)(scrub(error.message), scrub(error.cure))
        else:
            journal.mail_ended(mail.number, now)
            if rules.enabled:
                log.info("mail sent")
            return Sent(mail.kind, "sent" if rules.enabled else "would_send")
        if again > mail.made_at + PATIENCE:
            journal.mail_ended(mail.number, now, trouble.message)
            log.error("mail given up", trouble=trouble.message, cure=trouble.cure)
            return Sent(mail.kind, "given_up", trouble)
        journal.mail_postponed(mail.number, again, trouble.message)
        log.warning("mail postponed", trouble=trouble.message, cure=trouble.cure)
        return Sent(mail.kind, "postponed", trouble)

    # --- what it says ---

    def _values(
        self, context: Context, mail: Queued, signature: str
    ) -> dict[str, dict[str, Value]] | str:
        """What the templates say, by language; or why the mail is not to be sent any more."""
        settings, journal, moment = self._settings, context.journal, context.moment
        known = journal.accounts([mail.student_number]).get(mail.student_number)
        if known is None or known.gone:
            return "the account is gone"
        if mail.kind == CLOSES:
            still = notice_due(known, moment.today) is not None
            if not still or known.cutoff != date.fromisoformat(mail.given["end"]):
                return "the account does not close on that day any more, or has closed"
        link, until = "", None
        if "link" in mail.given:
            until = journal.link_ends(mail.given["link"])
            if until is None or until <= moment.now:
                return "its link was used, or is over"
            link = self._link(mail, signature)
        rows = list(journal.enrolments([mail.student_number]))
        url = settings.http.public_url
        common: dict[str, Value] = {
            "institution": settings.institution.name,
            "first_name": seen(identity(rows).first_name) if rows else "",
            "login": known.address or known.uid,
            "mail": known.address,
            "url": url,
            "help": f"{url}/probleme-de-connexion" if url else "",
        }
        return {
            language: common | _of_kind(mail, known, link, until, moment, settings.rules, language)
            for language in LANGUAGES
        }

    def _link(self, mail: Queued, signature: str) -> str:
        url = self._settings.http.public_url
        if not url:
            raise ConfigurationError(
                f"{self._settings.file}: http.public_url is empty, and mails link to it",
                'Set it, such as "https://ent.univ.fr".',
            )
        return f"{url}{mail.given['page']}?lien={mail.given['link']}.{signature}"


def _of_kind(
    mail: Queued,
    known: Known,
    link: str,
    until: datetime | None,
    moment: Moment,
    rules: Rules,
    language: str,
) -> dict[str, Value]:
    """What the mails of one kind say beyond what all say."""
    zone = rules.institution.zone
    if until is not None:
        return {"link": link, "until": minute_words(until.astimezone(zone), language)}
    closes_on = day_words(known.cutoff, language) if known.cutoff else ""
    if mail.kind == CLOSES:
        assert known.cutoff is not None
        return {"closes_on": closes_on, "days": (known.cutoff - moment.today).days}
    given: dict[str, Value] = {}
    if mail.kind in (ACTIVE, FORWARDING):
        given = {n: mail.given[n] for n in ("forward_to", "keep_copy")}
    if mail.kind == ACTIVE:
        return {**given, "closes_on": closes_on}
    at = datetime.fromisoformat(mail.given["at"]).astimezone(zone)
    return {**given, "change": mail.given["change"], "at": minute_words(at, language)}


# --- in the reader's words ------------------------------------------------------------------------

_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}


def day_words(day: date, language: str) -> str:
    """31 décembre 2027, 31 December 2027."""
    first = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{first} {_MONTHS[language].split()[day.month - 1]} {day.year}"


def minute_words(at: datetime, language: str) -> str:
    """3 octobre 2026 à 14 h 05, 3 October 2026 at 14:05; in the zone of ``at``."""
    clock = f"à {at:%H} h {at:%M}" if language == "fr" else f"at {at:%H:%M}"
    return f"{day_words(at.date(), language)} {clock}"
