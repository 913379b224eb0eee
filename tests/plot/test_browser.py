"""The page in a real browser, without a network."""

import re
import shutil
import subprocess

import pytest

from infotheory.plot.report import report

from .factory import make_records, make_scalars
from .test_report import EVIL, a_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
]


def dump(path, profile, size="1280,1600"):
    """The page after its script has run, and what the browser complained of."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={profile}", f"--window-size={size}",
         "--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, complaints


def acting(path, script):
    """A copy of the page which does something, with the policy out of the way."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text("utf-8"))
    copy = path.with_name("acting.html")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    return copy


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    records, scalars = make_records(seeds=3), make_scalars(seeds=3)
    return report(a_run(records, scalars), tmp_path_factory.mktemp("page") / "report.html")


def count(dom, pattern):
    return len(re.findall(pattern, dom))


@pytest.mark.parametrize("size", ["1280,1600", "390,1600"])
def test_the_figures_are_drawn_under_the_policy_without_a_complaint(page, tmp_path, size):
    dom, complaints = dump(page, tmp_path, size)
    assert complaints == []
    assert re.search(r'<div id="failure"[^>]*hidden', dom)
    assert not re.search(r'<section id="figures"[^>]*hidden', dom)
    assert count(dom, r'aria-label="Information plane, (tanh|relu)') == 2
    assert count(dom, r'class="point hollow"') > 50
    assert count(dom, r'class="ceiling"') == 2 * 2 + 2
    for name in ("layer1", "softmax"):
        assert count(dom, rf'class="layer-name"[^>]*>{name}<') == 4
    assert "min(H(X), log n) = 12.00" in dom
    assert "NaN" not in dom.partition("<script")[0]


def test_switches_slider_keys_and_values_work(page, tmp_path):
    script = """
    const said = {};
    const send = (id, value, kind) => {
      find(id).value = value;
      find(id).dispatchEvent(new Event(kind));
    };
    said.median = plots[0].points.length;
    find("seeds").click();
    said.seeds = plots[0].points.length;
    find("seeds").click();
    document.getElementsByName("unit")[1].click();
    send("variant", 2, "change");
    said.nats = document.body.textContent.includes("min(H(X), log n) = 8.32");
    send("step", 3, "input");
    said.early = Math.max(...plots[0].points.map((p) => p.step));
    find("layers").querySelector("input").click();
    said.layers = [...new Set(plots[0].points.map((p) => p.layer.name))];
    plots[0].svg.focus();
    for (const key of ["ArrowDown", "ArrowRight"])
      plots[0].svg.dispatchEvent(new KeyboardEvent("keydown", { key }));
    said.tip = find("tip").hidden ? null : find("tip").textContent;
    said.spoken = find("spoken").textContent;
    said.focus = document.activeElement === plots[0].svg;
    const made = [];
    download = (name, type, text) => made.push([name, text]);
    csv(); svgFile();
    said.files = made.map(([name, text]) => [name, text.slice(0, 60), text.split("\\n").length]);
    const out = document.createElement("pre");
    out.id = "said"; out.textContent = JSON.stringify(said);
    document.body.append(out);
    """
    import html
    import json

    dom, complaints = dump(acting(page, script), tmp_path)
    assert complaints == []
    said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', dom)[1]))
    assert said["seeds"] == 3 * said["median"]
    assert said["nats"]
    assert said["early"] == 3
    assert said["layers"][0] == "layer2"
    assert len(said["layers"]) == 5
    assert said["focus"]
    for text in (said["tip"], said["spoken"]):
        for part in ("layer", "step 4", "tanh", "nats", "± 0.003", "median of 3 seeds", "n = 4096"):
            assert part in text
        assert "bound=upper" in text
    (table, drawing) = said["files"]
    assert table[:2] == [
        "estimates.csv",
        "estimator,probe,group,layer,run,step,quantity,value_nats,sat",
    ]
    assert table[2] == 2 + 35 * 6 * 3 * 2 * 4 * 2
    assert drawing[0] == "plane.svg"
    assert drawing[1].startswith("<svg xmlns=")


def test_markup_in_names_is_text(tmp_path):
    names = [EVIL, "<img src=x onerror=document.title='hit'>", "c", "d", "e", "f"]
    records = make_records(groups=(EVIL,), seeds=1, steps=[0, 1, 10], names=names)
    path = report(a_run(records), tmp_path / "report.html")
    dom, complaints = dump(path, tmp_path / "profile")
    assert complaints == []
    assert "<title>hit" not in dom
    assert "<img" not in dom
    assert count(dom, r"<script") == 2
    assert 'class="layer-name"' in dom


def test_a_run_without_finite_values_says_so(tmp_path):
    records = [
        record | {"value": None} for record in make_records(groups=("a",), seeds=1, steps=[0])
    ]
    dom, complaints = dump(report(a_run(records), tmp_path / "report.html"), tmp_path / "profile")
    assert complaints == []
    assert "The figures could not be drawn (no estimate is finite)" in dom
