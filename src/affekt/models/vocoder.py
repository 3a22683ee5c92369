"""A vocoder with an inverse STFT for its head: log mel to waveform, differentiable, in one pass.

After Siuzdak, "Vocos" (2023, arXiv 2306.00814): no upsampling, the network works at the mel's frame rate. It
differs where a few minutes of training without a discriminator ask for it: magnitude is a learned correction of an
inverted mel, phase a learned rotation of the one that the magnitude's partials have (features/phase.py), made
consistent by a few Griffin-Lim iterations.

Axes: B batch, C channels, M mel bands, K frequency bins, F frames, T samples.
"""

import torch
from torch import Tensor, nn

from affekt.features.griffin_lim import invert_mel
from affekt.features.mel import HOP_LENGTH, N_FFT, N_MELS, WIN_LENGTH, normalise
from affekt.features.phase import accumulate_phase, inverse, refine_phase
from affekt.features.stft import bins_of, window_of

KERNEL = 7  # frames of a block's convolution, as in Vocos
EXPANSION = 3  # of a block's channels, as in Vocos
REFINE = 8  # fast Griffin-Lim iterations that make the phase consistent
LAYER_SCALE = 0.25  # of a block's branch at the start
PRIOR_FLOOR = 1e-4  # magnitude; half of what rounding to 16 bits leaves in a bin
PRIOR_STEPS = 4  # of the iteration that inverts the mel; the network corrects what is left
ROTATION_EPS = 1e-3  # keeps the gradient of a rotation near 0 finite
LOUDEST_CORRECTION = 12.0  # nepers: from the floor to the loudest bin a full-scale tone can make


class ConvNextBlock(nn.Module):
    """Depthwise convolution, layer norm, two pointwise layers, layer scale; residual. (B, C, F) to the same.

    Source: Liu et al., A ConvNet for the 2020s (CVPR 2022), section 2.6, in one dimension.
    """

    def __init__(self, channels: int, kernel: int, expansion: int):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, channels * expansion)
        self.narrow = nn.Linear(channels * expansion, channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(self, hidden_BCF: Tensor) -> Tensor:
        branch_BFC = self.norm(self.depthwise(hidden_BCF).transpose(1, 2))
        branch_BFC = self.scale * self.narrow(nn.functional.gelu(self.widen(branch_BFC)))
        return hidden_BCF + branch_BFC.transpose(1, 2)


class IstftVocoder(nn.Module):
    """Raw log mel (B, M, F) to waveform (B, (F - 1) * HOP_LENGTH) in about -1..1, at least 4 frames.

    Gradients reach the mel through the magnitude; the phase is a constant to them.
    """

    def __init__(
        self, channels: int, blocks: int, kernel: int = KERNEL, expansion: int = EXPANSION, refine: int = REFINE
    ):
        super().__init__()
        self.refine = refine
        self.embed = nn.Conv1d(N_MELS, channels, kernel, padding=kernel // 2)
        self.blocks = nn.Sequential(*(ConvNextBlock(channels, kernel, expansion) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, 3 * bins_of(N_FFT))  # log correction of magnitude, rotation of phase
        nn.init.zeros_(self.head.weight)  # training starts from the inverted mel and the partials' own phase
        nn.init.zeros_(self.head.bias)

    def forward(self, mel_BMF: Tensor) -> Tensor:
        magnitude_BKF, rotation_BKF = self.predict(mel_BMF)
        return self.speak(magnitude_BKF, self.draft_phase(magnitude_BKF, rotation_BKF), self.refine)

    def predict(self, mel_BMF: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the STFT's magnitude and a rotation of its drafted phase (complex, modulus one), each (B, K, F)."""
        hidden_BCF = self.blocks(self.embed(normalise(mel_BMF)))
        head_BKF = self.head(self.norm(hidden_BCF.transpose(1, 2))).transpose(1, 2).float()
        correction_BKF, cosine_BKF, sine_BKF = head_BKF.chunk(3, dim=1)
        prior_BKF = invert_mel(mel_BMF.float(), PRIOR_STEPS).clamp(min=PRIOR_FLOOR)
        correction_BKF = correction_BKF.clamp(-LOUDEST_CORRECTION, LOUDEST_CORRECTION)
        rotation_BKF = torch.complex(1 + cosine_BKF, sine_BKF)
        return prior_BKF * correction_BKF.exp(), rotation_BKF / (rotation_BKF.abs() + ROTATION_EPS)

    def draft_phase(self, magnitude_BKF: Tensor, rotation_BKF: Tensor) -> Tensor:
        """The phase of the magnitude's partials, rotated; complex of modulus one, (B, K, F)."""
        return accumulate_phase(magnitude_BKF.detach(), HOP_LENGTH) * rotation_BKF

    def speak(self, magnitude_BKF: Tensor, phase_BKF: Tensor, refine: int) -> Tensor:
        """The waveform (B, T) of a magnitude and a drafted phase, which is refined first and then constant."""
        window = window_of(WIN_LENGTH, magnitude_BKF.device)
        samples = (magnitude_BKF.shape[-1] - 1) * HOP_LENGTH
        phase_BKF = refine_phase(magnitude_BKF.detach(), phase_BKF.detach(), window, HOP_LENGTH, refine)
        return inverse(magnitude_BKF * phase_BKF, window, HOP_LENGTH, samples)
