"""What a change weighs: nothing that matters to a person is taken for a matter of spelling."""

from __future__ import annotations

from itertools import product

import pytest

from connector.core.catalogue import ATTRIBUTES, LOGINS, PASSWORDS, Part
from connector.core.shapes import Shape
from connector.core.weights import PLACES, Weight, weight_of

IN_PLACE = [one for one in Shape if one not in (Shape.NEW_ENTRY, Shape.DELETED_ENTRY)]
LIGHT = {Weight.ADDED, Weight.SPELLING}


@pytest.mark.parametrize(
    ("name", "shape", "weight"),
    [
        *((name, Shape.OTHER, Weight.IDENTIFIER) for name in ("uid", *LOGINS)),
        ("mail", Shape.CASE, Weight.IDENTIFIER),
        ("mail", Shape.ADDED, Weight.ADDED),
        ("supannAutreMail", Shape.LOST, Weight.IDENTIFIER),
        ("pwdEndTime", Shape.EARLIER, Weight.CLOSING),
        ("pwdEndTime", Shape.LATER, Weight.REPLACED),
        ("eduPersonAffiliation", Shape.LOST, Weight.AFFILIATION),
        ("eduPersonAffiliation", Shape.EXCHANGED, Weight.AFFILIATION),
        ("eduPersonAffiliation", Shape.GAINED, Weight.ADDED),
        ("eduPersonPrimaryAffiliation", Shape.REMOVED, Weight.AFFILIATION),
        ("userPassword", Shape.PASSWORD, Weight.PASSWORD),
        ("sn", Shape.OTHER, Weight.NAME),
        ("sn", Shape.ACCENTS, Weight.SPELLING),
        ("displayName", Shape.EXCHANGED, Weight.NAME),
        ("givenName", Shape.REMOVED, Weight.NAME),
        ("supannCivilite", Shape.OTHER, Weight.REPLACED),
        ("supannCodeINE", Shape.OTHER, Weight.PERSON),
        ("supannCodeINE", Shape.CASE, Weight.SPELLING),
        ("supannOIDCDateDeNaissance", Shape.OTHER, Weight.PERSON),
        ("supannEtuEtape", Shape.EXCHANGED, Weight.REPLACED),
        ("ofAnotherTarget", Shape.OTHER, Weight.REPLACED),
    ],
)
def test_what_it_weighs(name: str, shape: Shape, weight: Weight) -> None:
    assert weight_of(name, shape) is weight


def test_a_closing_is_weighed_by_its_days() -> None:
    for name, shape in product(("pwdEndTime", "pwdStartTime"), (Shape.ADDED, Shape.LATER)):
        assert weight_of(name, shape, closes=True) is Weight.CLOSING
        assert weight_of(name, shape) is not Weight.CLOSING


def test_what_is_lost_is_never_light() -> None:
    """Of every attribute: a value that goes, or gives way to another one, has its own weight."""
    losing = (Shape.REMOVED, Shape.LOST, Shape.EXCHANGED, Shape.OTHER, Shape.EARLIER)
    for (name, row), shape in product(ATTRIBUTES.items(), losing):
        weight = weight_of(name, shape)
        assert weight not in LIGHT, (name, shape)
        if row.part in (Part.UID, Part.ADDRESS, Part.AFFILIATION, Part.NAME, Part.PERSON):
            assert PLACES[weight] < PLACES[Weight.REPLACED], (name, shape)


def test_only_spellings_and_additions_are_light() -> None:
    for name, shape in product(ATTRIBUTES, IN_PLACE):
        if name in PASSWORDS:
            continue
        if weight_of(name, shape) is Weight.SPELLING:
            assert shape.endswith(" only"), (name, shape)
        elif weight_of(name, shape) is Weight.ADDED:
            assert shape in (Shape.ADDED, Shape.GAINED, Shape.SAME), (name, shape)
