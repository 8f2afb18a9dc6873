"""How counts scatter that are normal."""

from __future__ import annotations

import math


def normal_range(mean: float, phi: float) -> tuple[int, int]:
    """Return the 5 % and 95 % quantiles of a negative binomial with the variance mean + phi mean^2, phi > 0."""
    size, low = 1 / phi, -1
    share = mean / (mean + size)
    log_p = size * math.log1p(-share)
    total, count = 0.0, 0
    while True:
        total += math.exp(log_p)
        if low < 0 and total >= 0.05:
            low = count
        if total >= 0.95 or count > 100_000:
            return max(low, 0), count
        log_p += math.log((size + count) / (count + 1)) + (math.log(share) if share > 0 else -math.inf)
        count += 1
