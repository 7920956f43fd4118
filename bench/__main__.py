"""`make bench`: every figure, one after the other.  `python -m bench agi calls` chooses."""

from __future__ import annotations

import importlib
import sys

PARTS = {
    "agi": "FastAGI sessions",
    "calls": "Whole calls",
    "cluster": "Several PBXs behind Kamailio",
    "create": "Create Call API",
    "edge": "WebSocket edge",
    "endpoints": "Many endpoints",
    "journal": "Journal",
    "live": "What happens, as it happens",
    "numbers": "Number plans",
    "security": "Security",
}


def main() -> None:
    """Run the parts that were named, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    sys.argv[1:] = []  # a part reads options of its own
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for part in chosen:
        print(f"\n## {PARTS[part]}\n", flush=True)
        importlib.import_module(f"bench.{part}").main()


if __name__ == "__main__":
    main()
