"""The words that no password may be, and how strong a password is.

Both come with libraries: French and English words with pyspellchecker, the most used passwords,
names and the estimate of strength with zxcvbn (Wheeler, USENIX Security 2016). They are read when
first asked for, once in the life of the process.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from threading import Lock

from connector.core.own_password import LONGEST, Context, Words, fold, skeleton, spellings

# The time of zxcvbn grows steeply with what could be leet: 40 such characters cost 0.4 s, 72 1.5 s.
# What follows can only make a password stronger than is said.
_WEIGHED = 40
_COMMON = 6  # letters of a skeleton; shorter ones cannot be all of a password that is long enough
_FREQUENT = 30_000  # French words that zxcvbn is told of, as many as it knows of English
# Much used in French passwords, and in none of the lists.
_FRENCH = """
    aicha aurelien barcelone bilal biloute bisounours bouboule boubou cacahuete calin caline
    choubidou chouchou chouchoute choupette choupi choupinette choupinou covid doudou doudoune
    etudiant etudiante fifi filou fripouille gribouille jetadore juju karim kiki kikou lilou
    louane loulette loulou louloute loute mael mamour mbappe milou mimine mimi minette
    minouche moumoune nini nounou nounours occitanie pepette pitchoune poupee poupette
    poupoune psg qsdfgh qsdfghjklm rayan riri snapchat sofiane tata tiktok tigrou titi titoune
    toutoune wxcvbn yanis youssef zaza zouzou
"""

# They are meant to be loaded once; and zxcvbn keeps a student's own words in a variable of its own.
_one_at_a_time = Lock()


def known_words() -> Words:
    """The dictionary and the most used passwords; any number of threads may ask."""
    with _one_at_a_time:
        return _load()


def strength(password: str, who: Context) -> int:
    """How hard a password is to guess, from 0 (at once) to 4 (hardly ever), as zxcvbn sees it.

    Any text may be given. It takes milliseconds, and half a second for what is made to be slow.
    """
    from zxcvbn import zxcvbn

    # zxcvbn knows nothing of accents, and fails on the empty text.
    weighed = fold(password[:LONGEST])[:_WEIGHED]
    if not weighed:
        return 0
    with _one_at_a_time:
        _teach_french()
        return zxcvbn(weighed, user_inputs=list(spellings(who)))["score"]


@cache
def _load() -> Words:
    from spellchecker import SpellChecker
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    words = chain(
        # One after the other: with what it counts, a language takes 20 MB for the moment.
        *(SpellChecker(language=name).word_frequency.words() for name in ("fr", "en")),
        *FREQUENCY_LISTS.values(),
        _FRENCH.split(),
    )
    # A most used password of letters alone is as good as a word; with a digit it is none.
    spelt = {skeleton(word) for word in words if not any(map(str.isdecimal, word))}
    used = map(skeleton, FREQUENCY_LISTS["passwords"])
    return Words(
        dictionary=frozenset(word for word in spelt if len(word) > 2),
        common=frozenset(word for word in used if len(word) >= _COMMON),
    )


@cache
def _teach_french() -> None:
    from spellchecker import SpellChecker
    from zxcvbn.matching import add_frequency_lists

    counted = SpellChecker(language="fr").word_frequency.dictionary
    frequent = sorted(counted, key=counted.__getitem__, reverse=True)[:_FREQUENT]
    add_frequency_lists({"french": [*_FRENCH.split(), *map(fold, frequent)]})
