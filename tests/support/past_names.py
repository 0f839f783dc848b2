"""Names as French universities have them, and how another tool writes the same name.

Nothing here uses scolpass' own comparison of names: what is made here is what that is tested with.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


FAMILY = _words(
    "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel "
    "Lefèvre Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine "
    "Rousseau Vincent Müller Lefebvre Faure André Mercier Blanc Guérin Boyer Garnier "
    "Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry "
    "Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer "
    "Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud "
    "Martinez Gérard Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre "
    "Aubert Lemoine Renaud Dumas Lacroix Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc "
    "Payet Rolland Leclercq Guillaume Lecomte López Jean Dupuy Guillot Hubert Berger "
    "Carpentier Sánchez Dupuis Moulin Louis Deschamps Huet Vasseur Perez Boucher Fleury Royer "
    "Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier "
    "Ménard Maillard Baron Bertin Bailly Hervé Schneider Fernández Collet Léger Bouvier "
    "Julien Prévost Millet Perrot Daniel Cousin Germain Breton Rémy Nguyễn Traoré Diallo "
    "Ndiaye Benali Haddad Çelik Öztürk Nowak Kovač Bengtsson Łukasik Ferreira Gonçalves "
    "Mbappé"
)
FAMILY += ["de La Tour", "Le Goff", "Le Gall", "D'Alembert", "O'Brien", "van der Berg", "El Amrani"]
FIRST = _words(
    "Léa Emma Chloé Manon Inès Camille Zoé Anaïs Clara Sarah Lucie Jade Eva Océane Mathilde "
    "Noémie Élise Maëlle Agathe Margaux Romane Juliette Louise Alice Lina Nina Ambre Rose "
    "Anna Yasmine Aïcha Fatoumata Célia Solène Héloïse Gaëlle Lou Salomé Éléonore Ophélie "
    "Hugo Lucas Théo Louis Nathan Enzo Léo Gabriel Arthur Jules Raphaël Maël Adam Paul "
    "Antoine Maxime Alexandre Baptiste Clément Valentin Thomas Romain Nicolas Quentin Loïc "
    "Benoît Rémi Jérôme Grégoire Timothée Noé Mohamed Mehdi Yanis Ibrahim Mamadou Björn José "
    "François Stéphane Sébastien Gaël Kévin Dylan Thi-Mai Jean-Baptiste Marie-Claire "
    "Jean-Noël Anne-Sophie Pierre-Yves Marie-Ève"
)


def family_name(random: Random) -> str:
    """One family name, or two with a hyphen between them."""
    name = random.choice(FAMILY)
    return f"{name}-{random.choice(FAMILY)}" if random.random() < 0.25 else name


def first_name(random: Random) -> str:
    """One first name, or two."""
    name = random.choice(FIRST)
    return f"{name} {random.choice(FIRST)}" if random.random() < 0.15 else name


@lru_cache(maxsize=100_000)
def plain(name: str) -> str:
    """Without accents, as tools of ten years ago kept names."""
    found = name.translate(str.maketrans("ŁłĐđØø", "LlDdOo"))
    found = unicodedata.normalize("NFD", found)
    return "".join(character for character in found if not unicodedata.combining(character))


def letters(name: str) -> str:
    """A name's letters alone, small and without accents: what one person's spellings share."""
    return "".join(character for character in plain(name).casefold() if character.isalnum())


@lru_cache(maxsize=100_000)
def login(name: str) -> str:
    """A part of a login."""
    return re.sub(r"[^a-z0-9]+", "-", plain(name).lower()).strip("-")


def spelled(random: Random, name: str) -> str:
    """The same name with other accents, case, blanks or hyphens."""
    ways = (
        str.upper,
        plain,
        lambda text: plain(text).upper(),
        lambda text: text.replace("-", " "),
        lambda text: text.replace(" ", "-"),
        lambda text: text.replace(" ", "").replace("'", " "),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace(" ", "  ").title(),
        str.lower,
    )
    return random.choice(ways)(name)
