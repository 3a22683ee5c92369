"""A network of the last run that dreams on one recording after the other.

Axes: B batch (of one), T samples at 22,050 Hz, N samples and C channels of the recording, K frequency bins, F frames.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.cli.networks import VOICES, open_model
from affekt.cli.project import find_model, find_root
from affekt.cli.tables import format_table
from affekt.core.errors import UserError
from affekt.core.files import atomic_path
from affekt.core.seeds import numpy_rng
from affekt.corpora.audio import decode, resample, to_int16, to_mono
from affekt.corpora.table import EMOTIONS, GENDERS, SAMPLE_RATE
from affekt.evaluate.dream import Response, respond
from affekt.optimise.dream import Ear, Wish, dream
from affekt.optimise.layers import find_layer
from affekt.optimise.pyramid import resize
from affekt.optimise.resynthesis import PhaseRule, Vocoder, mix, speak

SHORTEST_S = 0.25  # of sound; less holds no syllable
NOISE_RMS = 0.05  # of full scale, about as loud as speech
HEADS = ("network", "layer", "channels")
PICTURE_FRAMES = 2000  # at most in a picture; longer sounds are averaged


@dataclass(frozen=True)
class Dreamed:
    """One recording after its dream."""

    samples_NC: np.ndarray
    rate: int
    gain: float
    before: Response
    after: Response
    classes: tuple[str, ...]
    pictures: tuple[Tensor, Tensor]  # root magnitudes (K, F) before and after

    def describe(self) -> str:
        """One line: activation and belief, before and after, and the gain where it was needed."""
        before, after = float(self.before.activation[0]), float(self.after.activation[0])
        parts = [f"activation {before:.3f} -> {after:.3f}", self._beliefs()]
        if before == after == 0:
            parts.append("it never responds to this sound: choose another layer or channel")
        if self.gain != 1:
            parts.append(f"made softer by {-20 * np.log10(self.gain):.1f} dB, as it would clip")
        return ", ".join(parts)

    def _beliefs(self) -> str:
        """What the network names the sound, and how sure it is of that, before and after."""
        told = []
        for belief_E in (self.before.belief[0], self.after.belief[0]):
            best = int(belief_E.argmax())
            told.append(f"{self.classes[best]} {100 * float(belief_E[best]):.0f} %")
        return " -> ".join(told)


@dataclass(frozen=True)
class Dreamer:
    """A network with its wish and its way to sound."""

    ear: Ear
    wish: Wish
    phase: PhaseRule
    vocoder: Vocoder | None
    classes: tuple[str, ...]
    device: torch.device

    def dream_file(self, path: Path) -> Dreamed:
        """Dream on a recording; UserError when it cannot be read or is too short."""
        recording_NC, rate = decode(path)
        if len(recording_NC) < SHORTEST_S * rate:
            raise UserError(f"{path}: lasts {len(recording_NC) / rate:.2f} s, and {SHORTEST_S} s are needed")
        return self._dream(recording_NC, rate, path.name)

    def dream_noise(self, seconds: float) -> Dreamed:
        """Dream on white noise."""
        samples = round(seconds * SAMPLE_RATE)
        if seconds < SHORTEST_S:
            raise UserError(f"--noise {seconds:g}: {SHORTEST_S} s are needed")
        noise_N = NOISE_RMS * numpy_rng(self.wish.seed, "noise").standard_normal(samples, np.float32)
        return self._dream(noise_N[:, None], SAMPLE_RATE, "noise")

    def _dream(self, recording_NC: np.ndarray, rate: int, name: str) -> Dreamed:
        from tqdm import tqdm

        before_T = resample(to_mono(recording_NC), rate)
        wave_BT = torch.from_numpy(np.ascontiguousarray(before_T))[None].to(self.device)
        before = respond(self.ear, self.wish, wave_BT)
        root_BKF, phase_BKF = self.ear.analyse(wave_BT)
        start_KF = shrink(root_BKF)
        progress = partial(tqdm, desc=name, disable=None, leave=False)
        dreamed = dream(self.ear, root_BKF, phase_BKF, self.wish, progress)
        del root_BKF
        after_BT = speak(
            dreamed.root, phase_BKF, wave_BT.shape[-1], self.ear.resolution, self.phase, self.vocoder
        ).detach()
        end_KF = shrink(dreamed.root)
        del dreamed, phase_BKF
        samples_NC, gain = mix(recording_NC, rate, before_T, after_BT[0].cpu().numpy())
        after = respond(self.ear, self.wish, after_BT)
        return Dreamed(samples_NC, rate, gain, before, after, self.classes, (start_KF, end_KF))


def open_dreamer(name: str, wish: Wish, phase: PhaseRule, device: torch.device) -> Dreamer:
    """Open a trained network and check that it has what is wished for."""
    ear, classes = open_ear(name, device)
    find_layer(ear.layers(), wish.layer, wish.channel)
    vocoder: Any = open_model(find_model("vocoder"), device) if phase == "vocoder" else None
    return Dreamer(ear, wish, phase, vocoder, classes, device)


def open_ear(name: str, device: torch.device) -> tuple[Ear, tuple[str, ...]]:
    """A recogniser of models/<name> and the names of its classes."""
    from affekt.models.judge import RecurrentRecogniser
    from affekt.models.registry import NETWORKS

    network = open_model(find_model(name), device)
    if isinstance(network, RecurrentRecogniser):
        raise UserError(f"models/{name} holds the judge, which nothing is optimised against: choose another network")
    inputs = {spec.network: spec.input for spec in NETWORKS.values()}
    if type(network) not in inputs:
        raise UserError(f"models/{name} is no recogniser: `affekt dream --list-layers` lists those")
    ear = Ear.of(network, inputs[type(network)], device)
    return ear, name_classes(ear)


def name_classes(ear: Ear) -> tuple[str, ...]:
    """The names of a recogniser's classes, told by the number of its logits, which come last."""
    count = ear.layers()[-1].channels
    voices = tuple(VOICES[gender] for gender in GENDERS)
    both = tuple(f"{emotion}, {voice}" for emotion in EMOTIONS for voice in voices)
    known = {len(names): names for names in (voices, EMOTIONS, both)}
    return known.get(count, tuple(f"class {i}" for i in range(count)))


def list_networks(name: str | None, device: torch.device) -> tuple[str, list[str]]:
    """A table of the layers of one network, or of all recognisers that are trained; and what could not be opened."""
    from affekt.models.registry import NETWORKS

    if name is not None:
        return format_table(HEADS, list_rows(name, device)), []
    climbed = sorted(folder.name for folder in (find_root() / "models").glob("recogniser_*"))
    trained = [n for n in (*NETWORKS, *climbed) if (find_root() / "models" / n).is_dir()]
    if not trained:
        raise UserError(f"no network is trained in {find_root() / 'models'}: run `make repro` first")
    rows, faults = [], []
    for network in trained:
        try:
            rows += list_rows(network, device)
        except UserError as error:
            faults.append(str(error))
    return format_table(HEADS, rows), faults


def list_rows(name: str, device: torch.device) -> list[list[str]]:
    """A row per layer of a trained network."""
    return [[name, layer.name, str(layer.channels)] for layer in open_ear(name, device)[0].layers()]


def write_sound(path: Path, dreamed: Dreamed) -> None:
    """Write the sound as 16-bit WAV at the recording's rate, whole or not at all."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        soundfile.write(temporary, to_int16(dreamed.samples_NC), dreamed.rate, subtype="PCM_16", format="WAV")


def write_picture(path: Path, dreamed: Dreamed) -> None:
    """Write the spectrograms before (above) and after on one scale, high frequencies on top."""
    from PIL import Image

    from affekt.report.figures import palette

    stacked_KF = torch.cat([picture.flip(0) for picture in dreamed.pictures]).cpu()
    share_KF = (stacked_KF - stacked_KF.min()) / (stacked_KF.max() - stacked_KF.min()).clamp(min=1e-9)
    image = Image.fromarray((share_KF * 255).round().to(torch.uint8).numpy())
    image.putpalette(palette("magma").tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def shrink(root_BKF: Tensor) -> Tensor:
    """The first sound's spectrogram (K, F), averaged to a width that a picture can have."""
    return resize(root_BKF[:1], (root_BKF.shape[1], min(root_BKF.shape[2], PICTURE_FRAMES)))[0]
