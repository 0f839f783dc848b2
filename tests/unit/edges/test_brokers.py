"""Brokers: a section that names one is enough for it to be checked, started and told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.edges.transports.brokers import consumers
from connector.errors import ConfigurationError
from connector.settings.sections import Broker, Events

URLS = {"amqp": "amqps://u:secret@broker.example.org/events"}


def events(folder: Path) -> Events:
    """The section with each broker's URL file in a folder."""
    names = [name for name, section in Events() if isinstance(section, Broker)]
    return Events.model_validate({name: {"url_file": folder / f"{name}.url"} for name in names})


def write(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_text(text)


def test_each_broker_that_can_be_configured_is_taken_from_once_its_file_is_there(
    tmp_path: Path,
) -> None:
    section = events(tmp_path)
    assert len(section.brokers) == len(URLS)
    assert list(consumers(section)) == []
    for number, (name, url) in enumerate(URLS.items(), start=1):
        write(tmp_path / f"{name}.url", url)
        found = list(consumers(section))
        assert len({one.way for one in found}) == len({one.part for one in found}) == number


@pytest.mark.parametrize("name", URLS)
def test_what_is_no_url_of_a_broker_is_said_before_anything_begins(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path / f"{name}.url", "secret words")
    with pytest.raises(ConfigurationError, match=f"events.{name}.url_file") as caught:
        list(consumers(events(tmp_path)))
    assert "secret" not in str(caught.value)
