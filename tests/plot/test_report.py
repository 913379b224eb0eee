import html.parser
import json
import math
import re
from types import SimpleNamespace

import pytest

from infotheory.plot.report import report

from .factory import STEPS, N, make_records, make_scalars

EVIL = "<script>alert(1)</script><!--\"'&"


class Page(html.parser.HTMLParser):
    """Elements with their attributes and text, and the rows of tables."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])
        self._open.append(self.elements[-1])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        if self._open:
            self._open[-1][2] += text
        if any(tag in ("td", "th") for tag, _, _ in self._open):
            self.rows[-1][-1] += text + " "

    def all(self, tag):
        return [element for element in self.elements if element[0] == tag]


def a_run(records, scalars=(), headers=()):
    return SimpleNamespace(records=records, scalars=list(scalars), headers=list(headers))


def written(tmp_path, *given, **options):
    return report(a_run(*given), tmp_path / "report.html", **options).read_text("utf-8")


@pytest.fixture(scope="module")
def records():
    return make_records()


@pytest.fixture(scope="module")
def text(records, tmp_path_factory):
    headers = [{"versions": {"infotheory": "0.1.0", "torch": "2.13.0"}, "created": "2026-01-02"}]
    return written(tmp_path_factory.mktemp("page"), records, make_scalars(), headers)


def data_of(text):
    page = Page(text)
    blocks = [one for one in page.all("script") if one[1].get("type") == "application/json"]
    assert len(blocks) == 1
    return json.loads(blocks[0][2])


def test_the_page_holds_the_values_as_json(text, records):
    data = data_of(text)
    assert data["steps"] == STEPS
    assert [layer["name"] for layer in data["layers"]][-1] == "softmax"
    assert len(data["panels"]) == 8
    assert len(data["variants"]) == 4
    panel = data["panels"][0]
    assert panel["ceiling_x"] == pytest.approx(12 * math.log(2))
    own = [
        record["value"]
        for record in records
        if record["run"] == "tanh-2"
        and record["layer"] == "layer5"
        and record["measure"] == "I(X;T):binned(strategy='fixed', bin_width=0.07)"
    ]
    assert panel["layers"][4]["values"]["I(X;T)"]["seeds"][2] == pytest.approx(own, rel=1e-6)
    assert sum(sum(layer["full"]) for layer in panel["layers"]) > 0
    assert {row["name"] for row in data["scalars"]} == {"loss", "accuracy"}


def test_the_page_asks_nobody_for_anything(text):
    page = Page(text)
    for _, attributes, _ in page.elements:
        for name in ("src", "href", "srcset", "action", "xlink:href", "data"):
            assert not re.match(r"\s*(https?:)?//|\s*http", attributes.get(name) or "")
    assert "http" not in text.partition('<script type="application/json"')[0].replace(
        "http-equiv", ""
    )
    for way in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "url(", "@import", "innerHTML"):
        assert way not in text


def test_the_policy_allows_the_script_of_the_page_and_nothing_else(text):
    import base64
    import hashlib

    page = Page(text)
    policy = next(
        attributes["content"]
        for _, attributes, _ in page.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inside,) = (one[2] for one in page.all(tag) if not one[1])
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    # Inline handlers and styles would be blocked: there are none.
    for _, attributes, _ in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_the_table_holds_the_last_values_in_bits(text, records):
    page = Page(text)
    row = next(row for row in page.rows if row[:2] == ["tanh ", "layer4 "])
    last = sorted(
        record["value"] / math.log(2)
        for record in records
        if (record["group"], record["layer"], record["step"]) == ("tanh", "layer4", 3000)
        and record["measure"] == "I(X;T):binned(strategy='fixed', bin_width=0.07)"
    )
    assert float(row[2].split()[0]) == pytest.approx((last[1] + last[2]) / 2, abs=5e-4)
    assert row[2].split()[1] == f"{last[0]:.3f}"
    assert len(row) == 2 + 8
    assert "in bits" in page.all("caption")[0][2]


def test_the_page_says_what_was_measured_and_what_that_means(text):
    page = Page(text)
    said = " ".join(one[2] for one in page.elements if one[0] not in ("script", "style"))
    for part in (
        f"n = {N}", "bin_width=0.07", "bound=lower", "neither bound", "infinite", "Saturated",
        "within 2 %", "infotheory 0.1.0", "torch 2.13.0", "H(Y) = 0.999", "8 runs", "bits",
    ):  # fmt: skip
        assert part in said


def test_a_layer_or_group_named_like_markup_is_inert(tmp_path):
    names = [EVIL, "</script>", "a{{data}}b", "{{script}}", "&lt;b&gt;", "ok"]
    records = make_records(groups=(EVIL, "b"), seeds=1, steps=[0, 1], names=names)
    scalars = [{"run": "r", "group": EVIL, "seed": 0, "step": 0, "name": EVIL, "value": 1.0}]
    text = written(tmp_path, records, scalars, [{"versions": {EVIL: EVIL}}], title=EVIL)
    assert "<script>alert" not in text
    assert len(Page(text).all("script")) == 2
    data = data_of(text)
    assert [layer["name"] for layer in data["layers"]] == names
    assert data["panels"][0]["group"] == EVIL
    assert any(row[:2] == [EVIL + " ", EVIL + " "] for row in Page(text).rows)


def test_values_that_are_not_finite_become_null(tmp_path):
    records = make_records(groups=("tanh",), seeds=2, steps=[0, 1, 10])
    for value, record in zip((math.nan, math.inf, None), records[:6:2], strict=True):
        record["value"] = value
    records[1]["ceiling_y"] = math.inf
    scalars = [{"run": "r", "group": "tanh", "step": 0, "name": "loss", "value": math.nan}]
    text = written(tmp_path, records, scalars)
    assert data_of(text)["panels"][0]["layers"][0]["values"]["I(X;T)"]["seeds"][0] == [None] * 3
    assert not re.search(r"\b(NaN|Infinity)\b", text.partition('id="data"')[2].partition("</")[0])
    everything = [record | {"value": math.nan} for record in records]
    assert "No estimate of this run is finite" in written(tmp_path, everything)


def test_quantities_without_a_plane_are_reported_too(tmp_path):
    records = [
        record | {"quantity": "H(T)", "measure": "H(T):knn", "method": "knn", "params": {"k": 3}}
        for record in make_records(groups=(None,), seeds=1, steps=[0, 1])
        if record["quantity"] == "I(X;T)" and record["method"] == "binned"
    ]
    data = data_of(written(tmp_path, records))
    assert [panel["quantities"] for panel in data["panels"]] == [["H(T)"]]
    assert data["panels"][0]["group"] == ""


def test_several_probes_have_a_table_each(tmp_path, records):
    some = [record for record in records if record["step"] < 3]
    text = written(tmp_path, some + [record | {"probe": "test"} for record in some])
    assert [caption[2].rpartition("probe ")[2] for caption in Page(text).all("caption")] == [
        "all.",
        "test.",
    ]
    assert {panel["probe"] for panel in data_of(text)["panels"]} == {0, 1}


def test_an_empty_run_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="records is empty"):
        report(a_run([]), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_page_replaces_an_older_one_and_is_small(tmp_path, records):
    (tmp_path / "report.html").write_text("old")
    text = written(tmp_path, records, make_scalars())
    assert text.startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert len(text) < 500_000
