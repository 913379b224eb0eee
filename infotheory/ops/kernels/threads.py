"""Threads of our own for jobs that are products of matrices, each made in one thread."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import numba
import threadpoolctl

__all__ = ["alone", "blas_threads", "in_turns"]

# The number of threads of BLAS belongs to the process, and not every threading layer of numba can
# be entered twice: calls from several threads take turns.
alone = threading.Lock()


def in_turns(work: Callable[[int], object], jobs: int) -> None:
    """Each job once, by whichever thread is free, with one thread in each product of matrices.

    Two threads in a product beside two of our own take ten times as long as one.
    """
    workers = min(numba.get_num_threads(), jobs)
    numbers = iter(range(jobs))

    def turn() -> None:
        for number in numbers:
            work(number)

    with blas_threads(1):
        others = [_pool(workers).submit(turn) for _ in range(workers - 1)]
        try:
            turn()
        finally:
            for _ in numbers:  # after an error nobody begins another
                pass
            wait(others)
        for other in others:
            other.result()


@contextmanager
def blas_threads(count: int | None) -> Iterator[None]:
    """So many threads in the library's products, or as many as it likes; one caller at a time."""
    with alone, _libraries().limit(limits=count, user_api="blas"):
        yield


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


@functools.cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads that wait for work: to start new ones takes longer than a small job."""
    return ThreadPoolExecutor(workers)


if hasattr(os, "register_at_fork"):
    # The child has none of these threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)
