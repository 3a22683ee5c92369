"""The shell is chi-square's negative log-density."""

import pytest
import torch
from scipy.stats import chi2

from affekt.optimise.regularisers import shell


def test_shell_is_the_chi_square_density_above_its_mode() -> None:
    z = torch.randn(20, 512, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.7, 1.4, 20)[:, None]
    energy = z.square().sum(dim=1).double().numpy()
    expected = chi2.logpdf(510, 512) - chi2.logpdf(energy, 512)
    assert shell(z, z).numpy() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_shell_is_zero_at_the_mode_and_pulls_towards_it() -> None:
    direction = torch.nn.functional.normalize(torch.ones(1, 512))
    assert shell(direction * 510**0.5, direction).item() == pytest.approx(0, abs=1e-3)
    for radius, sign in ((15.0, -1), (30.0, 1)):
        z = (direction * radius).requires_grad_(True)
        (gradient,) = torch.autograd.grad(shell(z, z).sum(), z)
        assert torch.sign((gradient * direction).sum()) == sign


def test_shell_is_finite_at_the_origin_and_refuses_planes() -> None:
    z = torch.zeros(1, 512, requires_grad=True)
    (gradient,) = torch.autograd.grad(shell(z, z).sum(), z)
    assert gradient.isfinite().all()
    with pytest.raises(ValueError, match="at least 3 dimensions, got 2"):
        shell(torch.ones(1, 2), torch.ones(1, 2))
