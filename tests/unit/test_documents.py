"""What is written about the code is what the code says, and every page can be found."""

import json
import re
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from feiqian.outcomes import Outcome
from tools import make_openapi, make_outcomes

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEMPLATE = ROOT / "docs" / "adr" / "0000-template.md"

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def links(page):
    """The targets of a page's relative links, with their anchors, outside of code."""
    found = _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page):
    """The names that headings get, in the form that code hosts give them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def target(page, link):
    """The file that a link of a page leads to."""
    path = link.partition("#")[0]
    return (page.parent / path).resolve() if path else page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    """Whoever follows a link of the documentation finds the file, and the heading in it."""
    for link in links(page):
        assert target(page, link).exists(), link
        anchor = link.partition("#")[2]
        assert not anchor or anchor in anchors(target(page, link)), link


def test_every_page_is_found_from_the_readme():
    """No page of the documentation stands where no link leads."""
    found, open_pages = {README}, [README]
    while open_pages:
        page = open_pages.pop()
        fresh = {target(page, link) for link in links(page)} & set(PAGES) - found
        found |= fresh
        open_pages += fresh
    assert set(PAGES) - {TEMPLATE} <= found


def test_the_page_of_outcomes_is_the_list_of_outcomes():
    """docs/outcomes.md is what `make docs` writes today."""
    assert make_outcomes.PAGE.read_text(encoding="utf-8") == make_outcomes.page()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained_once(outcome):
    """A code that somebody meets is found in the page, in one place."""
    assert make_outcomes.PAGE.read_text(encoding="utf-8").count(f"\n| `{outcome}` |") == 1


@pytest.mark.parametrize("name", ["openapi-platform.json", "openapi-institution.json"])
def test_the_openapi_documents_are_current_and_valid(name):
    """What integrators generate clients from is OpenAPI 3.1, and what the servers serve."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert text == make_openapi.documents()[name]
    validate(json.loads(text))


@pytest.mark.parametrize("name", ["openapi-platform.json", "openapi-institution.json"])
def test_the_page_of_interfaces_names_every_path(name):
    """Each operation of the operators' interfaces stands in docs/api.md."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    paths = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))["paths"]
    for path, operations in paths.items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in page
