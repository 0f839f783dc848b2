"""The story, chapter by chapter. A chapter is a function; what it is about, its title says."""

from __future__ import annotations

from collections.abc import Callable

from connector.demo.chapters.activations import (
    activated,
    by_herself,
    refused_event,
    step_by_step,
    the_other_way_round,
)
from connector.demo.chapters.admins import by_mistake, on_record, suspended
from connector.demo.chapters.arrivals import an_empty_directory, one_sync, the_register
from connector.demo.chapters.midnight import the_last_night
from connector.demo.chapters.semesters import a_new_name, cancelled, refused_rows
from connector.demo.stage import Story

CHAPTERS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("An empty directory, and a lecturer in it", an_empty_directory),
    ("The register, and what would be done", the_register),
    ("One sync", one_sync),
    ("A student tries her provisional password", by_herself),
    ("One student, step by step", step_by_step),
    ("She activates her account", activated),
    ("Somebody guesses, and an activation in another order", the_other_way_round),
    ("An event that is refused", refused_event),
    ("Bad rows are refused alone, a bad feed whole", refused_rows),
    ("An enrolment is cancelled, and valid again", cancelled),
    ("A new name, and another year", a_new_name),
    ("A suspension, and its end", suspended),
    ("A programme is cancelled by mistake", by_mistake),
    ("What is on record, and nothing to do", on_record),
    ("The night of 31 December", the_last_night),
)
