"""The service desk's API as an institution's tools call it: the examples of its page, as they
stand, against the service."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.support.daemon import running
from tests.support.walk import TODAY, Walk, students
from tests.support.workspace import Workspace

PAGE = Path(__file__).parents[2] / "docs/api.md"


def test_the_examples_of_the_page_do_what_it_says(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write_register(students(4))
    script = "\n".join(re.findall(r"(?ms)^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8")))
    with running(workspace) as daemon:
        made = workspace.json(
            *("token", "create", "--role", "admin", "--until", TODAY.isoformat()),
            *("--reason", "the examples of the page"),
        )
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={
                **os.environ,
                "SCOLPASS": f"http://127.0.0.1:{daemon.port}",
                "TOKEN": made["token"],
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        described = daemon.client.get("/openapi.json").json()["paths"]
        assert {"/api/v1/students/{student}", "/activation/state"} <= described.keys()
        password = re.search(r'(?m)^"(\d{6})"$', done.stdout)
        assert password is not None, done.stdout
        assert (tmp_path / "letter.pdf").read_bytes().startswith(b"%PDF-")
        walk = Walk(workspace)
        dn = walk.person("22600001")["dn"][0]
        assert walk.directory.bind_result(dn, password[1]) == 0
        for told in (done.stderr, daemon.said()):
            assert made["token"] not in told
            assert password[1] not in told
    by = {row["actor"] for row in walk.history(student_number="22600001") if row["run"] > 1}
    assert by == {f"token {made['id']}"}
