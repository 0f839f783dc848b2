"""The API does what its description says, whatever is sent: no mistake of ours, no answer of which
nothing is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from connector.core.roles import Role
from connector.web.api.calls import CALLS
from tests.support.tier import LONG
from tests.web.calling import PREFIX, Caller, Office

EXAMPLES = 40 if LONG else 1  # of what is allowed, and as many of what is not, for each call


def operations(office: Office) -> Iterator[Any]:
    """The calls of the service desk, as they are described, without the token that each needs."""
    described = office.client.get("/openapi.json").json()
    del described["components"]["securitySchemes"]
    for ways in described["paths"].values():
        for way in ways.values():
            way.pop("security", None)
    described["paths"] = {
        path: ways for path, ways in described["paths"].items() if path.startswith(PREFIX)
    }
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


@pytest.mark.timeout(1800)
def test_every_call_does_what_its_description_says(office: Office) -> None:
    admin = office.new_caller(Role.ADMIN)
    numbers = [office.student() for _ in range(3)]
    there: dict[str, st.SearchStrategy[Any]] = {
        "student": st.sampled_from(numbers),
        "digest": st.just("latest"),
        "run": st.integers(1, 5),
        "token": st.just(999_999),  # those that there are, other tests hold
    }
    seen = 0
    for operation in operations(office):
        seen += 1
        takes = operation.definition.raw.keys() & {"parameters", "requestBody"}
        for mode in GenerationMode if takes else (GenerationMode.POSITIVE,):
            _send(office, admin, operation, mode, there if mode is GenerationMode.POSITIVE else {})
    assert seen == len(CALLS)


def _send(
    office: Office,
    caller: Caller,
    operation: Any,
    mode: GenerationMode,
    there: Mapping[str, st.SearchStrategy[Any]],
) -> None:
    """Send one call a few times, as it is described or as it is not; ``there``: what there is."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @hypothesis.given(st.data())
    def sends(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for name in case.path_parameters.keys() & there.keys():
            if case.path.endswith("/approval"):
                continue
            case.path_parameters[name] = data.draw(there[name])
        if mode is GenerationMode.POSITIVE:  # what was given out is good, and nothing else
            case.query.pop("cursor", None)
            case.headers.pop("If-Match", None)
            case.headers.pop("Idempotency-Key", None)
            if isinstance(case.body, dict):
                case.body.pop("cursor", None)
            if case.path.endswith("/students"):  # either of the two
                case.query.clear()
                case.query["q"] = "martin"
        case.headers["Authorization"] = f"Bearer {caller.token}"
        answer = case.call(base_url=str(office.client.base_url))
        case.validate_response(answer)

    sends()
