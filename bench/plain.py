"""Training as a notebook does it: a Dataset with one file per clip, DataLoader, float32, one optimiser.

What the prototypes of this project did: open a clip's file when it is asked for, change it at random, compute its mel
or spectrogram by librosa, collate, train. The changes are those of the project, item by item: window, speed, pitch,
gain, noise, SpecAugment, mixup. The window is cut before all else, which the prototypes did last, at several times the
cost. `Bare` is the least that a loop over files can do: it reads what was computed before, cuts a window, and changes
nothing. Neither has worker processes, as by default: they spread what an item costs over cores and do not lower it,
so the ratio by processor time bounds what they could gain.

Axes: B clips, K frequency bins or mel bands, F frames, T samples.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from affekt.core.errors import UserError
from affekt.core.params import TrainingParams
from affekt.features.mel import FMAX_HZ, FMIN_HZ, HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE
from affekt.features.spectrogram import POWER
from affekt.models.registry import NetworkSpec
from affekt.training.augment import MASKED_BANDS, MASKED_FRAMES, MASKS
from affekt.training.augment_audio import GAIN_DB, PITCHED, SNR_DB
from affekt.training.recogniser import CLIP

Item = tuple[Tensor, int, int]  # features, valid length, label


def analyse(wave_T: np.ndarray, spec: NetworkSpec) -> np.ndarray:
    """What a network hears of a sound, by librosa: log-mel, root magnitudes, or the waveform itself."""
    import librosa

    if spec.input == "audio":
        return wave_T
    if spec.input == "mel":
        mel_KF = librosa.feature.melspectrogram(
            y=wave_T, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS, fmin=FMIN_HZ, fmax=FMAX_HZ,
            power=1.0, pad_mode="reflect",
        )  # fmt: skip
        return np.log(np.maximum(mel_KF, LOG_FLOOR))
    config = dict(spec.config)
    transformed_KF = librosa.stft(wave_T, n_fft=config["n_fft"], hop_length=config["hop_length"], pad_mode="reflect")
    return np.abs(transformed_KF) ** (1 / POWER)


class ClipFiles(Dataset[Item]):
    """One clip per item, from its own file."""

    def __init__(self, files: Sequence[Path], labels: Sequence[int], spec: NetworkSpec, training: TrainingParams):
        self.files, self.labels, self.spec, self.training = files, labels, spec, training
        self.mixup = training.mixup
        # As affekt's views: as many frames of each network's input, whole samples of a waveform.
        self.hop = {"mel": HOP_LENGTH, "audio": 1}.get(spec.input) or dict(spec.config)["hop_length"]
        self.length = training.crop_frames * (HOP_LENGTH if spec.input == "audio" else 1)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> Item:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        heard = self.hear(self.files[i], rng)
        valid = heard.shape[-1]
        padding = [(0, 0)] * (heard.ndim - 1) + [(0, self.length - valid)]
        silence = float(np.log(LOG_FLOOR)) if self.spec.input == "mel" else 0.0
        return torch.from_numpy(np.pad(heard, padding, constant_values=silence)), valid, self.labels[i]

    def hear(self, path: Path, rng: np.random.Generator) -> np.ndarray:
        """A changed window of the clip, as the network hears it."""
        import soundfile

        wave_T = self.change(soundfile.read(path, dtype="float32")[0], rng)
        heard = analyse(wave_T, self.spec)
        if self.training.masks and self.spec.input != "audio":  # networks of waveforms mask inside
            hide(heard, rng)
        return heard

    def change(self, wave_T: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Window, speed, pitch, gain and noise."""
        import librosa

        training, most = self.training, self.length if self.spec.input == "audio" else (self.length - 1) * self.hop
        speed = rng.uniform(1 - training.speed, 1 + training.speed)
        wave_T = cut(wave_T, round(most * speed), rng)
        wave_T = librosa.resample(wave_T, orig_sr=SAMPLE_RATE * speed, target_sr=SAMPLE_RATE)[:most]
        if training.pitch > 0 and rng.random() < PITCHED:
            semitones = rng.uniform(-training.pitch, training.pitch)
            wave_T = librosa.effects.pitch_shift(wave_T, sr=SAMPLE_RATE, n_steps=semitones)
        wave_T = wave_T * 10 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20)
        if rng.random() < training.noise:
            level = float(wave_T.std()) * 10 ** (-rng.uniform(*SNR_DB) / 20)
            wave_T = wave_T + level * rng.standard_normal(len(wave_T))
        return wave_T.astype(np.float32)


class Bare(ClipFiles):
    """One clip per item, from an npy of what the network hears; nothing is changed but the window."""

    def __init__(self, files: Sequence[Path], labels: Sequence[int], spec: NetworkSpec, training: TrainingParams):
        super().__init__(files, labels, spec, training)
        self.mixup = 0.0

    def hear(self, path: Path, rng: np.random.Generator) -> np.ndarray:
        return cut(np.load(path, allow_pickle=False), self.length, rng)


def cut(sound: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """A random window along the last axis; what is shorter stays as it is."""
    spare = sound.shape[-1] - length
    start = int(rng.integers(0, spare + 1)) if spare > 0 else 0
    return sound[..., start : start + length]


def hide(heard_KF: np.ndarray, rng: np.random.Generator) -> None:
    """Overwrite runs of bands and frames with the mean, as the project's `mask` does."""
    mean = heard_KF.mean()
    bands, frames = heard_KF.shape
    for _ in range(MASKS):
        for axis, size, widest in ((0, bands, MASKED_BANDS * bands), (1, frames, MASKED_FRAMES)):
            width = min(size, int(rng.uniform(0, widest)))
            start = int(rng.integers(0, size - width + 1))
            np.moveaxis(heard_KF, axis, 0)[start : start + width] = mean


def store(files: Sequence[Path], spec: NetworkSpec, folder: Path) -> list[Path]:
    """Write what a network hears of each whole clip into an npy of its own."""
    import soundfile

    folder.mkdir(parents=True)
    stored = []
    for i, path in enumerate(files):
        stored.append(folder / f"{i:05d}.npy")
        np.save(stored[-1], analyse(soundfile.read(path, dtype="float32")[0], spec), allow_pickle=False)
    return stored


class PlainLoop:
    """A network, its optimiser and an endless DataLoader."""

    def __init__(self, network: nn.Module, clips: ClipFiles, device: torch.device):
        training = clips.training
        if len(clips) < training.batch:
            raise UserError(f"{len(clips)} clips do not fill a batch of {training.batch}: speak more statements")
        self.network, self.device, self.mixup = network.to(device).train(), device, clips.mixup
        self.loader = DataLoader(clips, batch_size=training.batch, shuffle=True, drop_last=True)
        self.batches = self.endless()
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=training.lr, weight_decay=training.weight_decay)
        self.loss = nn.CrossEntropyLoss(label_smoothing=training.label_smoothing)

    def endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader

    def draw(self) -> list[Tensor]:
        """Load a batch."""
        return [part.to(self.device) for part in next(self.batches)]

    def step(self) -> float:
        """Load a batch and train on it; returns the loss."""
        x, lengths_B, label_B = self.draw()
        self.optimiser.zero_grad()
        if self.mixup > 0:
            share = float(np.random.default_rng(int(torch.randint(2**62, ()))).beta(self.mixup, self.mixup))
            partner_B = torch.randperm(len(x), device=self.device)
            logits_BE = self.network(share * x + (1 - share) * x[partner_B], lengths_B)
            loss = share * self.loss(logits_BE, label_B) + (1 - share) * self.loss(logits_BE, label_B[partner_B])
        else:
            loss = self.loss(self.network(x, lengths_B), label_B)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        return loss.item()
