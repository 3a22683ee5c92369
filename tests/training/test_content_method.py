"""Training the content network: views keep the labels of what they read, it learns unseen speakers, and resumes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_speech import load_speech, rows_of

from affekt.core.params import ContentParams, TrainingParams
from affekt.features.alignment import OUTSIDE, Aligned, classes_of
from affekt.features.packed import Packed
from affekt.models.content import ContentNetwork
from affekt.training.augment import Augment, draw_times
from affekt.training.content import QUIET, SILENCE, ContentMethod, FittedContent, fit_content
from affekt.training.recogniser import RecogniserSettings

CPU = torch.device("cpu")
SEGMENTS = 4
TRAINING = TrainingParams(
    batch=8, lr=0.01, schedule="one_cycle", weight_decay=0.0, dropout=0.0, norm=True, residual=True, crop_frames=64,
    label_smoothing=0.1, mixup=0.2, masks=True, speed=0.15, pitch=1.0, noise=0.3, bf16=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_speech(tmp_path_factory.mktemp("speech"), statements=2, emotions=3)


def counted(speed: float = 0.15) -> ContentMethod:
    """Clips whose frame f holds f in all bands, and whose place is f / length: a view tells what its labels must be."""
    frames_B = torch.tensor([50, 80, 100, 100])
    count_F = torch.arange(100.0)
    mel_BFM = torch.where(count_F < frames_B[:, None], count_F, QUIET)[..., None].expand(-1, -1, 80).clone()
    place_BF = (count_F / frames_B[:, None]).clamp(max=0.999)
    clips = Aligned(mel_BFM, frames_B, torch.tensor([0, 1, 2, 0]), place_BF)
    settings = RecogniserSettings(4, 0.01, 0.0, "constant", 0.0, 0.0, Augment(64, speed), seed=1)
    return ContentMethod(ContentNetwork(3, SEGMENTS, 4), clips, settings)


@pytest.mark.parametrize("speed", [0.0, 0.3])
def test_what_stretches_a_view_stretches_its_labels(speed: float) -> None:
    method, labelled, outside = counted(speed), 0, 0
    for step in range(30):
        batch = method.batch(step, torch.Generator().manual_seed(step))
        # A tilt has no level, so the mean over the bands is the number of the frame that was read.
        number_BF = batch["x"].mean(1)[:, ::4]
        order = method._choose(step)
        frames_B1, statement_B1 = method.clips.frames_B[order, None], method.clips.statement_B[order, None]
        found_BF = batch["class"]
        assert found_BF.shape == (4, 16)
        inside_BF = found_BF != OUTSIDE
        # At a clip's ends a frame is read together with the silence beside it.
        amid_BF = torch.zeros_like(inside_BF)
        amid_BF[:, 1:-1] = inside_BF[:, :-2] & inside_BF[:, 1:-1] & inside_BF[:, 2:]
        assert amid_BF.any()
        low_BF, high_BF = (((number_BF + d) * SEGMENTS / frames_B1).floor() for d in (-0.51, 0.51))
        part_BF = found_BF - SEGMENTS * statement_B1
        assert ((part_BF >= low_BF) & (part_BF <= high_BF.clamp(max=SEGMENTS - 1)))[amid_BF].all()
        labelled, outside = labelled + int(inside_BF.sum()), outside + int((~inside_BF).sum())
    assert labelled > outside > 0


def test_half_of_the_views_have_silence_around_the_clip() -> None:
    method, before = counted(0.0), []
    for step in range(60):
        batch = method.batch(step, torch.Generator().manual_seed(step))
        quiet_BF = batch["x"].mean(1) < QUIET + 0.1
        first_B = quiet_BF.long().cumprod(1).sum(1)
        before += first_B.tolist()
        valid_BF = torch.arange(64) < batch["lengths"][:, None]
        assert (batch["class"][(quiet_BF & valid_BF)[:, ::4]] == OUTSIDE).all()
    assert 0.1 < np.mean(np.array(before) > 0) < 0.6
    assert max(before) <= SILENCE + 1


def test_times_of_a_view_are_those_that_random_views_read() -> None:
    frames_B = torch.tensor([90, 90, 20])
    time_BF, valid_B = draw_times(frames_B, Augment(40, speed=0.2), torch.Generator().manual_seed(3))
    steps = time_BF.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=0, atol=1e-4)
    assert (steps[:, 0] - 1).abs().max() <= 0.2 + 1e-4
    assert valid_B[2] < 40
    for row, valid in enumerate(valid_B.tolist()):
        assert time_BF[row, valid - 1] <= frames_B[row] - 1 + 1e-4


def test_loss_is_of_labelled_frames_alone(packed: Packed) -> None:
    """Other values where no clip is give the same loss and gradient."""
    method = counted()
    batch = method.batch(0, torch.Generator().manual_seed(0))
    seen = []

    class State:
        def autocast(self):  # type: ignore[no-untyped-def]
            return torch.autocast("cpu", enabled=False)

        def update(self, name: str, loss: torch.Tensor) -> None:
            seen.append(float(loss.detach()))

    method.network.eval()
    valid_BF = torch.arange(64) < batch["lengths"][:, None]
    assert not valid_BF.all()
    for filling in (0.0, 9.0):
        x_BMF = torch.where(valid_BF[:, None], batch["x"], filling)
        method.step(State(), batch | {"x": x_BMF})  # type: ignore[arg-type]
    assert seen[0] == pytest.approx(seen[1], rel=1e-5)


def fit(packed: Packed, work: Path, steps: int) -> FittedContent:
    torch.set_num_threads(1)
    content = ContentParams(channels=4, segments=SEGMENTS, steps=steps)
    rows = rows_of(packed, "a")
    return fit_content(
        packed, rows, content, TRAINING, 5, work, CPU, lambda s, step: None, lambda steps, *_, **__: iter(steps)
    )


def test_it_learns_what_unseen_speakers_say(packed: Packed, tmp_path: Path) -> None:
    fitted = fit(packed, tmp_path, 80)
    assert set(fitted.history) == {"step", "content/loss", "content/train_accuracy"}
    assert list(fitted.references) == ["s0", "s1"]
    assert ContentNetwork(**fitted.config).classes == 2 * SEGMENTS
    unseen = Aligned.of(packed, rows_of(packed, "b"), fitted.references, CPU)
    x_BMF, frames_B = unseen.whole(torch.arange(len(unseen.frames_B)))
    network = fitted.network.eval()
    with torch.no_grad():
        assert torch.equal(network.statement_logits(x_BMF, frames_B).argmax(1), unseen.statement_B)
        found_BF = network(x_BMF, frames_B).argmax(1)
    inside_BF = torch.arange(unseen.place_BF.shape[1]) < frames_B[:, None]
    truth_BF = classes_of(unseen.statement_B, unseen.place_BF, inside_BF, SEGMENTS)[:, ::4]
    right = (found_BF == truth_BF)[truth_BF != OUTSIDE].float().mean()
    assert right > 0.75


def test_it_resumes_to_the_bit(packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from affekt.training import loop

    whole = fit(packed, tmp_path / "whole", 5)
    real = loop.TrainSettings
    monkeypatch.setattr("affekt.training.content.TrainSettings", lambda **how: real(**how, checkpoint_every=2))
    original = ContentMethod.batch

    def stop(self: ContentMethod, step: int, rng: torch.Generator) -> dict[str, torch.Tensor]:
        if step == 3:
            raise KeyboardInterrupt
        return original(self, step, rng)

    with monkeypatch.context() as patch:
        patch.setattr(ContentMethod, "batch", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(packed, tmp_path / "work", 5)
    assert (tmp_path / "work" / "checkpoint.safetensors").is_file()
    again = fit(packed, tmp_path / "work", 5)
    for key, value in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[key], value), key
