"""The package as a whole: imports that cost nothing, one version, a README that runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import infotheory as it

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "scipy.stats", "sklearn", "numba", "matplotlib", "pandas")


def _loaded(code: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has loaded after running `code`."""
    show = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    assert _loaded("import infotheory") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plane", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = f"""
import infotheory.cli
try:
    infotheory.cli.main({arguments!r})
except SystemExit:
    pass
print()"""
    assert _loaded(code) == set()


def test_the_check_for_heavy_imports_can_fail():
    assert _loaded("import numba") == {"numba"}


def test_every_public_name_exists():
    for name in it.__all__:
        assert getattr(it, name) is not None
    assert set(it._HOMES) == set(it.__all__)


def test_estimators_are_importable_by_their_long_name():
    assert it.ksg_mutual_information is it.estimators.ksg.ksg_mutual_information
    assert float(it.plugin_entropy([0, 1] * 9)) == pytest.approx(0.6931471805599453, rel=1e-15)


def test_a_misspelt_name_is_an_attribute_error_with_a_near_miss():
    with pytest.raises(AttributeError, match=r"no attribute 'entropi'. Did you mean 'entropy'\?"):
        _ = it.entropi


def test_version_changelog_and_citation_agree():
    assert f"## [{it.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {it.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.fixture
def readme() -> list[str]:
    if not (ROOT / "README.md").exists():
        pytest.skip("installed without the README")
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.filterwarnings("ignore::infotheory.estimate.InfotheoryWarning")
def test_the_examples_of_the_readme_run(readme, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in readme:
        exec(compile(block, "README.md", "exec"), names)
    assert len(readme) == 2
    assert "bits" in capsys.readouterr().out
    assert (tmp_path / "plane.svg").stat().st_size > 1000
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_readme_never_tells_to_install_the_other_project():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"pip install [^\n]*\binfotheory(?!-torch)\b", text)
