"""``python -m bench [NAME]``: run all benchmarks or one; each prints one JSON line."""

import json
import sys
from collections.abc import Callable

from bench import (
    city,
    clock,
    detection,
    list_lookup,
    matching,
    offline_payment,
    online_http,
    raw_crypto,
    short_message,
    vehicle_payment,
)

Benchmark = Callable[[], dict[str, object]]

BENCHMARKS: dict[str, Benchmark] = {
    "raw_crypto": raw_crypto.run,
    "online_http": online_http.run,
    "offline_payment": offline_payment.run,
    "list_lookup": list_lookup.run,
    "detection": detection.run,
    "matching": matching.run,
    "city": city.run,
    "short_message": short_message.run,
    "clock": clock.run,
    "vehicle_payment": vehicle_payment.run,
}


def main() -> int:
    """Run what is asked for; 2 when there is no such benchmark."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"expected one of {', '.join(BENCHMARKS)}, got {unknown[0]}", file=sys.stderr)
        return 2
    for name in names:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        print(json.dumps({"name": name, **BENCHMARKS[name]()}), flush=True)
    return 0


sys.exit(main())
