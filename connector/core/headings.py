"""The names of a register's columns: where the fields stand, and which names mean which field.

Apogée's names are those of its tables (``INDIVIDU``, ``INS_ADM_ETP`` and the others), Pégase's
those of its database (DRE) and programming interfaces; beside them stand the headings that people
give to exports in French and English. Names are compared without accents, case, blanks and
punctuation.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connector.core.codes import unaccented
from connector.core.model import FIELDS, REQUIRED

OURS, APOGEE, PEGASE, USUAL = "scolpass", "Apogée", "Pégase", "a usual heading"

NAMES: Mapping[str, tuple[str, str, str]] = {
    "student_number": (
        "cod_etu",
        "code_apprenant",
        "numero_etudiant, num_etudiant, no_etudiant, n_etudiant, numero_d_etudiant, code_etudiant, "
        "num_etu, no_etu, numero_apprenant, nip, code_nip, id_etudiant, matricule, student_id, "
        "student_no, student_code, matriculation_number, etudiant, numero",
    ),
    "family_name": (
        "lib_nom_pat_ind",
        "nom_famille, nom_de_naissance",
        "nom_de_famille, nom_naissance, nom_patronymique, nom_patro, nom_pat, patronyme, "
        "birth_name, last_name, surname, nom",
    ),
    "first_name": (
        "lib_pr1_ind",
        "prenom",
        "prenom_1, premier_prenom, given_name, forename, prenoms",
    ),
    "birth_date": (
        "date_nai_ind",
        "date_naissance, date_de_naissance",
        "dat_nai, date_nai, date_nais, naissance, ne_le, nee_le, ddn, date_of_birth, dob",
    ),
    "academic_year": (
        "cod_anu",
        "code_periode, annee_universitaire",
        "annee_univ, annee_uni, annee_academique, annee_inscription, annee_d_inscription, "
        "annee_ins, au, school_year, annee, year",
    ),
    "status": (
        "eta_iae, etat_iae",
        "statut_inscription",
        "etat_inscription, etat_de_l_inscription, statut_de_l_inscription, enrolment_status, "
        "enrollment_status, registration_status, etat, statut",
    ),
    "usual_name": (
        "lib_nom_usu_ind",
        "nom_usuel",
        "nom_usage, nom_d_usage, nom_marital, nom_epouse, nom_d_epouse, preferred_last_name, "
        "married_name",
    ),
    "civility": (
        "cod_sex_etu",
        "sexe",
        "civilite, civ, cod_civ, lib_civ, genre, titre, gender, sex, title",
    ),
    "birth_place": (
        "lib_vil_nai_etu",
        "",
        "ville_naissance, ville_de_naissance, lieu_naissance, lieu_de_naissance, "
        "commune_naissance, commune_de_naissance, libelle_commune_naissance, "
        "place_of_birth, city_of_birth",
    ),
    "ine": (
        "",
        "",
        "numero_ine, num_ine, no_ine, n_ine, code_ine, ine_etudiant, ine_nne, nne, bea, "
        "numero_bea, identifiant_national, identifiant_national_etudiant",
    ),
    "component_code": (
        "cod_cmp",
        "code_structure_principale",
        "code_structure, code_composante, cod_composante, code_ufr, faculty_code, school_code",
    ),
    "component_name": (
        "lib_cmp, lic_cmp",
        "",
        "libelle_structure, libelle_composante, lib_composante, nom_composante, "
        "nom_de_la_composante, libelle_ufr, faculty_name, school_name",
    ),
    "step_code": (
        "cod_etp",
        "code_objet_formation",
        "code_etape, cod_etape, code_formation, program_code, programme_code, course_code",
    ),
    "step_name": (
        "lib_web_vet, lib_etp, lic_etp",
        "libelle_long",
        "libelle_formation, libelle_etape, lib_etape, nom_etape, intitule_etape, "
        "libelle_de_l_etape, nom_formation, intitule_formation, program_name, programme_name, "
        "course_name",
    ),
    "student_status": ("", "", "lib_stu, statut_etudiant, statut_de_l_etudiant, profil_etudiant"),
    "enrolled_on": (
        "dat_cre_iae",
        "date_inscription, date_validation_inscription",
        "date_d_inscription, date_ins, inscrit_le, enrolment_date, enrollment_date, "
        "registration_date, enrolled",
    ),
    "contact_email": (
        "adr_mail",
        "",
        "mail_perso, email_perso, mel_perso, courriel_perso, mail_personnel, email_personnel, "
        "courriel_personnel, adresse_mail, adresse_electronique, adresse_courriel, personal_email, "
        "courriel, e_mail, mel, mail",
    ),
    "postal_address": (
        "",
        "",
        "adresse_postale, adresse_complete, adresse_fixe, adresse, address",
    ),
}

"""By field: names in Apogée, in Pégase, and usual ones; the better a name, the earlier it is."""

EITHER: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("composante", "ufr", "faculte", "component", "faculty", "school"),
                    ("component_code", "component_name")),
    **dict.fromkeys(("etape", "formation", "step", "programme", "program", "course"),
                    ("step_code", "step_name")),
}  # fmt: skip
"""Headings that stand over codes in one register and over names in another: what is below says."""

INCOMPLETE: Mapping[str, str] = {
    "codnneind": "the INE without its key: join COD_NNE_IND and COD_CLE_NNE_IND into one column"
}
"""Columns that are part of a field."""


_CLOSE = 0.84  # of names that may be one, mistyped or cut
_SHORT = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A column whose name means a field."""

    field: str
    column: str  # as it stands in the header
    origin: str  # whose name it is
    rank: int  # among the names of its field, the best first


@dataclass(frozen=True, slots=True)
class Located:
    """Where the fields stand among a source's columns."""

    places: Mapping[str, int]
    missing: Mapping[str, str]  # by field that has to be there: the name that was looked for
    twice: Mapping[str, str]  # by field: a name that several columns have


def squeezed(name: str) -> str:
    """A column's name as it is compared with known ones: letters and digits only."""
    return re.sub(r"[^0-9a-z]+", "", unaccented(name))


def _known() -> dict[str, tuple[str, str, int]]:
    known: dict[str, tuple[str, str, int]] = {}
    for field in FIELDS:
        known[squeezed(field)] = (field, OURS, 0)
    for field, groups in NAMES.items():
        names = [
            (name, origin)
            for group, origin in zip(groups, (APOGEE, PEGASE, USUAL), strict=True)
            for name in group.split(", ")
            if name
        ]
        for rank, (name, origin) in enumerate(names, start=1):
            known.setdefault(squeezed(name), (field, origin, rank))
    return known


KNOWN: Mapping[str, tuple[str, str, int]] = _known()
"""By squeezed name: the field, whose name it is, and its rank."""


def meant(names: Sequence[str]) -> list[Named]:
    """The columns whose names mean a field, the best name of each field first.

    A name that stands over several columns means nothing, as neither can be told from the other.
    A name that means nothing as a whole is looked for behind its last full stop: tools that query
    databases write ``ind.COD_ETU``.
    """
    found = []
    for name in names:
        if not name or names.count(name) > 1:
            continue
        known = KNOWN.get(squeezed(name)) or KNOWN.get(squeezed(name.rpartition(".")[2]))
        if known is not None:
            found.append(Named(known[0], name, known[1], known[2]))
    return sorted(
        found, key=lambda one: (FIELDS.index(one.field), one.rank, names.index(one.column))
    )


def suggestions(field: str, names: Iterable[str], wanted: str = "") -> tuple[str, ...]:
    """Columns that may be the one of a field: known names first, then close ones.

    Args:
        field: ours.
        names: the columns that are not used otherwise.
        wanted: the name that the configuration gives for it, if it does.
    """
    names = list(dict.fromkeys(names))
    known = [one.column for one in meant(names) if one.field == field]
    either = [name for name in names if field in EITHER.get(squeezed(name), ())]
    texts = [squeezed(wanted or field), *(name for name, (of, *_) in KNOWN.items() if of == field)]
    near = {name: max(_alike(squeezed(name), text) for text in texts) for name in names}
    close = sorted((name for name in names if near[name] >= _CLOSE), key=lambda name: -near[name])
    return tuple(dict.fromkeys((*known, *either, *close)))


def _alike(one: str, other: str) -> float:
    """How much alike two names are; short ones are alike only if they are the same."""
    if min(len(one), len(other)) < _SHORT:
        return float(one == other and one != "")
    return difflib.SequenceMatcher(None, one, other).ratio()


def locate(names: Sequence[str], columns: Mapping[str, str], *, fold: bool) -> Located:
    """Where the fields stand.

    A field is looked for under its configured name, then under its own.

    Args:
        names: of a source's columns, cleaned.
        columns: the configured names by field, cleaned.
        fold: whether a name that is found nowhere may differ in case: databases change the case of
            names that are not quoted.
    """
    folded = [name.casefold() for name in names]
    places: dict[str, int] = {}
    missing: dict[str, str] = {}
    twice: dict[str, str] = {}
    for field in FIELDS:
        wanted = [columns[field], field] if field in columns else [field]
        candidates = [(name, names) for name in wanted]
        if fold:
            candidates += [(name.casefold(), folded) for name in wanted]
        name, among = next(((n, a) for n, a in candidates if n in a), ("", ()))
        if not among:
            if field in REQUIRED or field in columns:
                missing[field] = wanted[0]
        elif among.count(name) > 1:
            twice[field] = name
        else:
            places[field] = among.index(name)
    return Located(places, missing, twice)
