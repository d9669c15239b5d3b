"""The features plugin counts only honest proofs and refuses ids that are not in the catalogue."""

import pytest

from feiqian.testing import features
from feiqian.testing.catalogue import feature_ids

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs one test module, given as source, with this plugin alone."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # On a build server pytest's closing summary repeats whole messages.
    for build_server in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(build_server, raising=False)

    def _run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest("-p", features.__name__, "-p", "no:cacheprovider", *options)

    return _run


def _rows(result: pytest.RunResult) -> dict[str, str]:
    tail = result.outlines[-len(feature_ids()) :]
    return {line.split()[0]: line.partition(" ")[2] for line in tail}


def test_every_row_has_one_line_at_the_very_end(run):
    """The last lines of the output are the rows of the catalogue, in order, with nothing else."""
    result = run("def test_nothing(): pass", "--features")
    assert tuple(_rows(result)) == feature_ids()
    assert set(_rows(result).values()) == {"open 0"}


def test_passing_tests_prove_their_rows(run):
    """Each passing test counts once for each row that it names."""
    result = run(
        """
        import pytest

        @pytest.mark.feature("C-01", "D-17")
        def test_one(): pass

        @pytest.mark.feature("C-01")
        def test_two(): pass
        """,
        "--features",
    )
    assert result.ret == pytest.ExitCode.OK
    assert _rows(result)["C-01"] == "proven 2"
    assert _rows(result)["D-17"] == "proven 1"
    assert _rows(result)["C-02"] == "open 0"


def test_parameter_sets_count_each(run):
    """Every parameter set is a proof of its own, and a set can name rows that the others do not."""
    result = run(
        """
        import pytest

        @pytest.mark.feature("W-04")
        @pytest.mark.parametrize(
            "seconds", [1, 2, pytest.param(3, marks=pytest.mark.feature("W-03"))]
        )
        def test_duration(seconds): pass
        """,
        "--features",
    )
    assert _rows(result)["W-04"] == "proven 3"
    assert _rows(result)["W-03"] == "proven 1"


def test_marks_of_class_and_module_reach_their_tests_once(run):
    """A row named by module, class and test alike is counted once for that test."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.feature("R-01")

        @pytest.mark.feature("R-01", "R-02")
        class TestGroup:
            @pytest.mark.feature("R-01")
            def test_one(self): pass
        """,
        "--features",
    )
    assert _rows(result)["R-01"] == "proven 1"
    assert _rows(result)["R-02"] == "proven 1"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("def test_it(): assert False", id="failed"),
        pytest.param("def test_it(): pytest.skip('no card')", id="skipped"),
        pytest.param("@pytest.mark.skip\ndef test_it(): pass", id="skip-mark"),
        pytest.param("@pytest.mark.xfail\ndef test_it(): assert False", id="xfailed"),
        pytest.param("@pytest.mark.xfail\ndef test_it(): pass", id="xpassed"),
        pytest.param(
            "@pytest.fixture\ndef broken(): assert False\ndef test_it(broken): pass", id="setup"
        ),
        pytest.param(
            "@pytest.fixture\ndef broken():\n    yield\n    assert False\n"
            "def test_it(broken): pass",
            id="teardown",
        ),
        pytest.param(
            "def test_it(subtests):\n    with subtests.test('a'): assert False\n"
            "    with subtests.test('b'): pass",
            id="subtest",
        ),
    ],
)
def test_anything_but_a_whole_pass_proves_nothing(run, body):
    """A test that did not pass from setup to teardown leaves its row open."""
    source = f'import pytest\npytestmark = pytest.mark.feature("P-06")\n{body}\n'
    assert _rows(run(source, "--features"))["P-06"] == "open 0"


def test_exit_code_stays_honest(run):
    """A failing test fails the run although the table is printed."""
    result = run("def test_it(): assert False", "--features")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert len(_rows(result)) == len(feature_ids())


@pytest.mark.parametrize("options", [(), ("--features",)])
def test_unknown_id_is_a_collection_error(run, options):
    """A row that is not in the catalogue stops the run and the message says what was expected."""
    result = run(
        """
        import pytest

        @pytest.mark.feature("C-01", "C-99")
        @pytest.mark.parametrize("case", [1, 2])
        def test_typo(case): pass
        """,
        *options,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    expected = (
        "*::test_typo: unknown feature id 'C-99'; expected one of C-01..C-25, D-01..D-17, "
        "W-01..W-13, R-01..R-08, V-01..V-11, P-01..P-07"
    )
    result.stdout.fnmatch_lines([expected])
    assert result.stdout.str().count("C-99") == 1
    result.stdout.no_fnmatch_line("C-01 open 0")


@pytest.mark.parametrize("mark", ["feature", "feature()", "feature(row='C-01')", "feature(1)"])
def test_mark_without_plain_ids_is_a_collection_error(run, mark):
    """A mark that names no row, or names it in another way, is refused as well."""
    result = run(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*::test_it: *expected*"])


def test_bad_mark_inside_a_class_is_found(run):
    """The check reaches the methods of test classes."""
    result = run(
        """
        import pytest

        class TestGroup:
            @pytest.mark.feature("X-01")
            def test_it(self): pass
        """
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*::test_it: unknown feature id 'X-01'*"])


def test_without_the_option_nothing_is_printed(run):
    """An ordinary run ends as pytest ends it."""
    result = run("def test_it(): pass")
    result.stdout.no_fnmatch_line("C-01 *")
