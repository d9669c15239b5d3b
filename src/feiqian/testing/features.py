"""A pytest plugin that ties tests to the feature catalogue.

A test names the rows it proves: ``@pytest.mark.feature("C-04", "C-05")``. With ``--features`` the
run ends with one line per row, ``C-04 proven 3`` or ``C-05 open 0``. Only a test that passed from
setup to teardown counts, once for each of its parameter sets; skipped, failed and expectedly failing
tests count nothing. A mark with an unknown id, or with none, is a collection error.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Final

import pytest

from feiqian.testing.catalogue import feature_ids, id_ranges

MARK: Final = "feature"
_PROPERTY: Final = "feiqian.feature"
_REPORTED_EXITS: Final = frozenset(
    {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--features``."""
    parser.getgroup("feiqian").addoption(
        "--features",
        action="store_true",
        help="after the run, print for every feature row how many passing tests prove it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and the tally if it was asked for."""
    config.addinivalue_line("markers", "feature(*ids): the feature rows that this test proves")
    if config.getoption("--features"):
        config.pluginmanager.register(FeatureTally(config), "feiqian-feature-tally")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a bad mark into a collection error of the file or class that holds it."""
    report = yield
    items = [node for node in report.result or () if isinstance(node, pytest.Item)]
    # The parameter sets of one test carry the same mark; say what is wrong with it once.
    problems = list(dict.fromkeys(problem for item in items for problem in _problems(item)))
    if problems:
        report.outcome = "failed"
        report.longrepr = "\n".join(problems)
        report.result = []
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write each test's ids on its reports, which also cross process boundaries."""
    for item in items:
        item.user_properties.extend((_PROPERTY, row_id) for row_id in _ids(item))


def _ids(item: pytest.Item) -> list[str]:
    return list(dict.fromkeys(arg for mark in item.iter_markers(MARK) for arg in mark.args))


def _problems(item: pytest.Item) -> Iterator[str]:
    name = item.nodeid.partition("[")[0]
    for mark in item.iter_markers(MARK):
        if not mark.args or mark.kwargs:
            yield f'{name}: expected feature ids as plain arguments, like feature("C-01", "C-04")'
        for arg in mark.args:
            if arg not in feature_ids():
                yield f"{name}: unknown feature id {arg!r}; expected one of {id_ranges()}"


class FeatureTally:
    """Counts, per row, the tests that passed whole; prints the rows when the run has ended."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._called: dict[str, list[str]] = {}
        self._proofs: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a passed call, and count it once its teardown has passed as well."""
        if report.when == "call":
            self._note_call(report)
        elif report.when == "teardown":
            row_ids = self._called.pop(report.nodeid, [])
            if report.passed:
                self._proofs.update(row_ids)

    def _note_call(self, report: pytest.TestReport) -> None:
        # The last report of a call decides: a test's own comes after those of its subtests.
        self._called.pop(report.nodeid, None)
        if report.passed and not hasattr(report, "wasxfail"):
            properties = report.user_properties
            self._called[report.nodeid] = [str(row) for key, row in properties if key == _PROPERTY]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Generator[None]:
        """Print the rows below everything else; a run that did not take place has none."""
        yield
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or exitstatus not in _REPORTED_EXITS:
            return
        for line in self.lines():
            terminal.write_line(line)

    def lines(self) -> Iterator[str]:
        """Yield one line per row of the catalogue, in its order."""
        for row_id in feature_ids():
            count = self._proofs[row_id]
            yield f"{row_id} {'proven' if count else 'open'} {count}"
