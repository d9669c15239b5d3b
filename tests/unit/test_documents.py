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


def test_every_decision_is_in_the_index_by_its_title():
    """docs/adr/README.md lists all records, each with the decision that its own heading states."""
    folder = ROOT / "docs" / "adr"
    records = {}
    for record in sorted(set(folder.glob("[0-9]*.md")) - {TEMPLATE}):
        number, _, decision = record.read_text("utf-8").partition("\n")[0].partition(". ")
        records[record.name] = number.removeprefix("# "), decision
    rows = re.findall(
        r"^\| \[(\d+)\]\((.+?)\) \| (.+) \|$", (folder / "README.md").read_text("utf-8"), re.M
    )
    assert {name: (number, decision) for number, name, decision in rows} == records
    assert all(name.startswith(f"{number}-") for name, (number, _) in records.items())


def test_the_glossary_has_each_word_once_and_in_order():
    """Whoever looks a word up finds it at its place in the alphabet, with one meaning."""
    text = (ROOT / "GLOSSARY.md").read_text("utf-8")
    words = [word.lower() for word in re.findall(r"^\| \*\*(.+?)\*\*", text, re.M)]
    assert words == sorted(set(words))


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_every_package_has_its_place_on_the_maps(page):
    """A folder or module of the source tree's top is named where a newcomer looks for it."""
    text = (ROOT / page).read_text("utf-8")
    top = ROOT / "src" / "feiqian"
    for each in [*top.glob("*/__init__.py"), *top.glob("[!_]*.py")]:
        name = each.parent.name if each.stem == "__init__" else each.stem
        assert re.search(rf"`(src/feiqian/)?{name}(/|\.py)?`", text), name


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_every_path_on_the_maps_exists(page):
    """Neither map names a folder or file of ours that is not there."""
    text = _FENCED.sub("", (ROOT / page).read_text("utf-8"))
    for path in re.findall(r"`([\w/]+(?:/|\.py))`", text):
        below = (ROOT / "src" / "feiqian").rglob(path.rstrip("/"))
        assert (ROOT / path).exists() or any(below), path


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
