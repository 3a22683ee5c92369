"""Deep dream of a sound: its spectrogram climbs to what a layer of a network responds to, octave by octave.

After seed 3. The variable is the root magnitude (features/spectrogram.py) at the network's resolution; the phase is
kept aside. An octave is one run of the optimiser. Time is heard in tiles: memory does not grow with the network's maps.

The network hears the sound that magnitudes and phase make together, not the magnitudes: neighbouring bins and frames of
a sound depend on each other, and half of what a dream of bare magnitudes gains is lost in the sound. Only the smaller
octaves of a network of spectrograms are bare: no sound has fewer bins.

Axes: B batch (sounds of one length), T samples, K frequency bins, F frames, M mel bands.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from affekt.core.seeds import derive
from affekt.features.mel import HOP_LENGTH, N_FFT, log_mel
from affekt.features.spectrogram import Resolution, invert, phase_of, root, spectrum, squeeze_phase
from affekt.optimise.engine import Problem, Settings, optimise
from affekt.optimise.layers import Layer, activation, find_layer, list_layers
from affekt.optimise.networks import prepare
from affekt.optimise.pyramid import Size, join, octave_sizes, split
from affekt.optimise.rules import NormalisedDescent
from affekt.optimise.tiles import Tile, mean_over_tiles

Progress = Callable[[Iterable[int]], Iterable[int]]
Hears = Literal["spectrogram", "mel", "audio"]

MEL = Resolution(N_FFT, HOP_LENGTH)
# Of a magnitude's step, in means. Near a zero of the spectrum roots are steep: unlimited, some bins jump over the whole
# range, and a climb to the logit of a class fell instead of rising.
LIMIT = 10.0
PROBE_SAMPLES = 64 * HOP_LENGTH  # heard to find a network's layers


@dataclass(frozen=True)
class Wish:
    """What is dreamed, and how."""

    layer: str
    octaves: int  # at most; the coarsest is never smaller than a network can hear
    iterations: int  # per octave
    step: float  # mean change of a root magnitude in an octave's first iteration, less in later ones; speech is about 1
    seed: int
    channel: int | None = None  # None: the whole layer
    ratio: float = 1.4  # of two octaves' sizes, as in seed 3
    tile_frames: int = 256
    jitter_frames: int = 64  # by which tiles are moved at most, both ways, at random in each iteration
    jitter_bins: int = 0  # the same along frequency, only where a network hears the spectrogram; it knows high from low


@dataclass(frozen=True)
class Dream:
    """What came of it."""

    root: Tensor  # (B, K, F), never negative and never louder than the loudest at the start
    history: list[Tensor]  # of each octave, coarsest first: activation under jitter (iterations + 1, B)


@dataclass(frozen=True)
class Shifted:
    """A spectrogram, and by how much a random view moves it."""

    root: Tensor  # (B, K, F)
    bins: int
    frames: int


@dataclass(frozen=True)
class Ear:
    """A frozen network, and how a sound becomes what it hears."""

    network: nn.Module
    hears: Hears
    resolution: Resolution

    @classmethod
    def of(cls, network: nn.Module, hears: Hears, device: torch.device) -> "Ear":
        """The ear of a network of the registry; networks of spectrograms tell their resolution."""
        resolution = MEL
        if hears == "spectrogram":
            resolution = Resolution(int(network.n_fft), int(network.hop_length))  # type: ignore[arg-type]
        return cls(prepare(network, device, bf16=False), hears, resolution)

    def analyse(self, wave_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Root magnitudes and phases (B, K, F) of waveforms."""
        spectrum_BKF = spectrum(wave_BT, self.resolution)
        return root(spectrum_BKF), phase_of(spectrum_BKF)

    def hear(self, wave_BT: Tensor) -> Tensor:
        """Waveforms as the network's input."""
        if self.hears == "mel":
            return log_mel(wave_BT)
        return root(spectrum(wave_BT, self.resolution)) if self.hears == "spectrogram" else wave_BT

    def hear_tile(self, root_BKF: Tensor, phase_BKF: Tensor | None) -> Tensor:
        """A tile as the network's input: of its sound, or bare where there is no phase."""
        if phase_BKF is None:
            return root_BKF
        samples = (root_BKF.shape[-1] - 1) * self.resolution.hop_length
        return self.hear(invert(root_BKF, phase_BKF, samples, self.resolution))

    def layers(self) -> list[Layer]:
        """The layers that can be dreamed."""
        device = next(self.network.parameters()).device
        return list_layers(self.network, self.hear(torch.zeros(2, PROBE_SAMPLES, device=device)))


def dream(ear: Ear, root_BKF: Tensor, phase_BKF: Tensor, wish: Wish, progress: Progress = iter) -> Dream:
    """Dream all sounds of a batch; each comes out as it would alone. UserError for a layer that is not there."""
    layer = find_layer(ear.layers(), wish.layer, wish.channel)
    loudest_B11 = root_BKF.amax(dim=(1, 2), keepdim=True)
    whole = (root_BKF.shape[1], root_BKF.shape[2])
    sizes = octave_sizes(whole, wish.octaves, wish.ratio, both_axes=ear.hears == "spectrogram")
    details, current_BKF = split(root_BKF, sizes)
    history = []

    def valid(root_BKF: Tensor) -> Tensor:
        """Not negative, and no partial louder than the recording's loudest."""
        return torch.minimum(root_BKF.clamp_(min=0), loudest_B11)

    for octave in reversed(range(len(sizes))):
        problem = _problem(ear, layer, _phase_of(ear, phase_BKF, sizes, octave), valid, wish)
        current_BKF, activation_TB = _climb(problem, current_BKF, wish, octave, progress)
        history.append(activation_TB)
        if octave:
            current_BKF = valid(join(current_BKF, details.pop()))
    return Dream(current_BKF, history)


def _phase_of(ear: Ear, phase_BKF: Tensor, sizes: list[Size], octave: int) -> Tensor | None:
    """The phase of an octave; none where the spectrogram has fewer bins than a sound's."""
    if octave == 0:
        return phase_BKF
    return None if ear.hears == "spectrogram" else squeeze_phase(phase_BKF, sizes[octave][1])


def _problem(
    ear: Ear, layer: Layer, phase_BKF: Tensor | None, valid: Callable[[Tensor], Tensor], wish: Wish
) -> Problem:
    """Wanted: a spectrogram on which the layer responds most.

    It holds a phase and a bound per sound: all sounds must go in one chunk, in their order.
    """

    def score(seen: Shifted) -> Tensor:
        def of_tile(tile_BKF: Tensor, tile: Tile) -> Tensor:
            heard = ear.hear_tile(tile_BKF, None if phase_BKF is None else tile.cut(phase_BKF))
            return activation(ear.network, layer, wish.channel, heard.roll(seen.bins, 1) if seen.bins else heard)

        return mean_over_tiles(of_tile, seen.root, wish.tile_frames, seen.frames)

    most_bins = wish.jitter_bins if ear.hears == "spectrogram" else 0
    return Problem(
        path=lambda root_BKF: root_BKF,
        score=score,
        # A mean's gradient shrinks with the length of the sound; a sum's stays above the step rule's epsilon.
        objective=lambda activation_B, elements_B: -activation_B * elements_B,
        measure=lambda activation_B, elements_B: activation_B,
        view=lambda root_BKF, rng: Shifted(root_BKF, draw(most_bins, rng), draw(wish.jitter_frames, rng)),
        project=valid,
    )


def draw(most: int, rng: torch.Generator) -> int:
    """A whole number from -most to most, all alike."""
    return int(torch.randint(-most, most + 1, (), generator=rng))


def _climb(problem: Problem, start_BKF: Tensor, wish: Wish, octave: int, progress: Progress) -> tuple[Tensor, Tensor]:
    settings = Settings(
        steps=wish.iterations,
        lr=wish.step,
        seed=derive(wish.seed, "octave", octave),
        rule=NormalisedDescent(limit=LIMIT),
        snapshots=0,
        chunk=len(start_BKF),
    )
    elements_B = torch.full((len(start_BKF),), float(start_BKF[0].numel()), device=start_BKF.device)
    trajectory = optimise(problem, start_BKF, elements_B, settings, progress=progress)
    return trajectory.end.to(start_BKF.device), trajectory.history["score"]
