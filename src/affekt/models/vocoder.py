"""A vocoder with an inverse STFT for its head: log mel to waveform, differentiable, in one pass.

After Siuzdak, "Vocos" (2023, arXiv 2306.00814): no upsampling, the network works at the mel's frame rate. It
differs where a few minutes of training ask for it: magnitude is a learned correction of an inverted mel, phase a
learned rotation of the one that the magnitude's partials have (features/phase.py), made consistent by a few
Griffin-Lim iterations; at the end the sound's own mel is matched with the given one.

Axes: B batch, C channels, M mel bands, K frequency bins, F frames, T samples.
"""

import torch
from torch import Tensor, nn

from affekt.features.griffin_lim import invert_mel, match_mel
from affekt.features.mel import HOP_LENGTH, N_FFT, N_MELS, WIN_LENGTH, normalise
from affekt.features.phase import accumulate_phase, inverse, inverse_modulus, refine_phase, scaled
from affekt.features.stft import bins_of, spectrum, window_of

KERNEL = 7  # frames of a block's convolution, as in Vocos
EXPANSION = 3  # of a block's channels, as in Vocos
REFINE = 0  # fast Griffin-Lim iterations that make the phase consistent
MATCH = 6  # times that the sound's mel is matched with the given one
MOMENTUM = 0.75  # of those matchings: what the last one changed is added again, as in fast Griffin-Lim
GRADED = 2  # of the last matchings that gradients pass through
MOST_FOLLOWED = 4.0  # times that a bin may be larger in the end than it was predicted, to its gradient
LAYER_SCALE = 0.25  # of a block's branch at the start
PRIOR_FLOOR = 1e-4  # magnitude; half of what rounding to 16 bits leaves in a bin
PRIOR_STEPS = 2  # of the iteration that inverts the mel; the network corrects what is left
ROTATION_EPS = 1e-6  # of power; keeps the gradient of a rotation near 0 finite
LOUDEST_CORRECTION = 12.0  # nepers: from the floor to the loudest bin a full-scale tone can make


class ConvNextBlock(nn.Module):
    """Depthwise convolution, layer norm, two pointwise layers, layer scale; residual. (B, F, C) to the same.

    Source: Liu et al., A ConvNet for the 2020s (CVPR 2022), section 2.6, in one dimension.
    """

    def __init__(self, channels: int, kernel: int, expansion: int):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, channels * expansion)
        self.narrow = nn.Linear(channels * expansion, channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(self, hidden_BFC: Tensor) -> Tensor:
        branch_BFC = self.norm(self.convolve(hidden_BFC))
        return hidden_BFC + self.scale * self.narrow(nn.functional.gelu(self.widen(branch_BFC)))

    def convolve(self, hidden_BFC: Tensor) -> Tensor:
        """The depthwise convolution as one of channels-last images: ten times faster than with channels first."""
        image_BCF1, conv = hidden_BFC.mT[..., None], self.depthwise
        image_BCF1 = nn.functional.conv2d(
            image_BCF1, conv.weight[..., None], conv.bias, padding=(conv.kernel_size[0] // 2, 0), groups=conv.groups
        )
        return image_BCF1[..., 0].mT


class IstftVocoder(nn.Module):
    """Raw log mel (B, M, F) to waveform (B, (F - 1) * HOP_LENGTH) in about -1..1, at least 4 frames.

    Gradients reach the mel through the magnitude and the matching; the phase is a constant to them.
    """

    def __init__(
        self,
        channels: int,
        blocks: int,
        kernel: int = KERNEL,
        expansion: int = EXPANSION,
        refine: int = REFINE,
        match: int = MATCH,
    ):
        super().__init__()
        self.refine, self.match = refine, match
        self.embed = nn.Conv1d(N_MELS, channels, kernel, padding=kernel // 2)
        self.blocks = nn.Sequential(*(ConvNextBlock(channels, kernel, expansion) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, 3 * bins_of(N_FFT))  # log correction of magnitude, rotation of phase
        nn.init.zeros_(self.head.weight)  # training starts from the inverted mel and the partials' own phase
        nn.init.zeros_(self.head.bias)

    def forward(self, mel_BMF: Tensor) -> Tensor:
        magnitude_BKF, rotation_BKF = self.predict(mel_BMF)
        return self.speak(magnitude_BKF, self.draft_phase(magnitude_BKF, rotation_BKF.detach()), mel_BMF)

    def predict(self, mel_BMF: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the STFT's magnitude and a rotation of its drafted phase (complex, modulus one), each (B, K, F)."""
        hidden_BFC = self.blocks(self.embed(normalise(mel_BMF)).mT.contiguous())
        head_BFK = self.head(self.norm(hidden_BFC)).float()
        correction_BFK, cosine_BFK, sine_BFK = head_BFK.chunk(3, dim=-1)
        prior_BKF = invert_mel(mel_BMF.float(), PRIOR_STEPS).clamp(min=PRIOR_FLOOR)
        correction_BFK = correction_BFK.clamp(-LOUDEST_CORRECTION, LOUDEST_CORRECTION)
        cosine_BFK = 1 + cosine_BFK
        inverse_BFK = (cosine_BFK.square() + sine_BFK.square() + ROTATION_EPS).rsqrt()
        rotation_BFK = torch.complex(cosine_BFK * inverse_BFK, sine_BFK * inverse_BFK)
        return prior_BKF * correction_BFK.exp().mT, rotation_BFK.mT

    def draft_phase(self, magnitude_BKF: Tensor, rotation_BKF: Tensor) -> Tensor:
        """The phase of the magnitude's partials, rotated; complex of modulus one, (B, K, F)."""
        return accumulate_phase(magnitude_BKF.detach(), HOP_LENGTH) * rotation_BKF

    def speak(self, magnitude_BKF: Tensor, phase_BKF: Tensor, mel_BMF: Tensor) -> Tensor:
        """The waveform (B, T) of a magnitude and a drafted phase, refined and matched with the mel.

        To gradients the refinement and the first matchings are a constant factor of each bin.
        """
        window, mel_BMF = window_of(WIN_LENGTH, magnitude_BKF.device), mel_BMF.float()
        samples = (magnitude_BKF.shape[-1] - 1) * HOP_LENGTH
        spectrum_BKF = scaled(phase_BKF, magnitude_BKF)
        with torch.no_grad():
            refined_BKF = refine_phase(magnitude_BKF, phase_BKF, window, HOP_LENGTH, self.refine)
            waveform_BT = inverse(scaled(refined_BKF, magnitude_BKF), window, HOP_LENGTH, samples)
            waveform_BT, matched_BT = approach(waveform_BT, waveform_BT, mel_BMF, self.match - GRADED)
        if spectrum_BKF.requires_grad:
            zero_BT = self.follow(spectrum_BKF, waveform_BT, window)
            waveform_BT, matched_BT = waveform_BT + zero_BT, matched_BT + zero_BT
        return approach(waveform_BT, matched_BT, mel_BMF, min(self.match, GRADED))[1]

    def follow(self, spectrum_BKF: Tensor, waveform_BT: Tensor, window: Tensor) -> Tensor:
        """Zero, with the gradient of a waveform whose bins are those of a spectrum times what they now are of it."""
        with torch.no_grad():
            heard_BKF = spectrum(waveform_BT, N_FFT, HOP_LENGTH, window)
            given_BKF = inverse_modulus(spectrum_BKF)
            gain_BKF = (given_BKF / inverse_modulus(heard_BKF)).clamp(max=MOST_FOLLOWED)
            factor_BKF = scaled(heard_BKF * spectrum_BKF.conj(), given_BKF * inverse_modulus(heard_BKF) * gain_BKF)
        change_BKF = (spectrum_BKF - spectrum_BKF.detach()) * factor_BKF
        return inverse(change_BKF, window, HOP_LENGTH, waveform_BT.shape[-1])


def approach(waveform_BT: Tensor, matched_BT: Tensor, mel_BMF: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Match a waveform's mel again and again; return where to go on from, and the last match, which is the result."""
    for _ in range(times):
        before_BT, matched_BT = matched_BT, match_mel(waveform_BT, mel_BMF)
        waveform_BT = torch.lerp(before_BT, matched_BT, 1 + MOMENTUM)
    return waveform_BT, matched_BT
