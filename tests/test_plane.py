"""The main job on small settings; the full recipe is a page of the gallery."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import infotheory as it
from infotheory import cli, plane, tasks

# Small nets on few rows are saturated, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::infotheory.estimate.InfotheoryWarning")

SMALL = {"net": "mlp:6-3", "seeds": 2, "steps": 30, "methods": ["binned", "mixture(bound=lower)"]}


@pytest.fixture
def task():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4))
    return tasks.Task("small", x, (x[:, 0] > 0).astype(np.int64), ("no", "yes"), "a half space")


def _without_clock(run):
    """What a record says, less what differs from one execution to the next."""
    return [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in run.records
    ]


def test_the_main_job_writes_everything_it_names(task, tmp_path):
    made = plane.run(task, out=tmp_path / "run", **SMALL)
    names = {path.name for path in made.path.iterdir()}
    assert names >= {"settings.json", "plane.png", "plane.svg", "report.html", "tanh-0", "relu-1"}
    assert {record["layer"] for record in made.records} == {"hidden1", "hidden2", "output"}
    assert {record["group"] for record in made.records} == {"tanh", "relu"}
    text = plane.table(made, "bits")
    assert "tanh, accuracy" in text
    assert "binned" in text
    found = plane.summary(made, "bits")
    assert len(found["estimates"]) == 2 * 3 * 2 * 2
    assert set(found["accuracy"]) == {"tanh", "relu"}


def test_the_same_settings_give_the_same_numbers(task, tmp_path):
    first = plane.run(task, out=tmp_path / "a", **SMALL)
    second = plane.run(task, out=tmp_path / "b", **SMALL)
    assert _without_clock(first) == _without_clock(second)
    assert (tmp_path / "a/plane.svg").read_bytes() == (tmp_path / "b/plane.svg").read_bytes()


def test_a_folder_in_use_is_refused_and_resuming_a_finished_run_changes_nothing(task, tmp_path):
    out = tmp_path / "run"
    made = plane.run(task, out=out, **SMALL)
    logs = {path: path.read_bytes() for path in out.rglob("records.jsonl")}
    with pytest.raises(FileExistsError, match="--resume"):
        plane.run(task, out=out, **SMALL)
    again = plane.run(task, out=out, resume=True, **SMALL)
    assert again.records == made.records
    assert {path: path.read_bytes() for path in out.rglob("records.jsonl")} == logs
    with pytest.raises(ValueError, match="steps=30, not 31"):
        plane.run(task, out=out, resume=True, **SMALL | {"steps": 31})


def test_a_killed_run_resumes_to_what_an_uninterrupted_one_gives(tmp_path):
    settings = ["--net", "mlp:6-3", "--seeds", "2", "--steps", "400", "--methods", "binned"]
    command = [sys.executable, "-m", "infotheory", "plane", *settings, "--out"]
    out = tmp_path / "killed"
    child = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL)
    second = out / "relu-0" / "records.jsonl"
    deadline = time.monotonic() + 90
    while not (second.exists() and second.read_text().count('"kind": "probe"') >= 5):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = second.read_text().splitlines(keepends=True)
    finished = [line for line in before if line.endswith("\n")]
    assert cli.main(["plane", *settings, "--out", str(out), "--resume"]) == 0
    assert second.read_text().splitlines(keepends=True)[: len(finished)] == finished
    assert cli.main(["plane", *settings, "--out", str(tmp_path / "whole")]) == 0
    resumed, whole = it.load(out), it.load(tmp_path / "whole")
    assert _without_clock(resumed) == _without_clock(whole)
    places = [(r["run"], r["step"], r["layer"], r["measure"]) for r in resumed.records]
    assert len(places) == len(set(places))
    assert (out / "plane.svg").read_bytes() == (tmp_path / "whole/plane.svg").read_bytes()


def test_commands_plot_and_report_read_the_run(task, tmp_path, capsys):
    plane.run(task, out=tmp_path / "run", **SMALL)
    assert cli.main(["plot", str(tmp_path / "run"), "--out", str(tmp_path / "p.png")]) == 0
    assert cli.main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "p.png"),
        str(tmp_path / "r.html"),
    ]
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert cli.main(["plot", str(tmp_path / "nothing")]) == 3


def test_json_prints_one_object_and_nothing_else(tmp_path, capsys):
    np.savez(tmp_path / "own.npz", x=np.eye(6).repeat(5, axis=0), y=np.array(["a", "b"] * 15))
    arguments = ["--net", "mlp:3", "--activation", "tanh", "--seeds", "1", "--steps", "3"]
    out = ["--out", str(tmp_path / "run"), "--json"]
    assert cli.main(["plane", "--data", str(tmp_path / "own.npz"), *arguments, *out]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["unit"] == "bits"
    assert captured.err == ""


def test_warnings_of_estimates_are_counted_at_the_end(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.random((60, 5)), y=rng.integers(2, size=60))
    arguments = ["--net", "mlp:3", "--activation", "tanh", "--seeds", "1", "--steps", "3"]
    data, out = ["--data", str(tmp_path / "own.npz")], ["--out", str(tmp_path / "run")]
    assert cli.main(["plane", *data, *arguments, *out]) == 0
    assert "warnings of estimates are in the log and the report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"activations": ["tahn"]}, "Did you mean 'tanh'?"),
        ({"net": "mlp:a"}, "whole numbers"),
        ({"methods": ["binnd"]}, "Did you mean 'binned'?"),
        ({"methods": ["binned(bin=3)"]}, "its options are: strategy, bins"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(
    task, tmp_path, changed, said
):
    with pytest.raises((ValueError, TypeError), match=said.replace("?", r"\?")):
        plane.run(task, out=tmp_path / "run", **SMALL | changed)
    assert not (tmp_path / "run").exists()


def test_a_wrong_setting_on_the_command_line_is_exit_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["plane", "--activation", "tahn", "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    assert "Did you mean 'tanh'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_large_data_are_measured_on_the_same_random_part(tmp_path):
    rng = np.random.default_rng(0)
    many = tasks.Task("many", rng.random((5000, 2)), rng.integers(2, size=5000), ("0", "1"), "")
    rows = plane._probe_rows(many)
    assert len(set(rows)) == 4096
    assert np.array_equal(rows, plane._probe_rows(many))


def test_the_figure_is_in_the_unit_that_was_asked_for(task, tmp_path):
    few = SMALL | {"seeds": 1, "steps": 2}
    plane.run(task, out=tmp_path / "run", unit="nats", **few)
    drawn = (tmp_path / "run/plane.svg").read_text(encoding="utf-8")
    assert "[nats]" in drawn
    assert "[bits]" not in drawn
    assert "pointwise" not in drawn
