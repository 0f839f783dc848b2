"""A log file that several processes write to at once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.processes import started


@pytest.mark.parametrize("size", [10, 9_000, 70_000])
def test_a_line_is_one_write_so_that_processes_may_share_the_file(
    tmp_path: Path, size: int
) -> None:
    file = tmp_path / "scolpass.log"
    script = (
        "import sys, structlog\n"
        "from pathlib import Path\n"
        "from connector.settings.sections import Log\n"
        "from connector.log.setup import configure\n"
        "configure(Log(file=Path(sys.argv[1])))\n"
        "for _ in range(200):\n"
        "    structlog.get_logger().info(sys.argv[2] * int(sys.argv[3]))\n"
    )
    writers = [
        started([sys.executable, "-c", script, str(file), word, str(size)]) for word in "abc"
    ]
    assert [one.wait(timeout=60) for one in writers] == [0, 0, 0]
    found = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert Counter(found) == {word * size: 200 for word in "abc"}
