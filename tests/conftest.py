"""What all tests share: a directory of their own, a workspace around it, and the real command.

- ``directory``: a fresh slapd for this test, as a local process, or in a container where the image
  decides (the marker ``image``) and ``SCOLPASS_TEST_DIRECTORY`` asks for one; see
  `tests.support.directory`. The test may break it.
- ``own_directory``: a second one, and ``make_directory()`` as many as a test likes.
- ``workspace``: a folder with configuration, key, password and register for ``directory``.
- ``scolpass``: runs the real command there.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from connector.log import redaction
from tests.support import statements
from tests.support.directory import Directory, Stock, Way, choose_way
from tests.support.mail import MailServer
from tests.support.postgres import Database, postgres, postgres_server
from tests.support.rabbitmq import Broker
from tests.support.tier import LONG, left_out
from tests.support.workspace import Result, Workspace
from tests.support.zone import PARIS

__all__ = ["postgres", "postgres_server"]  # fixtures of their own module

hypothesis.settings.register_profile(
    # Each run tries other examples; a failing one is printed so that it can be put into the code.
    "scolpass",
    deadline=None,
    print_blob=True,
    derandomize=False,
)
# A few hundred examples of every property, beside other work: --hypothesis-profile thorough
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("scolpass"), max_examples=300
)

JOURNAL = os.environ.get("JOURNAL", "sqlite")  # or "postgres": the walks' tests on that one

_way = pytest.StashKey[Way]()


_label = pytest.StashKey[str | None]()


@pytest.hookimpl(tryfirst=True)  # before hypothesis' own, which reads the seed
def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", None)  # by the process that hands out the tests
    if told is not None:
        config.stash[_way], config.stash[_label] = told["way"], told["label"]
        config.option.hypothesis_seed = told["seed"]
    else:
        try:
            config.stash[_way] = choose_way(os.environ.get("SCOLPASS_TEST_DIRECTORY"))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        config.stash[_label] = os.environ.get("SCOLPASS_ENGINE_LABEL")
    # What a developer's shell sets for scolpass is no part of a test.
    for name in [name for name in os.environ if name.startswith("SCOLPASS_")]:
        del os.environ[name]
    if config.getoption("--hypothesis-profile", None) is None:
        hypothesis.settings.load_profile("scolpass")
    if config.getoption("--hypothesis-seed", None) is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = config.option.keyword or any("::" in argument for argument in config.args)
    if LONG or named:
        return
    left = left_out(items, config.option.hypothesis_seed)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left])
    items[:] = [item for item in items if item.nodeid not in left]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what was chosen for all of them."""
    node.workerinput["way"] = node.config.stash[_way]
    node.workerinput["label"] = node.config.stash[_label]
    node.workerinput["seed"] = node.config.option.hypothesis_seed


def _how(config: pytest.Config) -> list[str]:
    engine = os.environ.get("DOCKER_HOST", "the default engine")
    way = "a local process"
    if config.stash[_way] == "container":
        way += f", and in a container ({engine}) where the image decides"
    return [
        f"directory: slapd as {way}",
        f"hypothesis: seed {config.getoption('--hypothesis-seed')} (--hypothesis-seed)",
    ]


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _how(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not terminalreporter.showheader:  # -q leaves the header out
        for line in _how(config):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _shared_statements() -> None:
    statements.share()


@pytest.fixture(autouse=True)
def _forgotten_secrets() -> Iterator[None]:
    """What is guarded for as long as a process lives ends with the test that guards it."""
    guarded = redaction._guarded
    before = list(guarded._counts.elements())
    yield
    for secret in (guarded._counts - Counter(before)).elements():
        guarded.remove(secret)


@pytest.fixture(scope="session")
def _stocks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Way, Stock]]:
    ways: set[Way] = {"local", request.config.stash[_way]}
    label = request.config.stash[_label]
    stocks = {way: Stock(way, tmp_path_factory.mktemp("directories"), label) for way in ways}
    yield stocks
    for stock in stocks.values():
        stock.close()


@pytest.fixture(scope="session")
def _private_stock(_stocks: dict[Way, Stock]) -> Stock:
    """Private slapds, for what many tests share."""
    return _stocks["local"]


@pytest.fixture
def _stock(request: pytest.FixtureRequest, _stocks: dict[Way, Stock]) -> Stock:
    decides = request.node.get_closest_marker("image") is not None
    return _stocks[request.config.stash[_way] if decides else "local"]


@pytest.fixture
def make_directory(_stock: Stock) -> Iterator[Callable[[], Directory]]:
    """Makes as many fresh directories as the test asks for; they end with it."""
    made: list[Directory] = []
    with ExitStack() as stack:

        def make(suffix: str | None = None) -> Directory:
            directory = _stock.make(suffix) if made or suffix else _stock.first()
            stack.callback(_stock.take_back, directory)
            made.append(directory)
            return directory

        yield make


@pytest.fixture
def directory(make_directory: Callable[[], Directory]) -> Directory:
    """A fresh directory for this test, which may break it."""
    return make_directory()


@pytest.fixture
def own_directory(make_directory: Callable[[], Directory]) -> Directory:
    """Another fresh directory, beside `directory`."""
    return make_directory()


@pytest.fixture
def workspace(tmp_path: Path, directory: Directory, request: pytest.FixtureRequest) -> Workspace:
    """A folder with all that a scolpass for `directory` needs."""
    folder = tmp_path / "workspace"
    folder.mkdir(mode=0o700)
    made = Workspace(folder, directory)
    if JOURNAL == "postgres":
        database: Database = request.getfixturevalue("postgres")
        made.configure({"journal": {"url": database.url}})
    return made


@pytest.fixture
def in_paris(workspace: Workspace) -> None:
    """The institution lies in Paris, whatever time it is there: for tests that spell instants."""
    workspace.configure({"institution": {"timezone": PARIS.key}})


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server on loopback, that keeps what it takes."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def _brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def broker(_brokers: Broker) -> Iterator[Broker]:
    """A RabbitMQ of this run of the tests, which a test may break; each has queues of its own."""
    yield _brokers
    _brokers.revive()


@pytest.fixture
def scolpass(workspace: Workspace) -> Callable[..., Result]:
    """The real command in `workspace`: ``scolpass("sync", "--json")``."""
    return workspace.scolpass


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file, link or pipe somebody else's, as far as scolpass in this process can see."""
    somebody = 65534

    def make(place: Path) -> None:
        if os.geteuid() == 0:
            os.chown(place, somebody, somebody, follow_symlinks=False)
        else:
            monkeypatch.setattr("os.geteuid", lambda: somebody)

    return make
