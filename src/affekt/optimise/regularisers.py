"""Regularisers: what keeps a variable plausible, one value per sample, zero where it is most plausible.

Axes: B batch; what follows is the variable's own shape. Each takes the variable and where it started.
"""

from torch import Tensor

SMALLEST_ENERGY = 1e-6  # keeps the logarithm finite at the origin


def shell(variable_B: Tensor, start_B: Tensor) -> Tensor:
    """Negative log-density of ||z||^2 under a standard normal's chi-square, in nats above its mode (B,).

    Nearly all of a normal in d dimensions lies in a thin shell of radius sqrt(d); the density of z itself would
    pull to the origin, where no sample lies and a generator has never been trained.
    """
    energy_B = variable_B.flatten(1).square().sum(dim=1).clamp(min=SMALLEST_ENERGY)
    mode = variable_B[0].numel() - 2  # of chi-square with d degrees of freedom
    if mode <= 0:
        raise ValueError(f"the shell needs a variable of at least 3 dimensions, got {mode + 2}")
    return 0.5 * (energy_B - mode) - 0.5 * mode * (energy_B / mode).log()
