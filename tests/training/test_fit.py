"""From a job to a trained network: every network of the registry, by the same way, with what its name asks for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_corpus import load_corpus

from affekt.core.errors import UserError
from affekt.core.params import GenderParams, NetworkParams, TrainingParams
from affekt.features.clips import Clips, Spectrograms, Waves
from affekt.features.packed import Packed
from affekt.models.io import load_model, save_model
from affekt.models.registry import CLASSES, NETWORKS
from affekt.training.fit import VALIDATION_SHARE, Fitted, Job, build, can_hold_out, fit, hear, hold_out, job_of, sized

CPU = torch.device("cpu")
TRAINING = TrainingParams(
    batch=4, lr=0.003, schedule="one_cycle", weight_decay=0.0, dropout=0.1, norm=True, residual=True, crop_frames=32,
    label_smoothing=0.0, mixup=0.2, masks=True, speed=0.1, pitch=1.0, noise=0.3, bf16=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_corpus(tmp_path_factory.mktemp("corpus"), speakers=4, emotions=3)


def job(name: str, **changes: object) -> Job:
    spec = NETWORKS[name]
    config = {"channels": 4} if spec.input == "spectrogram" else {"channels": 4, "layers": 1}
    training = TRAINING.model_copy(update=changes)
    return Job(spec, config, training, epochs=2, rows=np.arange(12), seed=5)


def trained(some: Job, packed: Packed, work: Path) -> Fitted:
    torch.set_num_threads(1)
    return fit(some, packed, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_and_its_config_rebuilds_it(name: str, packed: Packed, tmp_path: Path) -> None:
    untrained = build(job(name)).network.state_dict()
    fitted = trained(job(name), packed, tmp_path)
    assert fitted.history["step"][-1] == 2 * 3 - 1  # epochs of three batches of four
    assert np.isfinite(fitted.history["recognise/loss"]).all()
    moved = [key for key, value in fitted.network.named_parameters() if not torch.equal(value, untrained[key])]
    still = {key for key, _ in fitted.network.named_parameters()} - set(moved)
    # What a softmax takes out again has no slope.
    assert all(key.startswith("pool") and key.endswith("bias") for key in still), still
    save_model(tmp_path / "model", fitted.network, fitted.config, fitted.history)
    again = load_model(tmp_path / "model", NETWORKS[name].network, CPU)
    assert again.head[-1].out_features == CLASSES[NETWORKS[name].labels]  # type: ignore[index,union-attr]


def test_sections_count_epochs_or_steps(packed: Packed, tmp_path: Path) -> None:
    rows = np.arange(12)
    size = NetworkParams(channels=4, layers=1, epochs=3, noise=0.0)
    emotion = job_of(NETWORKS["mel_cnn"], size, TRAINING, rows, 5)
    assert (emotion.epochs, emotion.steps, emotion.training.noise, emotion.seed) == (3, None, 0.0, 5)
    gender = GenderParams(channels=4, steps=7, crop_frames=32, lr=0.01, speed=0.0, folds=1)
    by_steps = job_of(NETWORKS["gender_fast"], gender, TRAINING, rows, 5)
    assert by_steps.training.lr == 0.01
    assert trained(by_steps, packed, tmp_path).history["step"][-1] == 7 - 1  # two epochs and a batch


def test_a_seed_decides_the_training_to_the_bit(packed: Packed, tmp_path: Path) -> None:
    def weights(name: str, **changes: object) -> dict[str, torch.Tensor]:
        torch.manual_seed(len(name))  # has no say
        return trained(job("mel_cnn", **changes), packed, tmp_path / name).network.state_dict()

    first, again, other = weights("first"), weights("again"), weights("other one", mixup=0.0)
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert not all(torch.equal(value, other[key]) for key, value in first.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_section_training_reaches_the_network(name: str) -> None:
    config = build(job(name, norm=False, residual=False, masks=False, dropout=0.4)).config
    expected = {"dropout": 0.4, "norm": False, "residual": False} | ({"masks": False} if "audio" in name else {})
    expected |= job(name).config | dict(NETWORKS[name].config) | {"classes": CLASSES[NETWORKS[name].labels]}
    assert config == expected


def differences(training: TrainingParams) -> dict[str, object]:
    return {key: value for key, value in training.model_dump().items() if value != getattr(TRAINING, key)}


@pytest.mark.parametrize(
    ("name", "noise", "changed"),
    [
        ("mel_lstm", None, {}),
        ("mel_lstm", 0.0, {"noise": 0.0}),
        ("audio_lstm", 0.75, {"noise": 0.75}),
        ("mfcc_cnn", None, {"pitch": 0.0}),  # it names the gender too, which a shift of the pitch would change
    ],
)
def test_a_network_has_the_training_of_all_but_for_its_own_noise(
    name: str, noise: float | None, changed: dict[str, object]
) -> None:
    size = NetworkParams(channels=6, layers=3, epochs=4, noise=noise)
    config, training = sized(NETWORKS[name], size, TRAINING)
    assert config == {"channels": 6, "layers": 3}
    assert differences(training) == changed


@pytest.mark.parametrize(("name", "frames"), [("gender_fast", 96), ("gender_slow", 48)])
def test_views_of_gender_networks_last_alike_and_keep_the_gender(name: str, frames: int) -> None:
    size = GenderParams(channels=5, steps=9, crop_frames=48, lr=0.5, speed=0.02, folds=1)
    config, training = sized(NETWORKS[name], size, TRAINING)
    assert config == {"channels": 5}
    assert differences(training) == {"crop_frames": frames, "speed": 0.02, "pitch": 0.0, "lr": 0.5}


def test_what_a_network_hears_is_what_its_name_says(packed: Packed) -> None:
    rows = np.array([4, 1])
    mel, both = (hear(packed, rows, NETWORKS[name], CPU) for name in ("mel_lstm", "mfcc_cnn"))
    assert isinstance(mel, Clips)
    assert isinstance(both, Clips)
    assert (mel.label_B.tolist(), both.label_B.tolist()) == ([1, 1], [3, 2])
    assert isinstance(hear(packed, rows, NETWORKS["audio_lstm"], CPU), Waves)
    for name, n_fft in (("gender_fast", 512), ("gender_slow", 2048)):
        heard = hear(packed, rows, NETWORKS[name], CPU)
        assert isinstance(heard, Spectrograms)
        assert heard.resolution.n_fft == n_fft
        assert heard.label_B.tolist() == [1, 0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_held_out_speakers_are_apart_and_some(seed: int, tmp_path: Path) -> None:
    packed = load_corpus(tmp_path, speakers=14, emotions=2)
    rows = np.arange(4, 28)  # twelve speakers
    train, held_out = hold_out(packed, rows, seed)
    assert sorted([*train, *held_out]) == rows.tolist()
    speakers = packed.clips["speaker"].to_numpy()
    apart = set(speakers[train]), set(speakers[held_out])
    assert not apart[0] & apart[1]
    assert len(apart[1]) == round(VALIDATION_SHARE * 12) == 2
    again = hold_out(packed, rows, seed)
    assert all((a == b).all() for a, b in zip(again, (train, held_out), strict=True))
    if seed:
        assert set(speakers[hold_out(packed, rows, 0)[1]]) != apart[1]


def test_too_few_speakers_to_hold_some_out_are_refused_by_the_key_to_change(packed: Packed, tmp_path: Path) -> None:
    assert [can_hold_out(speakers) for speakers in range(1, 6)] == [False, False, False, True, True]
    some = Job(**{**vars(job("mel_cnn", schedule="plateau")), "rows": np.arange(9)})
    with pytest.raises(UserError, match=r"training\.schedule: `plateau` holds .* of 3 fewer than 3 would be left"):
        trained(some, packed, tmp_path)


def test_the_plateau_trains_on_fewer_speakers_and_watches_the_others(packed: Packed, tmp_path: Path) -> None:
    fitted = trained(job("mel_cnn", schedule="plateau"), packed, tmp_path)
    assert fitted.history["step"][-1] == 2 * 2 - 1  # nine clips are left, two batches of four


def test_an_interrupted_training_goes_on_from_its_checkpoint(packed: Packed, tmp_path: Path) -> None:
    long = Job(**{**vars(job("audio_lstm")), "epochs": 40})

    def interrupted(steps: range, *_: object, **__: object) -> "list[int]":
        return list(steps)[:110]  # a checkpoint comes after 100

    torch.set_num_threads(1)
    fit(long, packed, tmp_path / "work", CPU, lambda s, step: None, interrupted)  # type: ignore[arg-type]
    seen: list[int] = []

    def noted(steps: range, *_: object, **__: object) -> "list[int]":
        seen.extend(steps)
        return list(steps)

    again = fit(long, packed, tmp_path / "work", CPU, lambda s, step: None, noted)  # type: ignore[arg-type]
    assert seen == list(range(100, 120))
    whole = trained(long, packed, tmp_path / "whole").network.state_dict()
    assert all(torch.equal(value, whole[key]) for key, value in again.network.state_dict().items())


def test_no_rows_are_refused(packed: Packed, tmp_path: Path) -> None:
    empty = Job(**{**vars(job("mel_cnn")), "rows": np.array([], dtype=int)})
    with pytest.raises(UserError, match="has no clips: check the splits"):
        trained(empty, packed, tmp_path)
