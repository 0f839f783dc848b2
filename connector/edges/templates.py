"""The words of mails: data and an institution's templates become subject and text.

The templates are Jinja2's (https://jinja.palletsprojects.com), one a language and kind of mail, in
a sandbox: they read nothing outside their folder, and reach nothing but the values they are given.
A value is never taken for a template, and is one line, whatever stands in it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from connector.errors import ConfigurationError

Value = str | int | bool
Values = Mapping[str, Value]

_SUBJECT = "Subject: "
_RULE = "-" * 72
_SHIPPED = "the shipped ones are in config/mail"


class Templates:
    """The mails of one folder, which has a folder for each language."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environments: dict[str, ImmutableSandboxedEnvironment] = {}

    def render(self, kind: str, values: Mapping[str, Values]) -> tuple[str, str]:
        """Subject and text of one mail.

        Args:
            kind: the templates' name, without its ``.txt``.
            values: by language, in the order in which the languages stand in the mail.

        Raises:
            ConfigurationError: a template is missing, or at fault.
        """
        parts = [self._one(language, kind, given) for language, given in values.items()]
        subjects = dict.fromkeys(subject for subject, _ in parts)
        return " / ".join(subjects), f"\n\n{_RULE}\n\n".join(text for _, text in parts) + "\n"

    def _one(self, language: str, kind: str, values: Values) -> tuple[str, str]:
        file = self._folder / language / f"{kind}.txt"
        clean = {n: _one_line(v) if isinstance(v, str) else v for n, v in values.items()}
        try:
            text = self._environment(language).get_template(file.name).render(clean)
        except TemplateNotFound as error:
            raise ConfigurationError(
                f"there is no mail template {file.parent}/{error.name or file.name}",
                f"Copy it there; {_SHIPPED}.",
            ) from None
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            OSError,
        ) as error:
            line = getattr(error, "lineno", None) or _line(error, file)
            where = f"{file}, line {line}" if line else str(file)
            raise ConfigurationError(
                f"the mail template {where} cannot be filled in: {error}",
                f"It may name {', '.join(sorted(values))}; {_SHIPPED}.",
            ) from None
        subject, _, body = text.partition("\n")
        if not subject.startswith(_SUBJECT) or not body.strip():
            raise ConfigurationError(
                f"the mail template {file} does not begin with a line {_SUBJECT + '...'!r} "
                "followed by a text",
                f"Correct it; {_SHIPPED}.",
            )
        return subject.removeprefix(_SUBJECT).strip(), body.strip()

    def _environment(self, language: str) -> ImmutableSandboxedEnvironment:
        if language not in self._environments:
            self._environments[language] = ImmutableSandboxedEnvironment(
                loader=FileSystemLoader(self._folder / language),
                undefined=StrictUndefined,
                autoescape=False,
                trim_blocks=True,
                lstrip_blocks=True,
            )
        return self._environments[language]


def _line(error: BaseException, file: Path) -> int | None:
    """The line of a template at which filling it in failed; Jinja writes it into the traceback."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return lines[-1] if lines else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
