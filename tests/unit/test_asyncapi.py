"""The description of the bus is valid AsyncAPI 3.0, and says what the code says."""

import json

import jsonschema  # type: ignore[import-untyped]  # comes without types
import pytest
import yaml

from feiqian.wire.bus_topics import check_kind, read_topic
from feiqian.wire.service_kinds import KINDS
from tools import make_asyncapi

pytestmark = pytest.mark.feature("V-03")


@pytest.fixture(scope="module")
def document():
    """The description as it is published."""
    return yaml.safe_load(make_asyncapi.DOCUMENT.read_text(encoding="utf-8"))


def test_the_description_is_that_of_the_code():
    """Whoever reads the description reads the messages that are spoken now."""
    assert make_asyncapi.DOCUMENT.read_text(encoding="utf-8") == make_asyncapi.make_asyncapi()


def test_the_description_has_the_parts_that_asyncapi_asks_for(document):
    """Version, info, channels with messages, and operations with an action on a channel (3.0.0)."""
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    for channel in document["channels"].values():
        assert channel["messages"]
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"]["$ref"].startswith("#/channels/")


def test_every_payload_is_described_by_a_valid_schema(document):
    """JSON Schema, draft 7, has nothing against any schema of the description."""
    for message in document["components"]["messages"].values():
        jsonschema.Draft7Validator.check_schema(message["payload"])


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
