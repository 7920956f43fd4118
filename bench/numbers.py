"""What a country's number plan costs a call: the decision beside teleforge's, and the memory.

`python -m bench.numbers`
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import phonenumbers

from click2dial_agi.domain.calls import CallRequest, decide
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.integrators import Integrator

CALLS_PER_SECOND = 200
SECONDS = 20
OFFICE = 2000  # numbers that an office dials again and again

_DENY = {"international": "all", "deny": ["premium", "shared_cost", "satellite", "0860*"]}
_POOL = [f"+27 11 000 {number:04}" for number in range(50)]


def main() -> None:
    """Measure and print two tables."""
    teleforge = _integrator({})
    country = _integrator({"numbering": {"country": "ZA"}})
    print(f"Decisions, {CALLS_PER_SECOND} calls/s for {SECONDS} s each, CPU time in µs\n")
    print("| callees | teleforge p50 · p99 | country p50 · p99 | p99 more |")
    print("|---|---:|---:|---:|")
    office = [_mobile(number) for number in range(OFFICE)]
    everywhere = list(_examples())
    for name, callees in (
        (f"{OFFICE} numbers of an office", lambda: random.choice(office)),
        ("a new number each time", lambda: _mobile(random.randrange(10**7))),
        ("any country, any kind", lambda: random.choice(everywhere)),
    ):
        before, after = _paired(callees, teleforge, country)
        more = _rank(after, 0.99) - _rank(before, 0.99)
        print(f"| {name} | {_both(before)} | {_both(after)} | {more:.0f} |")
    print("\nMemory of a process, MB\n")
    for name, code in _STEPS.items():
        print(f"* {name}: {_resident(code):.0f}")


def _integrator(keys: dict[str, object]) -> Integrator:
    section = {
        "name": "acme",
        "extensions": ["1000-1999"],
        "caller_ids": {"random": [one.replace(" ", "").lstrip("+") for one in _POOL]},
        "destinations": _DENY,
        **keys,
    }
    return parse_config({"integrators": [section]}).integrators[0]


def _mobile(number: int) -> str:
    return f"0027821{number % 10**6:06}" if number % 2 else f"082{number % 10**7:07}"


def _examples() -> Iterator[str]:
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in phonenumbers.PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                yield f"00{written[1:]}"


def _paired(
    callee: Callable[[], str], one: Integrator, other: Integrator
) -> tuple[list[float], list[float]]:
    """Decide on the same calls with both, in turn, as many a second as there are calls."""
    times: tuple[list[float], list[float]] = ([], [])
    began = time.monotonic()
    for count in range(CALLS_PER_SECOND * SECONDS):
        wait = began + count / CALLS_PER_SECOND - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        request = CallRequest(str(uuid4()), "1000", callee(), "random", "client-4711")
        for place in (0, 1) if count % 2 else (1, 0):
            start = time.thread_time_ns()
            decide(request, (one, other)[place])
            times[place].append((time.thread_time_ns() - start) / 1000)
    return times


def _rank(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


def _both(times: list[float]) -> str:
    return f"{_rank(times, 0.5):.0f} · {_rank(times, 0.99):.0f}"


_IMPORT = "from click2dial_agi.domain.numbering import country_plan\n"
_READ = "for number in range(20000): plan.read(f'082{number:07}')\n"
_STEPS = {
    "without a country's plan": "import phonenumbers\nimport click2dial_agi.domain.config\n",
    "with one, all countries' data loaded": f"{_IMPORT}plan = country_plan('ZA')\n",
    "after 20,000 numbers": f"{_IMPORT}plan = country_plan('ZA')\n{_READ}",
}


def _resident(code: str) -> float:
    show = "print(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0])"
    preamble = "import click2dial_agi.domain.config\n"
    output = subprocess.run(
        [sys.executable, "-c", preamble + code + show], check=True, capture_output=True, text=True
    ).stdout
    return int(output) / 1024


if __name__ == "__main__":
    main()
