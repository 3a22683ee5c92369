"""A voice taken apart: what is said, its melody, its timing and who says it, and put together again.

SpeechSplit (Qian et al. 2020, arXiv 2004.11284), smaller: three encoders whose codes are too narrow to hold more than
their own part. The content and the melody are encoded from clips whose timing was made random, so that only the rhythm
code can tell the timing; the voice is a speaker embedding. Two things differ. The rhythm is encoded from loudness over
time alone: from whole mels even its two numbers a step told most of what is said. And the melody is decoded by itself,
and the decoder of mels is shown its harmonics instead of learning to draw them; it says how loud each band is, and how
much of the harmonics is heard in it.

Axes: B batch, D numbers of a code, E of the embedding, C channels, M mel bands, F frames, S steps of codes (F / 8).
Mels are normalised (features/mel.py); F is a multiple of 8.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from affekt.features.harmonics import harmonic_ripple
from affekt.features.mel import MEL_SCALE, N_MELS
from affekt.features.speaker import EMBEDDING_SIZE

STEP = 8  # frames of a code's step: 93 ms
GROUPS = 8  # of group norms
FOLD = 2  # frames that the decoder speaks at once: its recurrence is what training pays for
WIDEST = 2.0  # octaves from its register that a voice goes
MELODY = 2  # octaves above the voice's register and whether it is voiced


@dataclass(frozen=True)
class Codes:
    """What a clip was taken apart into; of each, what the decoder takes."""

    content_BDS: Tensor
    pitch_BDS: Tensor
    rhythm_BDS: Tensor
    speaker_BE: Tensor


class Encoder(nn.Module):
    """Convolutions and a recurrent layer in both directions, of which every eighth frame is kept: (B, 2 size, S)."""

    def __init__(self, inputs: int, channels: int, layers: int, size: int):
        super().__init__()
        widths = [inputs] + [channels] * layers
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(nn.Conv1d(i, o, 5, padding=2), nn.GroupNorm(GROUPS, o), nn.ReLU())
                for i, o in pairwise(widths)
            )
        )
        self.recurrent = nn.GRU(channels, size, batch_first=True, bidirectional=True)
        self.size = size

    def forward(self, x_BCF: Tensor) -> Tensor:
        found_BFD, _ = self.recurrent(self.convolutions(x_BCF).transpose(1, 2).float())
        # The direction forward has heard a step at its end, the one backward at its start.
        ahead_BSD, back_BSD = found_BFD[:, STEP - 1 :: STEP, : self.size], found_BFD[:, ::STEP, self.size :]
        return torch.cat([ahead_BSD, back_BSD], 2).transpose(1, 2)


class SpeechSplit(nn.Module):
    """Encoders of content, melody and rhythm, a decoder, and the register in which an embedding's voice speaks."""

    # log2 of the f0 in Hz at which a voice speaks on average, linear in its embedding; the training fits it.
    register_E: Tensor
    register_0: Tensor

    def __init__(self, channels: int = 128, content: int = 8, pitch: int = 8, rhythm: int = 1, decoder: int = 192):
        super().__init__()
        self.content = Encoder(N_MELS, channels, 3, content)
        self.pitch = Encoder(MELODY, channels // 2, 3, pitch)
        self.rhythm = Encoder(1, channels // 2, 1, rhythm)
        self.sing = nn.GRU(2 * (pitch + rhythm), decoder // 4, batch_first=True, bidirectional=True)
        self.sung = nn.Linear(decoder // 2, FOLD)
        self.enter = nn.Linear(2 * (content + rhythm) + EMBEDDING_SIZE, decoder)
        self.decoder = nn.GRU(decoder, decoder, num_layers=2, batch_first=True, bidirectional=True)
        self.leave = nn.Linear(2 * decoder, FOLD * 2 * N_MELS)
        self.register_buffer("register_E", torch.zeros(EMBEDDING_SIZE))
        self.register_buffer("register_0", torch.tensor(7.5))

    def register(self, speaker_BE: Tensor) -> Tensor:
        """Return log2 of the mean f0 in Hz of voices, (B,)."""
        return speaker_BE @ self.register_E + self.register_0

    def melody(self, f0_BF: Tensor, speaker_BE: Tensor) -> Tensor:
        """Return what the melody's encoder hears of f0 in Hz, 0 where unvoiced: (B, 2, F)."""
        voiced_BF = (f0_BF > 0).float()
        octave_BF = torch.log2(f0_BF.clamp(min=1.0)) - self.register(speaker_BE)[:, None]
        return torch.stack([octave_BF.clamp(-WIDEST, WIDEST) * voiced_BF, voiced_BF], 1)

    def encode(
        self, mel_BMF: Tensor, melody_B2F: Tensor, speaker_BE: Tensor, heard_BMF: Tensor | None = None,
        sung_B2F: Tensor | None = None,
    ) -> Codes:  # fmt: skip
        """Take clips apart; in training content and melody are encoded from other versions of the clip."""
        heard = mel_BMF if heard_BMF is None else heard_BMF
        sung = melody_B2F if sung_B2F is None else sung_B2F
        return Codes(self.content(heard), self.pitch(sung), self.rhythm(loudness(mel_BMF)), speaker_BE)

    def decode_melody(self, codes: Codes) -> Tensor:
        """Return octaves above the voice's register, also where nothing is voiced, (B, F) in float32."""
        hidden_BFC, _ = self.sing(spread(codes.pitch_BDS, codes.rhythm_BDS))
        return self.sung(hidden_BFC).flatten(1, 2).float()

    def decode(self, codes: Codes, octave_BF: Tensor | None = None) -> Tensor:
        """Put codes together: normalised mels (B, M, F), in float32; a melody that is given replaces that of the codes.

        In training the given one is that of the clip.
        """
        octave_BF = self.decode_melody(codes) if octave_BF is None else octave_BF
        f0_BF = torch.exp2(octave_BF.clamp(-WIDEST, WIDEST) + self.register(codes.speaker_BE)[:, None])
        parts_BFD = spread(codes.content_BDS, codes.rhythm_BDS)
        speaker_BFE = codes.speaker_BE[:, None].expand(-1, parts_BFD.shape[1], -1)
        hidden_BFC, _ = self.decoder(self.enter(torch.cat([parts_BFD, speaker_BFE], 2)).relu().float())
        both_BFM = self.leave(hidden_BFC).unflatten(2, (FOLD, 2 * N_MELS)).flatten(1, 2).float()
        loudness_BMF, share_BMF = both_BFM.transpose(1, 2).chunk(2, 1)
        return loudness_BMF + share_BMF * harmonic_ripple(f0_BF) / MEL_SCALE


def loudness(mel_BMF: Tensor) -> Tensor:
    """Return what the rhythm's encoder hears of normalised mels: their mean over bands, (B, 1, F)."""
    return mel_BMF.mean(1, keepdim=True)


def spread(*codes: Tensor) -> Tensor:
    """Put codes (B, D, S) beside each other, at the rate of the decoders (B, F / FOLD, D), in float32."""
    return torch.cat(codes, 1).repeat_interleave(STEP // FOLD, 2).transpose(1, 2).float()
