"""What can be done to one account from its page: who may, where it is sent, what it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.core.account import State
from connector.core.reasons import Act as StateAct
from connector.core.reasons import Words
from connector.core.roles import Permission
from connector.desk import wording
from connector.desk.orders import Act
from connector.desk.view import AccountView
from connector.edges.tokens import draw_token
from connector.web.console.speech import Speech
from connector.web.operators import Operator

LETTER = "letter"  # printed, and no order: it changes nothing


@dataclass(frozen=True, slots=True)
class Row:
    """One act."""

    name: str  # as `connector.core.reasons.Act` has it
    path: str  # below the person's address
    icon: str
    permission: Permission
    order: Act | None = None  # None: the letter
    asks_identity: bool = True
    is_grave: bool = False

    @property
    def of_state(self) -> StateAct:
        """What it is called where an account's state decides about it."""
        return StateAct(self.name)


_ROWS = (
    Row("resync", "resynchroniser", "again", Permission.ACT, Act.RESYNC, asks_identity=False),
    Row(LETTER, "scolpass", "print", Permission.PRINT, asks_identity=False),
    Row("reissue", "nouveau-mot-de-passe", "key", Permission.ACT, Act.REISSUE),
    Row("suspend", "suspendre", "pause", Permission.ACT, Act.SUSPEND, is_grave=True),
    Row("resume", "lever-la-suspension", "play", Permission.ACT, Act.RESUME),
    Row("rename", "renommer", "pen", Permission.ACT, Act.RENAME),
    Row("erase", "effacer", "bin", Permission.ADMINISTER, Act.ERASE, is_grave=True),
)
ROWS: Mapping[str, Row] = {row.path: row for row in _ROWS}


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that came back: what was in it, and what is wrong with it."""

    act: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)


NOTHING_SENT = Sent()


@dataclass(frozen=True, slots=True)
class Offered:
    """One act as the page offers it, or says why it does not."""

    row: Row
    allowed: bool
    because: str
    once: str = field(repr=False)  # by which a form that is sent twice is known
    given: Mapping[str, str]
    wrong: Mapping[str, str]
    open: bool

    @property
    def name(self) -> str:
        """What texts call it."""
        return self.row.name


@dataclass(frozen=True, slots=True)
class Remedy:
    """Where a cure is to be found that the verdict names."""

    href: str
    icon: str
    label: str


def remedy(words: Words, number: str, speech: Speech, acts: Sequence[Offered]) -> Remedy | None:
    """Where what mends a reason can be done; None: not here, not now, or not by this operator."""
    buttons = wording.texts(speech.language)["buttons"]
    if words.act in _ELSEWHERE:
        href, icon = _ELSEWHERE[words.act]
        return Remedy(href.format(number=number), icon, buttons[words.act])
    for one in acts:
        if one.name == words.act and one.allowed:
            return Remedy(f"#act-{one.name}", one.row.icon, speech.texts["acts"][one.name])
    return None


_ELSEWHERE: Mapping[StateAct, tuple[str, str]] = {
    StateAct.LINK: ("/console/decisions/{number}", "person"),
    StateAct.APPROVE: ("/console/plans", "wait"),
    StateAct.RETRY_EVENT: ("/console/evenements?etat=rejected", "again"),
}


def offered(
    seen: AccountView, operator: Operator, speech: Speech, sent: Sent = NOTHING_SENT
) -> Sequence[Offered]:
    """The acts that an operator's role has, first those that the account's state allows."""
    found = []
    for row in _ROWS:
        if not operator.may(row.permission):
            continue
        allowed, because = _by_state(seen, row, speech)
        mine = sent if sent.act == row.name else NOTHING_SENT
        found.append(
            Offered(
                row=row,
                allowed=allowed,
                because=because,
                once=draw_token(),
                given={"reason": "", "identity": "", **mine.given},
                wrong={"reason": "", "identity": "", **mine.wrong},
                open=bool(mine.act),
            )
        )
    return sorted(found, key=lambda one: not one.allowed)


def _by_state(seen: AccountView, row: Row, speech: Speech) -> tuple[bool, str]:
    if row.order is Act.ERASE:  # the only one that the desk does not have
        account, known = seen.facts.account, seen.facts.known
        over = (State.EXPIRED, State.PURGED)
        state = account.current.state if account else known.state if known else None
        return state in over, str(speech.texts["acting"]["only_expired"])
    found = seen.actions[row.of_state]
    return found.allowed, found.because(speech.tongue(), speech.zone)
