"""The published description of the wire is the one that the code keeps."""

import json
import re
from pathlib import Path

import pytest

from feiqian.wire import envelope
from tools.make_cddl import CDDL, make_cddl

DOCS = Path(__file__).parents[2] / "docs"
VECTORS = Path(__file__).parents[2] / "vectors"


def rules():
    """Each structure's rule by its name: its field names in order."""
    arrays = re.findall(r"^([a-z-]+) = \[\n(.*?)\n\]$", CDDL.read_text(), re.DOTALL | re.MULTILINE)
    return {name: re.findall(r"^  (\w+):", body, re.MULTILINE) for name, body in arrays}


def test_description_is_what_the_code_says():
    """The description in the tree is generated from the structures of today."""
    assert CDDL.read_text() == make_cddl()


def test_every_message_kind_is_described():
    """Each message's number stands in the description, once."""
    described = sorted(
        int(kind) for kind in re.findall(r"^  kind: (\d+)", make_cddl(), re.MULTILINE)
    )
    ours = [
        kind for cls, kind in envelope._KINDS.items() if cls.__module__.startswith("feiqian.wire.")
    ]
    assert described == sorted(ours)


def test_every_name_that_is_used_is_defined():
    """The description refers to nothing outside itself but CDDL's own types."""
    text = re.sub(r";.*|\"[^\"]*\"", "", CDDL.read_text())
    defined = set(re.findall(r"^([a-z-]+)(?:<[^>]*>)? =", text, re.MULTILINE))
    used = set(re.findall(r"(?::|/|\*\d*|<) ?([a-z][a-z-]+)\b(?!:)", text))
    prelude = {"bstr", "tstr", "null", "bool", "structure", "low"}
    assert used <= defined | prelude


@pytest.mark.parametrize("group", ["signed", "messages", "bodies"])
def test_golden_vectors_have_the_fields_described(group):
    """Every golden vector has exactly the fields that the description lists, in their order."""
    for sample in json.loads((VECTORS / "p256.json").read_text())[group]:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", sample["structure"]).lower()
        fields = rules()[name]
        shown = list(sample["value"])
        # The envelope's version and kind are not of the message itself.
        assert shown == (fields[2:] if group == "messages" else fields), name


def test_every_signed_structure_and_message_is_explained():
    """The page in words names each domain and each message."""
    page = (DOCS / "wire-format.md").read_text()
    text = CDDL.read_text()
    for domain in re.findall(r"; domain (\S+),", text):
        assert f"`{domain}`" in page
    for kind in re.findall(r"^([a-z-]+) = \[\n  version: 1,\n  kind:", text, re.MULTILINE):
        assert f"`{kind}`" in page
