"""Files that ship with scolpass: in the installed package, or in the checkout beside it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from connector.errors import UsageError


def deploy_folder() -> Path:
    """Where the definition lies: beside the package in a checkout, inside it in a wheel."""
    return _shipped("_deploy/openldap", "deploy/openldap")


def example_configuration() -> str:
    """The commented example configuration."""
    return _shipped("_config/scolpass.toml", "config/scolpass.toml").read_text(encoding="utf-8")


def shipped_texts() -> Path:
    """The folder with the texts and templates that are shipped: letters, mail, charter."""
    return _shipped("_config", "config")


def _shipped(in_wheel: str, in_checkout: str) -> Path:
    package = Path(str(files("connector")))  # never zipped: slapd reads some of these itself
    for path in (package / in_wheel, package.parent / in_checkout):
        if path.exists():
            return path
    raise UsageError(
        f"{in_checkout} is not there, neither in the installed package nor beside it",
        "Install scolpass again",
    )
