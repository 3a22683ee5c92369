"""A voice taken apart and put together: sizes of the codes, which part each of them says, and what each has heard."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from affekt.features.harmonics import harmonic_ripple
from affekt.features.mel import MEL_SCALE, N_MELS, denormalise
from affekt.features.speaker import EMBEDDING_SIZE
from affekt.models.speechsplit import STEP, WIDEST, Codes, Encoder, SpeechSplit, spread

CONTENT, PITCH, RHYTHM = 3, 2, 1


def make() -> SpeechSplit:
    """A small network whose voices differ in register."""
    torch.manual_seed(0)
    network = SpeechSplit(channels=16, content=CONTENT, pitch=PITCH, rhythm=RHYTHM, decoder=16).eval()
    network.register_E.copy_(0.3 * torch.randn(EMBEDDING_SIZE))
    return network


@pytest.fixture(scope="module")
def network() -> SpeechSplit:
    return make()


def speech(frames: int = 40, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised mels (B, M, F), melodies (B, 2, F) and embeddings (B, E)."""
    rng = torch.Generator().manual_seed(seed)
    mel_BMF = torch.randn(batch, N_MELS, frames, generator=rng)
    voiced_BF = (torch.rand(batch, frames, generator=rng) < 0.7).float()
    melody_B2F = torch.stack([torch.randn(batch, frames, generator=rng) * 0.3 * voiced_BF, voiced_BF], 1)
    speaker_BE = torch.nn.functional.normalize(torch.rand(batch, EMBEDDING_SIZE, generator=rng), dim=1)
    return mel_BMF, melody_B2F, speaker_BE


def parts(codes: Codes) -> dict[str, Tensor]:
    return {"content": codes.content_BDS, "pitch": codes.pitch_BDS, "rhythm": codes.rhythm_BDS}


@pytest.mark.parametrize("frames", [8, 40, 96])
@torch.no_grad()
def test_codes_have_a_step_for_eight_frames_and_give_the_frames_back(network: SpeechSplit, frames: int) -> None:
    codes = network.encode(*speech(frames))
    sizes = {name: tuple(code.shape) for name, code in parts(codes).items()}
    steps = frames // STEP
    assert sizes == {"content": (2, 2 * CONTENT, steps), "pitch": (2, 2 * PITCH, steps), "rhythm": (2, 2, steps)}
    assert network.decode_melody(codes).shape == (2, frames)
    mel_BMF = network.decode(codes)
    assert mel_BMF.shape == (2, N_MELS, frames)
    assert mel_BMF.dtype == torch.float32


@torch.no_grad()
def test_each_encoder_hears_what_is_meant_for_it(network: SpeechSplit) -> None:
    mel_BMF, melody_B2F, speaker_BE = speech()
    other_BMF, other_B2F, _ = speech(seed=1)
    plain = network.encode(mel_BMF, melody_B2F, speaker_BE)
    for given, moved in (
        ((mel_BMF, melody_B2F, speaker_BE, other_BMF), {"content"}),
        ((mel_BMF, melody_B2F, speaker_BE, None, other_B2F), {"pitch"}),
        ((other_BMF, melody_B2F, speaker_BE, mel_BMF), {"rhythm"}),
        ((other_BMF, melody_B2F, speaker_BE), {"content", "rhythm"}),
        ((mel_BMF, other_B2F, speaker_BE), {"pitch"}),
    ):
        found = parts(network.encode(*given))
        assert {name for name, code in found.items() if not torch.equal(code, parts(plain)[name])} == moved
    assert plain.speaker_BE is speaker_BE


@torch.no_grad()
def test_the_rhythm_is_told_from_loudness_alone(network: SpeechSplit) -> None:
    """Which bands are loud, by which sounds and voices differ, does not reach its code; when it is loud does."""
    mel_BMF, melody_B2F, speaker_BE = speech()
    plain = network.encode(mel_BMF, melody_B2F, speaker_BE).rhythm_BDS
    upside_down = network.encode(mel_BMF.flip(1), melody_B2F, speaker_BE).rhythm_BDS
    torch.testing.assert_close(upside_down, plain, atol=1e-5, rtol=0)
    later = network.encode(mel_BMF.roll(STEP, 2), melody_B2F, speaker_BE).rhythm_BDS
    assert (later - plain).abs().max() > 0.01


@torch.no_grad()
def test_with_a_melody_that_is_given_the_pitch_code_does_not_matter(network: SpeechSplit) -> None:
    codes, other = network.encode(*speech()), network.encode(*speech(seed=1))
    octave_BF = torch.linspace(-1, 1, 40).expand(2, -1)
    swapped = replace(codes, pitch_BDS=other.pitch_BDS)
    assert torch.equal(network.decode(swapped, octave_BF), network.decode(codes, octave_BF))
    assert not torch.allclose(network.decode(swapped), network.decode(codes), atol=1e-4)


@torch.no_grad()
def test_a_melody_that_is_given_takes_the_place_of_the_decoded_one(network: SpeechSplit) -> None:
    codes = network.encode(*speech())
    own_BF = network.decode_melody(codes)
    assert torch.equal(network.decode(codes, own_BF), network.decode(codes))
    assert not torch.allclose(network.decode(codes, own_BF + 0.3), network.decode(codes), atol=1e-4)


@torch.no_grad()
def test_another_pitch_code_changes_the_harmonics_alone(network: SpeechSplit) -> None:
    """What two melodies make of a clip differs by their ripples, times a share that no melody reaches."""
    codes, other = network.encode(*speech()), network.encode(*speech(seed=1))
    swapped = replace(codes, pitch_BDS=other.pitch_BDS)
    register_B1 = network.register(codes.speaker_BE)[:, None]

    def ripple(given: Codes) -> Tensor:
        return harmonic_ripple(torch.exp2(network.decode_melody(given) + register_B1)) / MEL_SCALE

    # The share from two melodies that have nothing to do with the codes.
    low, high = (torch.full((2, 40), octave) for octave in (-0.35, 0.2))
    ripples = [harmonic_ripple(torch.exp2(octave + register_B1)) / MEL_SCALE for octave in (low, high)]
    step = ripples[1] - ripples[0]
    share_BMF = (network.decode(codes, high) - network.decode(codes, low)) / step
    found = network.decode(swapped) - network.decode(codes)
    expected = share_BMF * (ripple(swapped) - ripple(codes))
    told = step.abs() > 0.02  # elsewhere the quotient has no digits
    assert told.float().mean() > 0.5
    torch.testing.assert_close(found[told], expected[told], atol=1e-3, rtol=1e-2)


@torch.no_grad()
def test_harmonics_with_no_share_are_not_heard() -> None:
    network = make()
    for parameter in network.leave.parameters():
        parameter.unflatten(0, (-1, 2, N_MELS))[:, 1] = 0
    codes, other = network.encode(*speech()), network.encode(*speech(seed=1))
    plain = network.decode(codes)
    assert torch.equal(network.decode(replace(codes, pitch_BDS=other.pitch_BDS)), plain)
    assert not torch.allclose(network.decode(replace(codes, content_BDS=other.content_BDS)), plain, atol=1e-4)


@torch.no_grad()
def test_harmonics_with_a_full_share_are_heard_in_full() -> None:
    """In natural-log units of a raw mel, at the melody above the voice's register."""
    network = make()
    network.leave.weight.zero_()
    network.leave.bias.unflatten(0, (-1, 2, N_MELS)).copy_(torch.tensor([0.5, 1.0])[:, None])
    codes = network.encode(*speech())
    octave_BF = torch.linspace(-1, 1, 40).expand(2, -1)
    expected = harmonic_ripple(torch.exp2(network.register(codes.speaker_BE)[:, None] + octave_BF))
    flat = denormalise(torch.tensor(0.5))
    torch.testing.assert_close(denormalise(network.decode(codes, octave_BF)), flat + expected, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_a_melody_is_decoded_from_the_codes_of_pitch_and_rhythm(network: SpeechSplit) -> None:
    codes, other = network.encode(*speech()), network.encode(*speech(seed=1))
    plain = network.decode_melody(codes)
    kept = replace(codes, content_BDS=other.content_BDS, speaker_BE=other.speaker_BE)
    assert torch.equal(network.decode_melody(kept), plain)
    for changed in (replace(codes, pitch_BDS=other.pitch_BDS), replace(codes, rhythm_BDS=other.rhythm_BDS)):
        assert not torch.allclose(network.decode_melody(changed), plain, atol=1e-4)


def test_a_register_is_linear_in_the_embedding(network: SpeechSplit) -> None:
    _, _, speaker_BE = speech(batch=2)
    first, second = network.register(speaker_BE)
    (between,) = network.register((0.3 * speaker_BE[0] + 0.7 * speaker_BE[1])[None])
    torch.testing.assert_close(between, 0.3 * first + 0.7 * second)
    torch.testing.assert_close(network.register(torch.zeros(1, EMBEDDING_SIZE)), torch.tensor([7.5]))
    assert abs(float(first - second)) > 1e-2


@torch.no_grad()
def test_a_voice_an_octave_higher_by_its_embedding_sounds_as_one_an_octave_higher_by_its_melody() -> None:
    network = make()
    codes = network.encode(*speech())
    low_BF = torch.full((2, 40), -0.5)
    lower = network.decode(codes, low_BF + 1.0)
    network.register_0 += 1.0
    torch.testing.assert_close(network.decode(codes, low_BF), lower, atol=1e-3, rtol=1e-3)


def test_a_melody_is_heard_above_the_voices_register_and_nowhere_where_it_is_unvoiced(network: SpeechSplit) -> None:
    _, _, speaker_BE = speech()
    register_B1 = network.register(speaker_BE)[:, None]
    f0_BF = torch.exp2(register_B1 + torch.tensor([[0.0, 1.0, -0.5, 5.0, -5.0]]))
    f0_BF = torch.cat([f0_BF, torch.zeros(2, 1)], 1)
    found = network.melody(f0_BF, speaker_BE)
    expected = torch.tensor([0.0, 1.0, -0.5, WIDEST, -WIDEST, 0.0])
    torch.testing.assert_close(found[:, 0], expected.expand(2, -1), atol=1e-5, rtol=0)
    assert (found[:, 1] == torch.tensor([1, 1, 1, 1, 1, 0])).all()


@torch.no_grad()
def test_clips_of_a_batch_do_not_hear_each_other(network: SpeechSplit) -> None:
    given = speech(batch=3)
    codes = network.encode(*given)
    made = network.decode(codes)
    for i in range(3):
        alone = network.encode(*(x[i : i + 1] for x in given))
        for name, code in parts(alone).items():
            torch.testing.assert_close(code, parts(codes)[name][i : i + 1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(network.decode(alone), made[i : i + 1], atol=1e-3, rtol=1e-3)


def test_a_step_has_heard_its_frames_from_the_first_on_and_back_from_the_last() -> None:
    """Of the recurrence; the convolutions before it, and their norms over the whole clip, hear more."""
    torch.manual_seed(1)
    size, frames = 2, 32
    encoder = Encoder(8, 8, 1, size)
    encoder.convolutions = nn.Sequential(nn.Identity())
    x_BCF = torch.randn(1, 8, frames, requires_grad=True)
    code_DS = encoder(x_BCF)[0]
    for step in range(frames // STEP):
        for half, heard in ((code_DS[:size], range(STEP * (step + 1))), (code_DS[size:], range(STEP * step, frames))):
            (gradient,) = torch.autograd.grad(half[:, step].sum(), x_BCF, retain_graph=True)
            frame_F = gradient[0].abs().sum(0)
            assert frame_F.nonzero().flatten().tolist() == list(heard)


def test_codes_are_spread_over_the_frames_of_their_step() -> None:
    spoken = spread(torch.arange(3.0).expand(1, 2, 3), 10 + torch.arange(3.0).expand(1, 1, 3))
    assert spoken.shape == (1, 12, 3)  # two frames at once
    assert spoken[0, :, 0].tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4
    assert torch.equal(spoken[..., 2], spoken[..., 0] + 10)


def test_what_is_decoded_reaches_every_parameter() -> None:
    network = make().train()
    mel_BMF, melody_B2F, speaker_BE = speech()
    codes = network.encode(mel_BMF, melody_B2F, speaker_BE)
    error = (network.decode(codes, melody_B2F[:, 0]) - mel_BMF).abs().mean()
    (error + (network.decode_melody(codes) - melody_B2F[:, 0]).abs().mean()).backward()
    missed = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missed == []


def test_a_melody_that_is_decoded_hears_the_mels_gradient(network: SpeechSplit) -> None:
    """Codes are optimised through what is heard: the pitch code must be told of it."""
    codes = network.encode(*speech())
    pitch_BDS = codes.pitch_BDS.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.decode(replace(codes, pitch_BDS=pitch_BDS)).square().sum(), pitch_BDS)
    assert gradient.abs().amin(1).min() > 0
