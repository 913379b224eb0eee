"""Jobs that are shared among threads."""

from __future__ import annotations

import threading

import numba
import pytest
import threadpoolctl

from infotheory import ops
from infotheory.ops.kernels.threads import blas_threads, in_turns


def _of_blas():
    return {
        each["num_threads"]
        for each in threadpoolctl.threadpool_info()
        if each["user_api"] == "blas"
    }


@pytest.mark.parametrize("jobs", [0, 1, 2, 100])
def test_each_job_is_done_once(jobs):
    done = []
    in_turns(done.append, jobs)
    assert sorted(done) == list(range(jobs))


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_threads_share_the_jobs():
    both = threading.Barrier(2, timeout=30)
    in_turns(lambda job: both.wait(), 2)  # hangs for one


def test_an_error_reaches_the_caller_and_ends_the_work():
    done = []

    def work(job):
        if job == 3:
            raise ArithmeticError("three")
        done.append(job)

    with pytest.raises(ArithmeticError, match="three"):
        in_turns(work, 10_000)
    assert len(done) < 10_000
    in_turns(done.append, 2)  # and nothing is left locked


def test_products_have_one_thread_meanwhile():
    before, seen = _of_blas(), []
    in_turns(lambda job: seen.append(_of_blas()), 3)
    assert seen == [{1}] * 3
    assert _of_blas() == before
    for one_thread in (blas_threads(1), ops.one_thread_each()):
        with one_thread:
            assert _of_blas() == {1}
        assert _of_blas() == before
