"""Inputs of the tests of kernels are drawn anew in each run, and again where a seed is given."""

import os
import secrets

import torch

VARIABLE = "LONGLIVE_SEED"
# Into the environment: all workers of one run have the same.
SEED = int(os.environ.setdefault(VARIABLE, str(secrets.randbelow(1_000_000))))


def generator(number: int) -> torch.Generator:
    """One for each number, another in each run."""
    return torch.Generator().manual_seed(1_000_003 * SEED + number)
