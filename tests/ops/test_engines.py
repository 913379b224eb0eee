"""What both engines have in common, and what they leave alone."""

import numba
import numpy as np
import pytest
import torch

from infotheory import ops


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
@pytest.mark.parametrize(
    "call",
    [
        lambda engine, x: engine.mixture_log_sums(x, 0.1),
        lambda engine, x: engine.mixture_log_density(x, x, 0.1),
        lambda engine, x: engine.neighbours([x, x], 3, "chebyshev"),
        lambda engine, x: engine.row_codes(x, step=0.5),
    ],
)
def test_torch_keeps_its_number_of_threads(rng, call):
    before = torch.get_num_threads()
    numba.set_num_threads(2)
    torch.set_num_threads(1)
    try:
        call(ops.of(), rng.normal(size=(5000, 64)))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_an_engine_is_chosen_by_name_or_by_the_arrays():
    assert ops.of(np.zeros(3)).__name__ == "infotheory.ops.cpu"
    with ops.use("torch"):
        assert ops.of(np.zeros(3)).__name__ == "infotheory.ops.tensor"
        with ops.use("cpu"):
            assert ops.of(np.zeros(3)).__name__ == "infotheory.ops.cpu"
    with pytest.raises(ValueError, match="name must be one of 'cpu', 'torch'"), ops.use("jax"):
        pass
