"""Recordings enter the prior near where they are, and climb there with their content held."""

import pytest
import torch
from toy_networks import LoudBands, LoudFrames

from affekt.features.crops import N_FRAMES, silence
from affekt.features.mel import N_MELS, denormalise, normalise
from affekt.models.gan import Generator
from affekt.optimise.content import drift
from affekt.optimise.engine import Settings
from affekt.optimise.inversion import Keep, climb, invert, mean_shell, nearest_latents, speak_latents, windows_over
from affekt.optimise.regularisers import shell
from affekt.optimise.windows import Windows


@pytest.fixture(scope="module")
def prior() -> Generator:
    torch.manual_seed(0)
    network = Generator(latent=16, channels=4).eval().requires_grad_(False)
    network.body[-1].weight.mul_(50)  # untrained it says nearly the same of every latent
    return network


@pytest.mark.parametrize(
    ("frames", "starts"), [(100, (0,)), (160, (0,)), (161, (0, 1)), (280, (0, 120)), (281, (0, 60, 121))]
)
def test_windows_cover_a_recording_with_their_overlap(frames: int, starts: tuple[int, ...]) -> None:
    assert windows_over(frames, 40).starts == starts


@pytest.mark.parametrize("frames", [30, 160, 400])
def test_windows_cut_and_joined_give_the_recording(frames: int) -> None:
    windows, mel_MF = Windows.over(frames, 160, 40), torch.randn(N_MELS, frames)
    cut_WMP = windows.cut(mel_MF, -2.0)
    assert cut_WMP.shape[1:] == (N_MELS, 160)
    assert torch.allclose(windows.join(cut_WMP[None])[0], mel_MF, atol=1e-5)
    if frames < 160:
        assert (cut_WMP[0, :, frames:] == -2.0).all()


def test_an_overlap_as_long_as_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot overlap by 160"):
        Windows.over(400, 160, 160)


def test_the_nearest_candidate_is_the_nearest(prior: Generator) -> None:
    wanted_L = nearest_latents(prior, torch.zeros(1, N_MELS, N_FRAMES), 100, 7)[0]
    mel_WMP = torch.stack([prior(wanted_L[None])[0], torch.zeros(N_MELS, N_FRAMES)])
    found_WL = nearest_latents(prior, mel_WMP, 100, 7)
    assert torch.equal(found_WL[0], wanted_L)
    assert torch.equal(found_WL[1], wanted_L)


def test_inversion_comes_nearer_to_what_the_prior_can_say(prior: Generator) -> None:
    windows = windows_over(300, 40)
    latent_BWL = torch.randn(1, len(windows.starts), 16, generator=torch.Generator().manual_seed(1))
    mel_MF = speak_latents(prior, latent_BWL, windows)[0]
    assert mel_MF.shape == (N_MELS, 300)
    found = invert(prior, mel_MF, windows, 50, 0.0, Settings(150, 0.1, 0, snapshots=0))
    distance = found.history["score"][:, 0]
    assert distance[-1] < 0.25 * distance[0]
    reached_MF = speak_latents(prior, found.end, windows)[0]
    assert (reached_MF - mel_MF).abs().mean() == pytest.approx(float(distance[-1]), abs=1e-4)


def test_a_short_recording_counts_its_own_frames_alone(prior: Generator) -> None:
    windows = windows_over(70, 40)
    mel_MF = speak_latents(prior, torch.zeros(1, 1, 16), windows)[0]
    assert mel_MF.shape == (N_MELS, 70)
    found = invert(prior, mel_MF, windows, 20, 0.0, Settings(60, 0.1, 0, snapshots=0))
    assert found.history["score"][-1] < 0.5 * found.history["score"][0]
    assert windows.cut(normalise(mel_MF), silence()).shape == (1, N_MELS, N_FRAMES)


def test_the_prior_holds_each_window_by_itself(prior: Generator) -> None:
    latent_BWL = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(2))
    wanted = torch.stack([shell(latent_WL, latent_WL).mean() for latent_WL in latent_BWL])
    assert torch.allclose(mean_shell(latent_BWL, latent_BWL), wanted)


def test_a_climb_moves_the_emotion_and_holds_the_content(prior: Generator) -> None:
    content, windows, rose, moved = LoudFrames(), windows_over(260, 40), [], []
    start_BWL = torch.randn(1, len(windows.starts), 16, generator=torch.Generator().manual_seed(3))
    before_BCF = content.log_posteriors(speak_latents(prior, start_BWL, windows))
    for weight in (0.0, 3000.0):
        found = climb(
            prior, [LoudBands(100.0)], content, start_BWL, torch.tensor([3]), windows, Keep(1e-3, weight), 0.0,
            Settings(60, 0.05, 0, snapshots=0),
        )  # fmt: skip
        belief_T = found.history["score"][:, 0]
        rose.append(float(belief_T[-1] - belief_T[0]))
        moved.append(float(drift(before_BCF, content.log_posteriors(speak_latents(prior, found.end, windows)))))
    assert rose[0] > 0.1
    assert moved[0] > 0.004, "else there is nothing to hold"
    assert moved[1] < 0.0015
    assert rose[1] > 0.02


def test_latents_are_spoken_as_they_are_generated(prior: Generator) -> None:
    latent_BWL = torch.randn(2, 1, 16)
    spoken_BMF = speak_latents(prior, latent_BWL, windows_over(N_FRAMES, 40))
    assert torch.allclose(spoken_BMF, denormalise(prior(latent_BWL[:, 0])), atol=1e-5)
