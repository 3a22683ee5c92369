"""The network of content: masks, what an output hears, gradients, probabilities, and its price."""

import torch
from torch import Tensor, nn

from affekt.features.mel import log_mel
from affekt.models.blocks import FRAME_STRIDE
from affekt.models.content import ContentNetwork, pool_statements

STATEMENTS, SEGMENTS = 3, 4
FAR, NEAR = 29, 8  # frames on each side of an output's centre: unheard, and heard


def network() -> ContentNetwork:
    """A small network whose batch norms have the statistics of sounds, in eval mode."""
    torch.manual_seed(0)
    made = ContentNetwork(STATEMENTS, SEGMENTS, 4)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = None
                nn.init.normal_(module.bias, 0, 0.5)
        for seed in range(4):
            made.train()(torch.cat([clip(60, 10 * seed + i) for i in range(3)]))
    return made.eval()


def clip(frames: int, seed: int) -> Tensor:
    """Raw log mel (1, 80, frames) of chirps and noise."""
    rng = torch.Generator().manual_seed(seed)
    samples = max(frames, 5) * 256
    time = torch.arange(samples) / 22050
    sweep = torch.rand(3, generator=rng)
    tones = sum((2 * torch.pi * (150 + 900 * s) * time * (1 + s * time)).sin() for s in sweep)
    level = 0.1 + torch.rand(samples // 1024 + 1, generator=rng).repeat_interleave(1024)[:samples]
    return log_mel((0.1 * level * tones + 0.003 * torch.randn(samples, generator=rng))[None])[..., :frames]


def together(clips: list[Tensor], filling: float) -> tuple[Tensor, Tensor]:
    longest = max(x.shape[-1] for x in clips)
    padded = [nn.functional.pad(x, (0, longest - x.shape[-1]), value=filling) for x in clips]
    return torch.cat(padded), torch.tensor([x.shape[-1] for x in clips])


def test_padding_changes_nothing_and_gives_zeros() -> None:
    subject = network()
    clips = [clip(frames, seed) for seed, frames in enumerate((31, 64, 97, 160))]
    for filling in (0.0, 5.0):
        x_BMF, frames_B = together(clips, filling)
        found_BCF = subject(x_BMF, frames_B)
        statements_BS = subject.statement_logits(x_BMF, frames_B)
        for i, alone in enumerate(clips):
            expected = subject(alone)
            assert expected.shape == (1, STATEMENTS * SEGMENTS, -(-alone.shape[-1] // FRAME_STRIDE))
            outputs = expected.shape[-1]
            torch.testing.assert_close(found_BCF[i, :, :outputs], expected[0], rtol=0, atol=1e-4)
            assert (found_BCF[i, :, outputs:] == 0).all()
            torch.testing.assert_close(statements_BS[i], subject.statement_logits(alone)[0], rtol=0, atol=1e-4)
    assert (found_BCF[0, :, 0] - found_BCF[1, :, 0]).abs().max() > 1e-2, "the network does not listen"


def test_an_output_hears_half_a_second_around_its_frame() -> None:
    """Opposite changes of two bands leave the clip's level as it is, so only what an output hears can tell."""
    subject, x_BMF, output = network(), clip(160, 3), 20
    centre = FRAME_STRIDE * output

    def changed(frame: int) -> float:
        other = x_BMF.clone()
        other[0, 20, frame] += 3
        other[0, 50, frame] -= 3
        with torch.no_grad():
            return float((subject(other) - subject(x_BMF))[0, :, output].abs().max())

    assert all(changed(centre + offset) < 1e-4 for offset in (-60, -FAR, FAR, 60))
    assert all(changed(centre + offset) > 1e-3 for offset in (-NEAR, 0, NEAR))


def test_posteriors_are_probabilities_and_statements_sum_their_parts() -> None:
    subject, x_BMF = network(), clip(70, 1)
    posterior_BCF = subject.posteriors(x_BMF)
    torch.testing.assert_close(posterior_BCF.sum(1), torch.ones(1, 18))
    torch.testing.assert_close(posterior_BCF, subject(x_BMF).softmax(1))
    of_statement = posterior_BCF.reshape(1, STATEMENTS, SEGMENTS, 18).sum(2)
    torch.testing.assert_close(subject.statement_logits(x_BMF), of_statement.log().mean(-1))


def test_pooling_leaves_padding_out() -> None:
    log_BCF = torch.randn(2, 8, 5).log_softmax(1)
    mask_BF = torch.tensor([[1.0, 1, 1, 0, 0], [1.0, 1, 1, 1, 1]])
    torch.testing.assert_close(pool_statements(log_BCF, 4, mask_BF)[0], pool_statements(log_BCF[:1, :, :3], 4)[0])


def test_it_has_a_finite_gradient_to_the_mel_that_stays_in_the_clip() -> None:
    subject = network()
    x_BMF, frames_B = together([clip(90, 1), clip(50, 2), torch.full((1, 80, 90), -11.5129)], 0.0)
    x_BMF.requires_grad_()
    loss = subject.statement_logits(x_BMF, frames_B)[:, 0].sum()
    (gradient,) = torch.autograd.grad(loss, x_BMF)
    assert gradient.isfinite().all()
    assert gradient[0].abs().sum() > 0
    assert (gradient[1, :, 50:] == 0).all()


def test_the_gradient_is_the_slope() -> None:
    subject, x_BMF = network().double(), clip(60, 5).double().requires_grad_()
    score = lambda x: subject.forward(x)[0, 3].sum()  # noqa: E731
    (gradient,) = torch.autograd.grad(score(x_BMF), x_BMF)
    direction = torch.randn(x_BMF.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    step = 1e-4
    with torch.no_grad():
        slope = (score(x_BMF + step * direction) - score(x_BMF - step * direction)) / (2 * step)
    # The head answers in single precision.
    assert abs(float(slope) - float((gradient * direction).sum())) < 0.02 * float(slope.abs())


def test_a_gain_changes_nothing() -> None:
    subject, x_BMF = network(), clip(60, 6)
    torch.testing.assert_close(subject(x_BMF + 1.5), subject(x_BMF), rtol=0, atol=1e-4)
