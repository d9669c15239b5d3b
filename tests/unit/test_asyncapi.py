"""The description of the bus is valid AsyncAPI 3.0, and says what the code says."""

import gzip
import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # comes without types
import pytest
import yaml

from feiqian.wire.bus_topics import check_kind, read_topic
from feiqian.wire.service_kinds import KINDS
from tools import make_asyncapi

# AsyncAPI's own schema of 3.0.0, as published in the package @asyncapi/specs (Apache License 2.0).
SCHEMA = Path(__file__).parent / "data" / "asyncapi-3.0.0.json.gz"

pytestmark = pytest.mark.feature("V-03")


@pytest.fixture(scope="module")
def document():
    """The description as it is published."""
    return yaml.safe_load(make_asyncapi.DOCUMENT.read_text(encoding="utf-8"))


def test_the_description_is_that_of_the_code():
    """Whoever reads the description reads the messages that are spoken now."""
    assert make_asyncapi.DOCUMENT.read_text(encoding="utf-8") == make_asyncapi.make_asyncapi()


def test_the_description_is_valid(document):
    """AsyncAPI's own schema has nothing against it."""
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    jsonschema.Draft7Validator(schema).validate(document)


def test_every_reference_leads_somewhere(document):
    """No reference of the description is dangling."""
    text = json.dumps(document)
    for part in text.split('"$ref": "#/')[1:]:
        found = document
        for step in part.partition('"')[0].split("/"):
            found = found[step]


def test_every_kind_has_its_channel(document):
    """Each kind of message has a channel, whose address is a topic that the code reads."""
    assert set(KINDS) < set(document["channels"])
    for kind, channel in document["channels"].items():
        topic = channel["address"].format(recipient="pump-1", sender="car-1")
        assert read_topic(topic) == ("pump-1", "car-1", check_kind(kind))
