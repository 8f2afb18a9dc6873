from __future__ import annotations

import pytest

from streams.agencies import NAMES, agency_of


@pytest.mark.parametrize(
    ("text", "agency"),
    [
        ("LONDON (Reuters) - An experimental vaccine", "Reuters"),
        ("WASHINGTON (AP) — Senators said", "AP"),
        ("BEIJING, Aug. 2 (Xinhua) -- China on Tuesday", "Xinhua"),
        ("SEOUL, Nov. 3 (Yonhap) -- North Korea", "Yonhap"),
        ("МОСКВА, 2 августа. (ТАСС) Россия", "TASS"),
        ("（北京路透电）", ""),
        ("新华社2日报道", "Xinhua"),
        ("（法新社）法国总统", "AFP"),
        ("By Reuters\nThe council", "Reuters"),
        ("AFP - Le ministre", "AFP"),
        ("The maps (by Reutersward) show an app (APP)", ""),
        ("Analysts at Reuters expect more", ""),  # a mention is no credit
        ("", ""),
    ],
)
def test_credit_names_the_agency(text: str, agency: str) -> None:
    assert agency_of("Harbour Post", text) == agency


def test_feed_of_an_agency_is_its_own_origin() -> None:
    for agency, names in NAMES.items():
        assert {agency_of(name, "") for name in names} == {agency}
    assert agency_of("  REUTERS ", "PARIS (AP) -") == "Reuters"


def test_only_the_beginning_is_read() -> None:
    assert agency_of("Post", "word " * 100 + "(Reuters)") == ""
