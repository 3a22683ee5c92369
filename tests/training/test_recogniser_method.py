"""Training a recogniser: batches are epochs of soft targets, it learns, resumes, and predicts clip by clip."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from affekt.core.params import TrainingParams
from affekt.corpora.table import EMOTIONS
from affekt.features.clips import Clips
from affekt.models.inference import predict
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN
from affekt.training.augment import Augment
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.recogniser import RecogniserMethod, RecogniserSettings

CPU = torch.device("cpu")
CLIPS = 20


NETWORKS = {"mel_cnn": lambda: MelCNN(4, 1, 8), "judge": lambda: RecurrentRecogniser(4)}
PLAIN = {"batch": 8, "lr": 0.01, "weight_decay": 0.0, "schedule": "one_cycle", "label_smoothing": 0.0, "mixup": 0.0}


def settings(**values: object) -> RecogniserSettings:
    some = {"augment": Augment(32, 0.15, 3.0, masks=True), "seed": 1}
    return RecogniserSettings(**(PLAIN | some | values))  # type: ignore[arg-type]


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


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]()


def method(name: str = "mel_cnn", validation: Clips | None = None, **values: object) -> RecogniserMethod:
    return RecogniserMethod(network(name), clips(), settings(**values), len(EMOTIONS), validation)


def fit(trained: RecogniserMethod, work: Path, steps: int, every: int = 100) -> TrainResult:
    torch.set_num_threads(1)
    how = TrainSettings(steps, seed=2, checkpoint_every=every, log_every=1, validate_every=trained.steps_per_epoch)
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
        mel_BMF = subject.batch(step, torch.Generator().manual_seed(step))["x"]
        return mel_BMF.median(2).values.median(1).values.round().int().tolist()

    epochs = [drawn(2 * epoch) + drawn(2 * epoch + 1) for epoch in range(3)]
    for epoch in epochs:
        assert len(epoch) == len(set(epoch)) == 16
    assert epochs[0] != epochs[1] != epochs[2]
    assert drawn(3) == drawn(3)


def test_targets_are_one_hot_without_smoothing_and_mixup() -> None:
    subject = method()
    batch = subject.batch(0, torch.Generator().manual_seed(0))
    assert batch["x"].shape == (8, 80, 32)
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


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_a_formant_of_unseen_clips(name: str, tmp_path: Path) -> None:
    subject = method(name, label_smoothing=0.1, mixup=0.2)
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
    stopped = Stopped(first.modules["recogniser"], first.clips, first.settings, len(EMOTIONS))
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, tmp_path / "work", 5, every=2)
    again = method(mixup=0.2)
    fit(again, tmp_path / "work", 5, every=2)
    for key, value in whole.modules["recogniser"].state_dict().items():
        assert torch.equal(again.modules["recogniser"].state_dict()[key], value), key


def test_a_validation_is_the_cross_entropy_of_whole_clips_and_training_goes_on() -> None:
    held_out = clips(7, seed=3)
    subject = method(validation=held_out)
    subject.modules["recogniser"].train()
    loss = subject.validate()
    assert subject.modules["recogniser"].training
    logits = predict(subject.modules["recogniser"], held_out)
    right = logits.log_softmax(1)[torch.arange(7), held_out.label_B]
    assert loss == pytest.approx(-right.mean().item(), rel=1e-5)
    before = {key: value.clone() for key, value in subject.modules["recogniser"].state_dict().items()}
    subject.validate()
    assert all(torch.equal(value, before[k]) for k, value in subject.modules["recogniser"].state_dict().items())


def test_a_plateau_resumes_to_the_bit_with_its_state(tmp_path: Path) -> None:
    """Validation clips whose labels are wrong: the loss rises, so the rate falls twice before the stop."""
    wrong = clips(8, seed=3)
    wrong = Clips(wrong.mel_BFM, wrong.frames_B, (wrong.label_B + 3) % 8)

    def start() -> RecogniserMethod:
        return method(validation=wrong, schedule="plateau")

    whole = start()
    fit(whole, tmp_path / "whole", 18)

    class Stopped(RecogniserMethod):
        def batch(self, step: int, rng: torch.Generator) -> dict[str, torch.Tensor]:
            if step == 15:
                raise KeyboardInterrupt
            return super().batch(step, rng)

    first = start()
    stopped = Stopped(first.modules["recogniser"], first.clips, first.settings, len(EMOTIONS), wrong)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, tmp_path / "work", 18, every=7)
    again = start()
    fit(again, tmp_path / "work", 18, every=7)
    for key, value in whole.modules["recogniser"].state_dict().items():
        assert torch.equal(again.modules["recogniser"].state_dict()[key], value), key


def test_settings_are_those_of_the_section() -> None:
    section = TrainingParams(
        batch=16, lr=0.5, schedule="cosine", weight_decay=0.25, dropout=0.1, norm=False, residual=True, crop_frames=64,
        label_smoothing=0.125, mixup=0.375, masks=True, speed=0.05, pitch=2.0, noise=0.75, bf16=False,
    )  # fmt: skip
    found = RecogniserSettings.of(section, seed=9)
    assert found == RecogniserSettings(
        16, 0.5, 0.25, "cosine", 0.125, 0.375, Augment(64, 0.05, 2.0, 0.75, masks=True), 9
    )
    spec = RecogniserMethod(network("judge"), clips(), found, 8).optimisers()["recogniser"]
    assert (spec.lr, spec.weight_decay, spec.schedule) == (0.5, 0.25, "cosine")
