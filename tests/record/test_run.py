import math
import pickle
import sys

import pytest

import infotheory as it
from infotheory.record import run as reading
from infotheory.record.store import NAME

from .networks import chain, data

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def record(folder, seed=0, group="tanh", steps=3, **options):
    options = {"measures": ["I(X;T)", "I(T;Y)"], "probe": data()} | options
    tags = {"group": group} if group else {}
    with it.Recorder(
        chain(6, 4, 3), "fc*", out=folder, seed=seed, tags=tags, when=it.at([1]), **options
    ) as rec:
        for step in range(steps):
            rec.step(epoch=step, loss=1.0)
    return folder


def test_a_run(tmp_path):
    run = it.load(record(tmp_path / "a1", seed=4))
    assert run.path == tmp_path / "a1"
    assert run.headers[0]["run"] == "a1"
    assert len(run.records) == 3 * 2 * 2
    first = run.records[0]
    assert (first["run"], first["group"], first["seed"]) == ("a1", "tanh", 4)
    assert (first["step"], first["layer"], first["layer_index"]) == (0, "fc1", 0)
    assert (first["measure"], first["quantity"], first["method"]) == (
        "I(X;T):binned",
        "I(X;T)",
        "binned",
    )
    assert first["ceiling_x"] == pytest.approx(math.log(10))  # ten distinct rows
    assert first["ceiling_y"] == pytest.approx(run.headers[0]["probes"]["probe"]["entropy_y"])
    assert first["params"]["bins"] == 30
    assert run.scalars == [
        {
            "run": "a1",
            "group": "tanh",
            "seed": 4,
            "step": 1,
            "epoch": 0,
            "name": "loss",
            "value": 1.0,
        }
    ]
    assert {r["step"] for r in run.last()} == {3}
    assert repr(run) == f"<Run '{run.path}': 1 logs, 12 estimates at 3 steps>"
    assert pickle.loads(pickle.dumps(run)).records == run.records


def test_runs_below_a_folder_are_named_by_their_place(tmp_path):
    record(tmp_path / "tanh" / "0", 0)
    record(tmp_path / "tanh" / "1", 1, steps=5)
    record(tmp_path / "relu-0", 0, group=None)
    run = it.load(tmp_path)
    # In the order in which they began.
    assert [header["run"] for header in run.headers] == ["tanh/0", "tanh/1", "relu-0"]
    assert [header["seed"] for header in run.headers] == [0, 1, 0]
    assert {r["group"] for r in run.records} == {None, "tanh"}
    assert {(r["run"], r["step"]) for r in run.last()} == {
        ("relu-0", 3),
        ("tanh/0", 3),
        ("tanh/1", 5),
    }
    several = it.load(tmp_path / "tanh", tmp_path / "relu-0", tmp_path / "relu-0" / NAME)
    assert [header["run"] for header in several.headers] == ["tanh/0", "tanh/1", "relu-0"]


def test_the_last_record_about_a_thing_counts_and_steps_come_in_order(tmp_path):
    path = record(tmp_path) / NAME
    lines = path.read_text().splitlines(keepends=True)
    again = lines[1].replace('"value": ', '"value": 9')
    path.write_text("".join([*lines, again]))
    run = it.load(tmp_path)
    assert len(run.records) == 12
    assert str(run.records[0]["value"]).startswith("9")
    assert [r["step"] for r in run.records] == sorted(r["step"] for r in run.records)


def test_a_run_can_be_read_while_it_is_written(tmp_path):
    with it.Recorder(
        chain(6, 3), measures="H(T)", probe=data()[0], out=tmp_path, when=it.every(1)
    ) as rec:
        assert len(it.load(tmp_path).records) == 1
        rec.step()
        with open(tmp_path / NAME, "ab") as file:
            file.write(b'{"kind": "estimate", "st')
        assert len(it.load(tmp_path).records) == 2


def test_frames(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = it.load(record(tmp_path)).frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 12
    assert frame.groupby("layer")["value"].count().to_dict() == {"fc1": 6, "fc2": 6}


def test_without_pandas_the_cure_is_named(tmp_path, monkeypatch):
    run = it.load(record(tmp_path))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        run.frame()


def test_pictures_are_asked_of_the_plot_modules(tmp_path, monkeypatch):
    run = it.load(record(tmp_path))

    class Plots:
        def plane(self, records, **options):
            return len(records), options

        def report(self, run, path):
            return run, path

    monkeypatch.setattr(reading.importlib, "import_module", lambda name: Plots())
    assert run.plane(unit="bits") == (12, {"unit": "bits"})
    assert run.report("page.html") == (run, "page.html")


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        it.load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=f"no {NAME}"):
        it.load(tmp_path)
    (tmp_path / NAME).write_text("")
    with pytest.raises(FileNotFoundError, match="nothing has been written"):
        it.load(tmp_path)


def test_damage_is_named(tmp_path):
    path = record(tmp_path) / NAME
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = lines[2][:30] + "\n"
    path.write_text("".join(lines))
    with pytest.raises(ValueError, match="line 3, is not a record"):
        it.load(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"kind": "estimate", "step": 0}', "does not begin with a header"),
        ('{"kind": "header", "format": 9}', "newer version of infotheory"),
    ],
)
def test_files_of_another_kind(tmp_path, line, message):
    (tmp_path / NAME).write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        it.load(tmp_path)
