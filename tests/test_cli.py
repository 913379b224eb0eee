"""The command line as a user meets it: output, exit codes, and errors that help."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import infotheory as it
from infotheory import cli, files


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(300)
    y = x + rng.standard_normal(300)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    return tmp_path, x, y


def _run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def test_estimate_prints_what_python_returns(pair, capsys):
    folder, x, y = pair
    assert _run("estimate", folder / "x.npy", folder / "y.npy") == 0
    assert capsys.readouterr().out == f"{it.mutual_information(x, y)}\n"


def test_json_is_one_object_with_everything(pair, capsys):
    folder, x, y = pair
    code = _run(
        "estimate", folder / "x.npy", folder / "y.npy", "-o", "k=5", "--unit", "bits", "--json"
    )
    assert code == 0
    found = json.loads(capsys.readouterr().out)
    expected = it.mutual_information(x, y, k=5).to("bits")
    assert found["value"] == expected.value
    assert found["unit"] == "bits"
    assert found["method"] == "ksg"
    assert found["params"]["k"] == 5
    assert found["n"] == 300
    assert found["warnings"] == []


def test_warnings_go_to_stderr_and_into_json(pair, capsys):
    folder, *_ = pair
    assert _run("estimate", folder / "x.npy", folder / "x.npy", "--json") == 0
    captured = capsys.readouterr()
    assert "ceiling" in json.loads(captured.out)["warnings"][0]
    assert _run("estimate", folder / "x.npy", folder / "x.npy") == 0
    assert "warning: mutual_information:ksg: the value is at its ceiling" in capsys.readouterr().err


def test_an_infinite_value_is_still_valid_json(pair, capsys):
    folder, x, _ = pair
    np.save(folder / "two.npy", np.stack([x, x], axis=1))
    assert _run("estimate", folder / "two.npy", "--method", "gaussian", "--json") == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["value"] is None
    assert found["flag"] == "-inf"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "kgs"], "Did you mean 'ksg'?"),
        (["--quantity", "mutual"], "must be one of"),
        (["-o", "kk=5"], "its options are: k, variant, metric, scale"),
        (["-o", "k5"], "must look like NAME=VALUE"),
    ],
)
def test_a_wrong_command_line_is_exit_2(pair, capsys, arguments, said):
    folder, *_ = pair
    with pytest.raises(SystemExit) as stopped:
        _run("estimate", folder / "x.npy", folder / "y.npy", *arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_method_that_is_missing_is_exit_2(pair, capsys):
    folder, *_ = pair
    with pytest.raises(SystemExit) as stopped:
        _run("estimate", folder / "x.npy")
    assert stopped.value.code == 2
    assert "entropy needs method=" in capsys.readouterr().err


def test_unreadable_input_is_exit_3_without_a_traceback(pair, capsys):
    folder, x, _ = pair
    (folder / "text.npy").write_text("no array")
    (folder / "table.xls").write_text("")
    np.save(folder / "holes.npy", np.where(np.arange(300) == 7, np.nan, x))
    np.save(folder / "short.npy", x[:10])
    np.save(folder / "pickled.npy", np.array([{}, {}]), allow_pickle=True)
    for name, said in {
        "missing.npy": "No such file or directory",
        "text.npy": "not a readable .npy file",
        "table.xls": "must end in one of .npy",
        "holes.npy": "y must be finite; 1 of 300 values",
        "short.npy": "x (300, 1), y (10, 1)",
        "pickled.npy": "not a readable .npy file",
    }.items():
        assert _run("estimate", folder / "x.npy", folder / name) == 3
        captured = capsys.readouterr()
        assert said in captured.err
        assert "Traceback" not in captured.err
        assert captured.out == ""


def test_debug_shows_the_traceback(pair):
    with pytest.raises(cli.InputError):
        _run("estimate", pair[0] / "missing.npy", pair[0] / "y.npy", "--debug")


def test_tables_with_and_without_a_header(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("p,q,label\n1,2,cat\n3,4,dog\n")
    (tmp_path / "b.tsv").write_text("1\t2\n3\t4\n")
    assert files.read(f"{tmp_path}/a.csv:q,p").tolist() == [[2, 1], [4, 3]]
    assert files.read(f"{tmp_path}/a.csv:label").tolist() == [["cat"], ["dog"]]
    assert files.read(f"{tmp_path}/b.tsv").tolist() == [[1, 2], [3, 4]]
    monkeypatch.setattr(sys, "stdin", io.StringIO("x,y\n1,2\n"))
    assert files.read("-:y").tolist() == [[2]]
    with pytest.raises(ValueError, match=r"no column 'z'; it has p, q, label"):
        files.read(f"{tmp_path}/a.csv:z")


def test_archives_need_a_key_when_they_hold_several_arrays(tmp_path):
    np.savez(tmp_path / "two.npz", x=np.arange(3), y=np.arange(4))
    assert files.read(f"{tmp_path}/two.npz:y").tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="holds x, y: choose one"):
        files.read(f"{tmp_path}/two.npz")


def test_methods_lists_the_register(capsys):
    assert _run("methods", "entropy") == 0
    text = capsys.readouterr().out
    assert "entropy:knn(k=3, metric='chebyshev', scale=None, " in text
    assert _run("methods", "--json") == 0
    listed = {row["key"] for row in json.loads(capsys.readouterr().out)["methods"]}
    assert listed == {entry.key for entry in it.methods()}


def test_doctor_knows_versions_and_finds_the_clash_of_names(capsys, monkeypatch):
    from infotheory import doctor

    real = doctor._version
    monkeypatch.setattr(
        doctor, "_version", lambda name: "1.0.1" if name == "infotheory" else real(name)
    )
    assert _run("doctor") == 1
    assert "pip uninstall infotheory infotheory-torch" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "infotheory" else "9")
    assert _run("doctor", "--json") == 0
    assert json.loads(capsys.readouterr().out)["versions"]["numpy"] == "9"


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m infotheory methods | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("conditional_entropy:")
    assert done.stderr == ""


def test_an_interrupt_is_exit_130_and_leaves_a_readable_run(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "infotheory", "plane", "--steps", "100000", "--out", str(out)]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # what a shell runs in the background ignores interrupts, and so would the child
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    log = out / "tanh-0" / "records.jsonl"
    _wait(lambda: (log.exists() and log.read_text().count('"kind": "probe"') > 3) or child.poll())
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert f"--out {out} --resume" in said
    assert "Traceback" not in said
    assert len(it.load(out).records) > 3


def _wait(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert _run("plane", "--steps", "1", "--out", tmp_path / "file" / "run") == 1
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert str(tmp_path / "file") in captured
    assert os.listdir(tmp_path) == ["file"]


def test_files_that_are_not_what_their_name_says(pair, capsys):
    folder, _, _ = pair
    for name in ("junk.npy", "junk.npz", "junk.pt"):
        (folder / name).write_bytes(b"hello")
    (folder / "latin.csv").write_bytes("größe,b\n1,2\n".encode("latin1"))
    (folder / "holes.csv").write_text("a,b\n1,2\n,3\n4,5\n")
    for name, said in {
        "junk.npy": "junk.npy is not a readable .npy file",
        "junk.npz": "junk.npz must be a .npz file",
        "junk.pt": "junk.pt must be a tensor as torch.save writes it",
        "latin.csv:b": "latin.csv must be text in UTF-8; byte 2 is not",
        "holes.csv:a": "holes.csv must have no empty cells; 1 are, the first in row 2",
    }.items():
        assert _run("estimate", folder / "x.npy", folder / name) == 3
        assert said in (complaint := capsys.readouterr().err)
        assert "pickle" not in complaint


def test_the_mark_that_spreadsheets_put_first_is_no_part_of_a_name(tmp_path):
    (tmp_path / "marked.csv").write_bytes("\ufeffa,b\n1,2\n3,4\n".encode())
    assert files.read(f"{tmp_path}/marked.csv:a").tolist() == [[1], [3]]


def test_a_terminal_without_the_signs_gets_others(pair):
    folder, _, _ = pair
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for command, said in (
        (["estimate", "x.npy", "y.npy"], " +- "),
        (["methods", "mutual_information"], "Schurmann"),
    ):
        found = subprocess.run(
            [sys.executable, "-m", "infotheory", *command],
            capture_output=True, text=True, cwd=folder, env=environment, check=True,
        )  # fmt: skip
        assert said in found.stdout


def test_threads_below_one_are_a_wrong_command_line(pair, capsys):
    with pytest.raises(SystemExit) as stop:
        _run("estimate", pair[0] / "x.npy", pair[0] / "y.npy", "--threads", "0")
    assert stop.value.code == 2
    assert "--threads: must be at least 1; got 0" in capsys.readouterr().err


def test_a_batch_that_cannot_be_leaves_no_folder(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        _run("plane", "--batch", "0", "--out", tmp_path / "run")
    assert stop.value.code == 2
    assert "batch must be at least 1" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
