import errno
import json
import math
import os

import numpy as np
import pytest

from infotheory.record import store
from infotheory.record.store import LogError, open_log, read

HEADER = {
    "kind": "header",
    "format": 1,
    "layers": [{"name": "fc"}],
    "measures": [{"label": "H(T):binned", "options": {"bins": math.inf}}],
    "probes": {"probe": {"n": 3, "hash": "sha256:0", "entropy_x": 0.1}},
    "reduce": "flatten",
}


def estimate(step, layer="fc", value=1.0):
    place = {"probe": "probe", "layer": layer, "call": 1, "measure": "H(T):binned"}
    return {"kind": "estimate", "step": step, **place, "value": value}


def closing(step):
    return {"kind": "probe", "step": step, "seconds": 0.0}


def written(folder, *records):
    log = open_log(folder, HEADER)
    for record in records:
        log.write(record)
    log.close()
    return folder / store.NAME


def test_a_record_is_one_line_and_one_write(tmp_path, monkeypatch):
    writes = []
    original = os.write
    monkeypatch.setattr(os, "write", lambda f, data: writes.append(data) or original(f, data))
    path = written(tmp_path / "a" / "b", estimate(0), closing(0))
    assert len(writes) == 3
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in writes)
    assert read(path)[0] == [HEADER, estimate(0), closing(0)]


def test_numbers_that_json_has_not(tmp_path):
    record = {
        "kind": "estimate",
        "value": -math.inf,
        "stderr": math.nan,
        "params": {"a": np.float64("inf"), "b": (1, np.int64(2)), "c": np.array([1.0, np.nan])},
        "value_of": {"x.y/z": math.inf},
        "other": {1, 2} and object,
    }
    path = written(tmp_path, record)
    plain = json.loads(path.read_bytes().splitlines()[1], parse_constant=pytest.fail)
    assert plain["value"] is None
    assert plain["flag"] == "-inf"
    assert plain["flags"]["stderr"] == "nan"
    back = read(path)[0][1]
    assert back["value"] == -math.inf
    assert math.isnan(back["stderr"])
    assert back["params"]["a"] == math.inf
    assert back["params"]["b"] == [1, 2]
    assert math.isnan(back["params"]["c"][1])
    assert back["value_of"] == {"x.y/z": math.inf}
    assert "flag" not in back
    assert "flags" not in back


@pytest.mark.parametrize("tail", [b'{"kind": "esti', b'{"kind": "probe", "step": 1}', b"\0\0\n"])
def test_half_a_record_at_the_end_is_dropped_and_cut_off_on_resuming(tmp_path, tail):
    path = written(tmp_path, estimate(0))
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert read(path) == ([HEADER, estimate(0)], len(whole))
    log = open_log(tmp_path, HEADER, resume=True)
    assert path.read_bytes() == whole
    log.write(closing(0))
    log.close()
    assert read(path)[0] == [HEADER, estimate(0), closing(0)]


@pytest.mark.parametrize("line", [b"{", b"3", b'"text"', b"{}", b""])
def test_damage_in_the_middle_names_file_and_line(tmp_path, line):
    path = written(tmp_path, estimate(0))
    path.write_bytes(path.read_bytes() + line + b"\n" + b'{"kind": "probe", "step": 1}\n')
    with pytest.raises(ValueError, match=rf"{path.name}, line 3, is not a record"):
        read(path)


def test_a_log_that_was_cut_off_in_its_header_starts_again(tmp_path):
    path = tmp_path / store.NAME
    path.write_bytes(b'{"kind": "hea')
    log = open_log(tmp_path, HEADER, resume=True)
    log.close()
    assert log.is_new
    assert read(path)[0] == [HEADER]


def test_a_folder_that_holds_something_is_not_written_to(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="resume=True"):
        open_log(tmp_path, HEADER)
    assert os.listdir(tmp_path) == ["notes.txt"]
    log = open_log(tmp_path, HEADER, resume=True)
    log.close()
    assert log.is_new


def test_resuming_skips_what_is_complete_and_repeats_nothing(tmp_path):
    path = written(tmp_path, estimate(0), closing(0), estimate(1), estimate(1, "other"))
    log = open_log(tmp_path, HEADER, resume=True)
    assert not log.is_new
    assert log.complete == {(0, None)}
    log.write_once(estimate(1, value=9.0))
    log.write_once(estimate(1, "third"))
    log.close()
    layers = [r.get("layer") for r in read(path)[0] if r.get("step") == 1]
    assert layers == ["fc", "other", "third"]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("layers", [{"name": "fc2"}]),
        ("measures", []),
        ("probes", {"probe": {"hash": "sha256:1"}}),
        ("reduce", "mean"),
        ("format", 0),
    ],
)
def test_another_recorder_cannot_go_on_with_a_log(tmp_path, name, other):
    path = written(tmp_path, estimate(0))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"cannot resume .* is not that of this recorder"):
        open_log(tmp_path, HEADER | {name: other}, resume=True)
    assert path.read_bytes() == before


def test_a_header_may_differ_in_what_does_not_matter(tmp_path):
    written(tmp_path, estimate(0))
    open_log(tmp_path, HEADER | {"created": "later", "versions": {}}, resume=True).close()


def test_going_on_from_a_checkpoint_drops_what_comes_after_it(tmp_path, monkeypatch):
    records = [estimate(0), closing(0), estimate(5), closing(5), estimate(9)]
    path = written(tmp_path, *records)
    before = path.read_bytes()
    with monkeypatch.context() as patch:  # killed before the change: the old log is whole

        def kill(*arguments):
            raise OSError(errno.EIO, "Input/output error")

        patch.setattr(os, "replace", kill)
        with pytest.raises(LogError, match="Input/output error"):
            open_log(tmp_path, HEADER, resume=True, start_step=5)
        assert path.read_bytes() == before
    log = open_log(tmp_path, HEADER, resume=True, start_step=5)
    log.write(estimate(6))
    log.close()
    assert read(path)[0] == [HEADER, *records[:4], estimate(6)]
    assert log.complete == {(0, None), (5, None)}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("part", [0, 10])
def test_a_disk_that_runs_full_is_one_error_and_leaves_whole_lines(
    tmp_path, monkeypatch, number, part
):
    path = written(tmp_path)
    log = open_log(tmp_path, HEADER, resume=True)
    original = os.write
    calls = []

    def full(file, data):
        calls.append(data)
        if len(calls) == 1 and part:
            return original(file, data[:part])
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogError, match=os.strerror(number)) as caught:
            log.write(estimate(1))
    assert caught.value.errno == number
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert path.read_bytes().endswith(b"}\n")
    log.write(estimate(2))  # there is room again
    log.close()
    assert read(path)[0] == [HEADER, estimate(2)]


def test_half_a_record_that_could_not_be_taken_back_is_cut_before_the_next(tmp_path, monkeypatch):
    path = written(tmp_path)
    log = open_log(tmp_path, HEADER, resume=True)
    original = os.write

    def broken(*arguments):
        raise OSError(errno.EIO, "Input/output error")

    def half(file, data):
        if len(data) < 30:
            broken()
        return original(file, data[:-20])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(LogError):
            log.write(estimate(1))
        assert not path.read_bytes().endswith(b"\n")
        assert read(path)[0] == [HEADER]
        with pytest.raises(LogError):
            log.write(estimate(1))
    log.write(estimate(2))
    log.close()
    assert read(path)[0] == [HEADER, estimate(2)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_without_room(tmp_path):
    os.symlink("/dev/full", tmp_path / store.NAME)
    log = store.Log(tmp_path / store.NAME, ())
    with pytest.raises(LogError, match="No space left on device"):
        log.write(HEADER)
    log.close()
    log.close()


def test_a_disk_that_is_full_at_the_first_record(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LogError, match="No space left"):
        open_log(tmp_path, HEADER)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LogError, match="Permission denied"):
        open_log(tmp_path, HEADER)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LogError, match="Permission denied"):
        open_log(tmp_path / "run", HEADER)


@pytest.mark.parametrize("below", ["", "run"])
def test_a_file_in_the_place_of_the_folder(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LogError, match=r"a file|Not a directory"):
        open_log(tmp_path / "file" / below, HEADER)


def test_finished_is_what_ended_by_itself(tmp_path):
    assert not store.is_finished(tmp_path)
    path = written(tmp_path, estimate(0))
    assert not store.is_finished(tmp_path)
    log = open_log(tmp_path, HEADER, resume=True)
    log.write({"kind": "end", "status": "finished", "step": 0})
    assert store.is_finished(tmp_path)
    log.write({"kind": "end", "status": "interrupted", "step": 0})
    log.close()
    assert not store.is_finished(path.parent)
