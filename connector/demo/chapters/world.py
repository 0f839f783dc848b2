"""What all chapters speak of: the directory's names, and the students that the story follows."""

from __future__ import annotations

SUFFIX = "dc=umontpellier,dc=fr"
PEOPLE = f"ou=people,{SUFFIX}"
DOMAIN = "etu.umontpellier.fr"
READ = "ldapsearch -x -LLL -y admin.password"

# All others are in demo.csv only.
ISIL = "22600008"
LUKASZ = "22600020"
CAMILLE = "22600050"
INES = "22600051"
ALIX = "22600053"
ANA = "22600055"
LAW = "L1DRO"


def dn(number: str) -> str:
    """A student's entry."""
    return f"uid=e{number},{PEOPLE}"
