"""How the vocoder trains: random segments of packed audio, analysed and resynthesised.

Axes: B batch, M mel bands, K frequency bins, F frames, T samples.
"""

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import VocoderParams
from affekt.features.mel import HOP_LENGTH, N_FFT, WIN_LENGTH, log_mel
from affekt.features.phase import inverse
from affekt.features.stft import magnitude, window_of
from affekt.models.vocoder import IstftVocoder
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.losses import log_magnitude_l1, mel_l1, multi_resolution_stft, spectral_convergence

BETAS = (0.8, 0.99)  # of vocoders since HiFi-GAN (arXiv 2010.05646, section 3)
WEIGHT_DECAY = 0.01
CLIP = 1.0
GAIN_DB = 6.0  # a segment's level is moved by up to this much: recordings of others are not levelled as the corpus


class VocoderMethod(Method):
    """Train `vocoder` on segments of the given clips with spectral losses of its magnitude and of its waveform."""

    def __init__(
        self,
        params: VocoderParams,
        audio_T: np.ndarray,
        offsets: np.ndarray,
        frames: np.ndarray,
        seed: int,
        device: torch.device,
    ):
        """`audio_T` int16, all clips back to back; `offsets` and `frames` of the training clips, in samples."""
        if len(offsets) == 0:
            raise UserError("the vocoder has no clip to train on: check the splits of the corpus")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.vocoder = IstftVocoder(params.channels, params.blocks).to(device)
        self.modules = {"vocoder": self.vocoder}
        self.params = params
        self.device = device
        self.audio_T = torch.from_numpy(np.array(audio_T)).to(device)
        self.offsets = torch.from_numpy(np.array(offsets, np.int64))
        self.frames = torch.from_numpy(np.array(frames, np.int64))
        self.samples = (params.segment_frames - 1) * HOP_LENGTH

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            "vocoder": OptimSpec(
                modules=("vocoder",),
                lr=self.params.lr,
                betas=BETAS,
                weight_decay=WEIGHT_DECAY,
                schedule="one_cycle",
                clip=CLIP,
            )
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw segments; a clip shorter than a segment is followed by silence."""
        clip_B = torch.randint(len(self.offsets), (self.params.batch,), generator=rng)
        spare_B = (self.frames[clip_B] - self.samples).clamp(min=0)
        start_B = (torch.rand(len(clip_B), generator=rng, dtype=torch.float64) * (spare_B + 1)).long()
        place_BT = start_B[:, None] + torch.arange(self.samples)
        inside_BT = (place_BT < self.frames[clip_B, None]).to(self.device)
        index_BT = (self.offsets[clip_B, None] + place_BT).clamp(max=len(self.audio_T) - 1).to(self.device)
        gain_B1 = 10 ** ((2 * torch.rand(len(clip_B), 1, generator=rng) - 1) * GAIN_DB / 20)
        return {"waveform": self.audio_T[index_BT] * inside_BT / 32768 * gain_B1.to(self.device)}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        target_BT = batch["waveform"]
        window = window_of(WIN_LENGTH, self.device)
        target_BKF = magnitude(target_BT, N_FFT, HOP_LENGTH, window)
        with state.autocast():
            magnitude_BKF, rotation_BKF = self.vocoder.predict(log_mel(target_BT))
        phase_BKF = self.vocoder.draft_phase(magnitude_BKF, rotation_BKF)
        # The draft teaches the rotation, the refined waveform, whose phase is constant, the magnitude.
        draft_BT = inverse(magnitude_BKF.detach() * phase_BKF, window, HOP_LENGTH, self.samples)
        waveform_BT = self.vocoder.speak(magnitude_BKF, phase_BKF, self.vocoder.refine)
        draft_convergence, draft_log_l1 = multi_resolution_stft(draft_BT, target_BT)
        convergence, log_l1 = multi_resolution_stft(waveform_BT, target_BT)
        losses = {
            "draft/convergence": draft_convergence,
            "draft/log_l1": draft_log_l1,
            "magnitude/convergence": spectral_convergence(magnitude_BKF, target_BKF),
            "magnitude/log_l1": log_magnitude_l1(magnitude_BKF, target_BKF),
            "stft/convergence": convergence,
            "stft/log_l1": log_l1,
            "mel/l1": mel_l1(waveform_BT, target_BT),
        }
        loss = torch.stack(list(losses.values())).sum()
        state.update("vocoder", loss)
        return {"loss/vocoder": loss, **losses}
