from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.reading.hints import read_hints
from producers.reading.jobs import DocumentHints


@pytest.mark.parametrize(
    ("frame", "hints"),
    [
        (b"<channel><title>t</title></channel>", DocumentHints()),
        (b"<ttl> 15 </ttl>", DocumentHints(ttl_s=900)),
        (b"<ttl>0</ttl>", DocumentHints()),
        (b"<ttl>soon</ttl>", DocumentHints()),
        (b"<sy:updatePeriod>daily</sy:updatePeriod>", DocumentHints(ttl_s=86_400)),
        (
            b"<syn:updatePeriod>\nhourly\n</syn:updatePeriod><syn:updateFrequency> 4 </syn:updateFrequency>",
            DocumentHints(ttl_s=900),
        ),
        (b"<sy:updatePeriod>often</sy:updatePeriod>", DocumentHints()),
        (
            b"<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
            DocumentHints(ttl_s=86_400),
        ),
        (b"<skipHours><hour>0</hour><hour>23</hour><hour>99</hour></skipHours>", DocumentHints(skip_hours=1 | 1 << 23)),
        (b"<skipHours><hour>24</hour><hour>0</hour></skipHours>", DocumentHints(skip_hours=1)),
        (b"<skipDays><day>Monday</day><day>sunday</day><day>x</day></skipDays>", DocumentHints(skip_days=1 | 1 << 6)),
    ],
)
def test_what_a_feed_says_about_coming_again(frame: bytes, hints: DocumentHints) -> None:
    assert read_hints(frame) == hints


@given(st.binary(max_size=300))
def test_anything_has_hints(frame: bytes) -> None:
    assert isinstance(read_hints(frame), DocumentHints)
