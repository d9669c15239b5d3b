"""Write `docs/openapi-*.json`: the operators' JSON interfaces, as each server describes its own.

The descriptions are made by the same function that serves ``/api/openapi.json``, over a network in
memory. Run as ``python -m tools.make_openapi``.
"""

import asyncio
import json
from pathlib import Path

from feiqian.adapters.operations import describe
from feiqian.apps import central_server, institution_server
from feiqian.institution.operator import Operator
from feiqian.testing.network import SimulatedNetwork

DOCS = Path(__file__).parent.parent / "docs"


def documents() -> dict[str, str]:
    """The text of every description, by its file's name."""
    network = asyncio.run(SimulatedNetwork.create(["A"]))
    operator = Operator(network.institutions["A"])
    parties = {
        "platform": central_server.operations(network.platform),
        "institution": institution_server.operations_of(operator),
    }
    return {
        f"openapi-{name}.json": json.dumps(describe(name, operations), indent=1) + "\n"
        for name, operations in parties.items()
    }


if __name__ == "__main__":
    for file_name, text in documents().items():
        (DOCS / file_name).write_text(text, encoding="utf-8")
