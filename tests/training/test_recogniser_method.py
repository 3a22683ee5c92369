"""Training a recogniser: batches are epochs of soft targets, it learns, resumes, and predicts clip by clip."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.recognition import predict
from affekt.models.judge import RecurrentRecogniser
from affekt.models.recogniser import ConvRecogniser
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.recogniser import Clips, RecogniserMethod, RecogniserSettings

CPU = torch.device("cpu")
CLIPS = 20


def settings(**values: float) -> RecogniserSettings:
    plain = {"batch": 8, "lr": 0.01, "weight_decay": 0.0, "crop_frames": 32, "label_smoothing": 0.0, "mixup": 0.0}
    return RecogniserSettings(**(plain | {"seed": 1} | values))  # type: ignore[arg-type]


def clips(count: int = CLIPS, seed: int = 0) -> Clips:
    """Make noisy clips of 20 to 60 frames; the label (0, 1) is a formant's place."""
    rng = torch.Generator().manual_seed(seed)
    label_B = torch.arange(count) % 2
    frames_B = torch.randint(20, 61, (count,), generator=rng)
    mel_BFM = -6 + 0.5 * torch.randn(count, 60, 80, generator=rng)
    mel_BFM[label_B == 0, :, 10:20] += 4
    mel_BFM[label_B == 1, :, 45:55] += 4
    for row, frames in enumerate(frames_B):
        mel_BFM[row, frames:] = -11.5129
    return Clips(mel_BFM, frames_B, label_B)


def method(network_class: type[nn.Module] = ConvRecogniser, **values: float) -> RecogniserMethod:
    torch.manual_seed(0)
    return RecogniserMethod(network_class(channels=4), clips(), settings(**values))


def fit(trained: RecogniserMethod, work: Path, steps: int, every: int = 100) -> TrainResult:
    torch.set_num_threads(1)
    how = TrainSettings(steps, seed=2, checkpoint_every=every, log_every=1)
    return train(trained, how, work, CPU, lambda s, step: None, lambda steps, *_, **__: iter(steps))


def test_an_epoch_draws_each_clip_at_most_once_and_epochs_differ() -> None:
    """With a clip's number in place of its mel, a batch says which clips are in it."""
    subject = method()
    number_B = torch.arange(CLIPS).float()
    subject.clips = Clips(
        number_B[:, None, None].expand(-1, 60, 80).clone(), torch.full((CLIPS,), 60), torch.zeros(CLIPS).long()
    )
    assert subject.steps_per_epoch == 2

    def drawn(step: int) -> list[int]:
        mel_BMF = subject.batch(step, torch.Generator().manual_seed(step))["mel"]
        return mel_BMF.median(2).values.median(1).values.round().int().tolist()

    epochs = [drawn(2 * epoch) + drawn(2 * epoch + 1) for epoch in range(3)]
    for epoch in epochs:
        assert len(epoch) == len(set(epoch)) == 16
    assert epochs[0] != epochs[1] != epochs[2]
    assert drawn(3) == drawn(3)


def test_targets_are_one_hot_without_smoothing_and_mixup() -> None:
    subject = method()
    batch = subject.batch(0, torch.Generator().manual_seed(0))
    assert batch["mel"].shape == (8, 80, 32)
    assert batch["target"].shape == (8, len(EMOTIONS))
    assert set(batch["target"].flatten().tolist()) == {0.0, 1.0}
    assert batch["target"].sum(1).tolist() == [1.0] * 8


def test_smoothing_and_mixup_keep_targets_distributions() -> None:
    smooth = method(label_smoothing=0.1).batch(0, torch.Generator().manual_seed(0))["target"]
    plain = method().batch(0, torch.Generator().manual_seed(0))["target"]
    torch.testing.assert_close(smooth, 0.9 * plain + 0.1 / len(EMOTIONS))
    mixed = method(mixup=1.0).batch(0, torch.Generator().manual_seed(0))["target"]
    torch.testing.assert_close(mixed.sum(1), torch.ones(8))
    assert torch.equal(mixed.argmax(1), plain.argmax(1))  # the clip itself keeps at least half
    assert not torch.equal(mixed, plain)


@pytest.mark.parametrize("network_class", [ConvRecogniser, RecurrentRecogniser])
def test_it_learns_a_formant_of_unseen_clips(network_class: type[nn.Module], tmp_path: Path) -> None:
    subject = method(network_class, label_smoothing=0.1, mixup=0.2)
    result = fit(subject, tmp_path, 60)
    assert set(result.history) == {"step", "recognise/loss", "recognise/train_accuracy"}
    assert np.mean(result.history["recognise/loss"][-5:]) < np.mean(result.history["recognise/loss"][:5])
    unseen = clips(30, seed=5)
    hits = predict(subject.modules["recogniser"], unseen).argmax(1) == unseen.label_B
    assert hits.float().mean() >= 0.9


def test_it_resumes_to_the_bit(tmp_path: Path) -> None:
    whole = method(mixup=0.2)
    fit(whole, tmp_path / "whole", 5)

    class Stopped(RecogniserMethod):
        def batch(self, step: int, rng: torch.Generator) -> dict[str, torch.Tensor]:
            if step == 3:
                raise KeyboardInterrupt
            return super().batch(step, rng)

    first = method(mixup=0.2)
    with pytest.raises(KeyboardInterrupt):
        fit(Stopped(first.modules["recogniser"], first.clips, first.settings), tmp_path / "work", 5, every=2)
    again = method(mixup=0.2)
    fit(again, tmp_path / "work", 5, every=2)
    for key, value in whole.modules["recogniser"].state_dict().items():
        assert torch.equal(again.modules["recogniser"].state_dict()[key], value), key


@pytest.mark.parametrize("network_class", [ConvRecogniser, RecurrentRecogniser])
def test_predictions_do_not_depend_on_the_batch(network_class: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = network_class(channels=4)
    some = clips()
    together = predict(network, some, batch=64)
    assert together.shape == (CLIPS, len(EMOTIONS))
    assert not network.training
    torch.testing.assert_close(predict(network, some, batch=1), together, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(predict(network, some, batch=7), together, rtol=1e-4, atol=1e-4)


def test_half_without_clips_is_refused() -> None:
    with pytest.raises(UserError, match="has no clips"):
        Clips.of(None, np.array([], dtype=int), CPU)  # type: ignore[arg-type]
