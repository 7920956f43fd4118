"""bench/simulate.py: its queues wait as long as the theory of queues says."""

from __future__ import annotations

import math
import random

import pytest

from bench.simulate import Centre, Clock, Costs, Site, Station, erlang_c, expected, mean_wait


@pytest.mark.parametrize(("load", "servers", "chance"), [(0.5, 1, 0.5), (1.0, 2, 1 / 3), (2, 2, 1)])
def test_erlang_c(load: float, servers: int, chance: float) -> None:
    assert erlang_c(load, servers) == pytest.approx(chance)


def test_too_much_waits_for_ever() -> None:
    assert math.isinf(mean_wait(10, 0.2, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("cores", "load"), [(1, 0.5), (1, 0.8), (4, 0.7), (16, 0.8)])
def test_a_station_waits_as_the_theory_says(cores: int, load: float) -> None:
    clock, dice = Clock(), random.Random(7)
    station = Station("any", clock, dice, cores)
    rate = load * cores / 0.01

    def comes() -> None:
        station.visit(0.01, lambda: None)
        clock.after(dice.expovariate(rate), comes)

    comes()
    clock.run(60_000 / rate)
    assert station.busy / clock.now / cores == pytest.approx(load, rel=0.03)
    mean = sum(station.waits) / len(station.waits)
    assert mean == pytest.approx(mean_wait(rate, 0.01, cores), rel=0.15)


@pytest.mark.slow
def test_a_centre_has_the_load_that_arithmetic_says() -> None:
    clock, dice = Clock(), random.Random(7)
    site = Site(calls=100, talk=5, cores=1, pbxs=2, servers=1)
    costs = Costs(0.012, 0.005, 0.01, 0.005, packet=12e-6, register=0.0005)
    redis = Station("Redis", clock, dice, 1)
    centre = Centre(site, costs, clock, dice, redis)
    centre.start()
    clock.run(300)
    for (load, _), station in expected(site, costs, 1, centre, redis):
        assert station.busy / clock.now / station.cores == pytest.approx(load, rel=0.1)
    assert all(setup > 0 for setup in centre.setups)
