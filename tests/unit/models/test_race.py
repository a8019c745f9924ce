"""The race between hit and withdrawal, against simulated races."""

import math

import numpy as np
import pytest

from quotelife_models.race import race_lost

N = 400_000


@pytest.mark.parametrize(
    ("own", "client", "early_share"),
    [
        ((math.log(0.5), 0.5), (math.log(1.0), 0.5), 0.0),
        ((math.log(2.0), 0.8), (math.log(0.3), 0.2), 0.1),
        ((math.log(0.1), 0.3), (math.log(20.0), 1.5), 0.4),
    ],
)
def test_the_probability_is_the_share_of_simulated_races_lost(own, client, early_share) -> None:
    rng = np.random.default_rng(3)
    decided, hit = rng.lognormal(*own, N), rng.lognormal(*client, N)
    hit[rng.random(N) < early_share] = -1.0
    assert race_lost(*own, *client, early_share) == pytest.approx(np.mean(hit < decided), abs=4 * 0.5 / math.sqrt(N))


def test_the_race_is_a_comparison_when_both_times_are_certain() -> None:
    assert race_lost(1.0, 0.0, 0.0, 0.0, 0.0) == 1.0
    assert race_lost(0.0, 0.0, 1.0, 0.0, 0.0) == 0.0
    assert race_lost(0.0, 0.0, 0.0, 0.0, 0.0) == 0.0  # at the same time: the withdrawal was decided
    assert race_lost(0.0, 0.0, 1.0, 0.0, 0.25) == 0.25


def test_every_race_is_lost_to_a_client_that_is_always_early() -> None:
    assert race_lost(math.log(0.1), 0.1, math.log(100.0), 0.1, 1.0) == 1.0


def test_a_slower_desk_and_a_faster_client_lose_more_races() -> None:
    lost = [race_lost(math.log(ms), 0.5, math.log(1.0), 0.5, 0.05) for ms in (0.01, 0.1, 0.5, 1.0, 2.0, 20.0)]
    assert lost == sorted(lost)
    lost = [race_lost(math.log(0.5), 0.5, math.log(ms), 0.5, 0.05) for ms in (0.01, 0.1, 0.5, 1.0, 2.0, 20.0)]
    assert lost == sorted(lost, reverse=True)
    assert all(0.05 <= p <= 1.0 for p in lost)
