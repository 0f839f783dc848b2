"""What the catalogue of attributes says."""

from __future__ import annotations

from connector.core import catalogue


def test_no_attribute_is_both_optional_and_shared_and_all_are_read() -> None:
    assert not catalogue.OPTIONAL & catalogue.SHARED
    assert set(catalogue.READ) >= catalogue.OPTIONAL | catalogue.SHARED | {
        "pwdStartTime",
        "supannEmpId",
    }
