"""A run that is killed and goes on has the same records as one that was never cut off."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import infotheory as it
from infotheory.record.store import NAME, read

from .networks import chain, data

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

STEPS = 20
WHEN = it.every(2) | it.at([3])
#: A child that trains as `train` does, and is killed by the system at its 150th write.
CHILD = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from tests.record.test_resume import train

original, count = os.write, 0

def write(file, data):
    global count
    count += 1
    if count == 150:
        original(file, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return original(file, data)

os.write = write
train(sys.argv[1])
"""


def train(folder, *, resume=False, start_step=0, stop=STEPS, saved=None, when=None):
    torch.manual_seed(0)
    net = chain(6, 5, 4, 3)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = data()
    if saved:
        net.load_state_dict(saved)
    rec = it.Recorder(
        net,
        measures=["I(X;T)", "I(T;Y)"],
        probe={"train": (x, y), "test": data(seed=9)},
        when=when or WHEN,
        out=folder,
        resume=resume,
        start_step=start_step,
    )
    with rec:
        for step in range(start_step + 1, stop + 1):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimiser.step()
            rec.step(epoch=step / 4, loss=loss)
        rec.log(final=1.0)
    return net.state_dict()


def facts(folder):
    """The records without what depends on the clock."""
    run = it.load(folder)
    drop = ("seconds", "run")
    return [
        [{name: value for name, value in record.items() if name not in drop} for record in records]
        for records in (run.records, run.scalars)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that was never cut off."""
    folder = tmp_path_factory.mktemp("finished")
    train(folder)
    return folder


@pytest.fixture(scope="module")
def whole(finished):
    return facts(finished)


def assert_goes_on(folder, whole):
    before = facts(folder)[0]
    assert before == whole[0][: len(before)]
    train(folder, resume=True)
    assert facts(folder) == whole
    lines, _ = read(folder / NAME)
    kinds = [line["kind"] for line in lines]
    assert kinds.count("estimate") == len(whole[0])  # no duplicates in the file itself
    assert kinds.count("header") == 1


def test_a_killed_run_loses_no_finished_record_and_goes_on(tmp_path, whole):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CHILD, str(tmp_path / "run")]
    child = subprocess.run(command, cwd=root, capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    survived, length = read(tmp_path / "run" / NAME)
    assert len(survived) == 149
    assert (tmp_path / "run" / NAME).stat().st_size > length
    assert_goes_on(tmp_path / "run", whole)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.99])
@pytest.mark.parametrize("torn", [0, 20])
def test_wherever_a_log_is_cut_off(tmp_path, finished, whole, share, torn):
    lines = (finished / NAME).read_bytes().splitlines(keepends=True)
    kept = int(share * len(lines))
    tail = lines[kept][:torn]
    (tmp_path / NAME).write_bytes(b"".join(lines[:kept]) + tail)
    if not kept:
        train(tmp_path, resume=True)
        assert facts(tmp_path) == whole
    else:
        assert_goes_on(tmp_path, whole)


def test_a_run_goes_on_from_a_checkpoint(tmp_path, whole):
    # the checkpoint is of step 7, which is not due; the run was cut off after step 11
    state = train(tmp_path / "until 7", stop=7)
    with pytest.raises(StopIteration):
        train(tmp_path / "run", when=StopsAfter(11))
    assert max(record["step"] for record in it.load(tmp_path / "run").records) == 10
    train(tmp_path / "run", resume=True, start_step=7, saved=state)
    assert facts(tmp_path / "run") == whole


class StopsAfter:
    """The schedule of `train`, until it raises."""

    def __init__(self, step):
        self.last = step

    def next(self, step):
        due = WHEN.next(step)
        if step >= self.last:
            raise StopIteration
        return due


def test_a_finished_run_resumed_is_left_as_it_is(tmp_path, whole):
    train(tmp_path)
    before = facts(tmp_path)
    train(tmp_path, resume=True)
    assert facts(tmp_path) == before == whole


def test_a_used_folder_is_refused_before_the_network_is_touched(tmp_path):
    train(tmp_path, stop=1)
    with pytest.raises(FileExistsError, match="resume=True"):
        train(tmp_path)


def test_other_data_cannot_go_on(tmp_path):
    net = chain(6, 3)
    with it.Recorder(net, measures="H(T)", probe=data()[0], out=tmp_path):
        pass
    other = it.Recorder(net, measures="H(T)", probe=data(seed=1)[0], out=tmp_path, resume=True)
    with pytest.raises(ValueError, match="data to probe with is not that"):
        other.__enter__()
