"""Small networks with the habits that recorders trip over."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class NoisyInEval(nn.Module):
    """Draws from the global generator, whatever the mode."""

    def forward(self, x):
        return x + 0.01 * torch.randn_like(x)


class CountsInEval(nn.Module):
    """Moves a buffer and an attribute at every call, and both change what it gives."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.steps = 0

    def forward(self, x):
        self.calls += 1
        self.steps += 1
        return x * (1 + 0.001 * self.calls + 0.001 * self.steps)


class Restless(nn.Module):
    """Dropout, BatchNorm, a frozen BatchNorm, noise and counters in eval mode."""

    def __init__(self, inputs: int = 6, classes: int = 3):
        super().__init__()
        self.first = nn.Linear(inputs, 16)
        self.norm = nn.BatchNorm1d(16)
        self.frozen = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.3)
        self.noise = NoisyInEval()
        self.count = CountsInEval()
        self.head = nn.Linear(16, classes)

    def train(self, mode: bool = True):
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, x):
        hidden = torch.tanh(self.frozen(self.norm(self.first(x))))
        return self.head(self.count(self.noise(self.drop(hidden))))


def chain(*widths: int, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    """fc1, act1, fc2, act2, ... without an activation at the end."""
    net = nn.Sequential()
    for place, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        if place > 1:
            net.add_module(f"act{place - 1}", activation())
        net.add_module(f"fc{place}", nn.Linear(inputs, outputs))
    return net


def data(n: int = 40, inputs: int = 6, classes: int = 3, seed: int = 5):
    """Repeated rows, so that a few bins do not tell all of them apart."""
    generator = torch.Generator().manual_seed(seed)
    distinct = torch.randn(n // 4, inputs, generator=generator)
    x = distinct.repeat(4, 1)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long() * (classes > 2)


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())
