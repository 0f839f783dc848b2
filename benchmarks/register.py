"""A synthetic register: the same students for the same size, every time."""

from __future__ import annotations

import random
from pathlib import Path

FIRST_NUMBER = 22_000_000
_FIRST = (
    *("Léa", "Emma", "Jade", "Louise", "Alice", "Chloé", "Lina", "Rose", "Léna", "Anna", "Mila"),
    *("Ambre", "Julia", "Inès", "Léonie", "Gabriel", "Raphaël", "Léo", "Louis", "Lucas", "Adam"),
    *("Arthur", "Hugo", "Jules", "Maël", "Liam", "Ethan", "Noé", "Paul", "Nathan"),
)
_HEADER = (
    "student_number;family_name;first_name;birth_date;academic_year;status;usual_name;civility;"
    "birth_place;ine;component_code;component_name;step_code;step_name;student_status;"
    "enrolled_on;contact_email"
)


def write_register(path: Path, students: int, academic_year: int) -> None:
    """Write ``students`` rows of one academic year as a UTF-8 CSV with semicolons."""
    chance = random.Random(students)
    syllables = [c + v for c in "bcdfglmnprst" for v in "aeiou"]
    families = [
        "".join(chance.choices(syllables, k=chance.randint(2, 4))).capitalize() for _ in range(3000)
    ]
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEADER + "\n")
        for index in range(students):
            day, month = chance.randint(1, 28), chance.randint(1, 12)
            birth = f"{day:02}/{month:02}/{chance.randint(1998, 2008)}"
            file.write(
                f"{FIRST_NUMBER + index};{chance.choice(families)};{chance.choice(_FIRST)};{birth};"
                f"{academic_year};E;;{chance.choice(('M', 'MME'))};AGDE;"
                f"{chance.randint(10**9, 10**10 - 1)}A;FDS;Faculté des sciences;"
                f"L{chance.randint(1, 3)}INFO;Licence;Etudiant;01/09/{academic_year};"
                f"student{index}@example.org\n"
            )
