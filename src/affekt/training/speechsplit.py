"""How SpeechSplit trains: on crops of clips, of which each encoder hears a version that tells no more than its part.

The content's encoder hears a crop at random times (features/random_resampling.py) in a voice scaled in frequency
(features/voice_scaling.py), so that it tells neither timing nor voice; the melody's encoder hears the melody at other
random times; the rhythm's encoder hears the crop as it is. One woman and one man are held out of the training: what
is noted of them says how voices that were not trained on are put together again.

Axes: B crops, C clips, V voices (speakers), E of the embedding, M mel bands, F frames, N all frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import SpeechSplitParams
from affekt.corpora.table import GENDERS
from affekt.features.continuous import without_gaps
from affekt.features.crops import silence
from affekt.features.mel import denormalise, normalise
from affekt.features.packed import Packed
from affekt.features.random_resampling import random_times
from affekt.features.voice_scaling import scaled
from affekt.models.speechsplit import SpeechSplit
from affekt.training.loop import LoopState, Method, OptimSpec

WEIGHT_DECAY = 0.01
CLIP = 1.0  # gradient norm
SILENCE = 16  # frames after a clip that are learnt too: a clip is padded to whole steps, or to those beside it
VALIDATION = 16  # crops of the voices that are held out
GOLDEN = 0.618034  # its multiples lie evenly in 0 .. 1, however many
RIDGES = tuple(10.0 ** (power / 2) for power in range(-6, 5))


@dataclass(frozen=True)
class Recordings:
    """Clips of some corpora one after another on the device, and the tables, on the CPU, that find them."""

    mel_NM: Tensor  # raw log mels
    f0_N: Tensor  # Hz, 0 where unvoiced
    melody_N: Tensor  # f0 without gaps
    speaker_VE: Tensor  # mean embeddings of the voices, unit vectors
    speaker_CE: Tensor  # embeddings of the clips
    offset_C: Tensor  # first frame
    frames_C: Tensor
    corpus_C: np.ndarray  # index of the corpus
    voice_C: np.ndarray  # index of the voice
    octave_C: np.ndarray  # log2 of the mean f0 in Hz, NaN where nothing is voiced
    gender_V: np.ndarray

    @classmethod
    def of_half(cls, corpora: Sequence[Packed], half: str, device: torch.device) -> "Recordings":
        """Take the clips of one half of the speakers of each corpus."""
        rows = [np.flatnonzero(packed.clips["half"].to_numpy() == half) for packed in corpora]
        spans = [(packed, packed.span(int(i))) for packed, own in zip(corpora, rows, strict=True) for i in own]
        if not spans:
            raise UserError("speechsplit has no clip to train on: check the splits of the corpora")
        f0 = [np.array(packed.f0[span]) for packed, span in spans]
        frames = np.array([len(f0_F) for f0_F in f0])
        clips = [packed.clips.iloc[own] for packed, own in zip(corpora, rows, strict=True)]
        speaker_C, gender_C = (np.concatenate([c[name].to_numpy(str) for c in clips]) for name in ("speaker", "gender"))
        embedding_CE = np.concatenate([packed.speaker[own] for packed, own in zip(corpora, rows, strict=True)])
        _, first_V, voice_C = np.unique(speaker_C, return_index=True, return_inverse=True)
        return cls(
            mel_NM=torch.from_numpy(np.concatenate([packed.mel[span] for packed, span in spans])).to(device),
            f0_N=torch.from_numpy(np.concatenate(f0)).to(device),
            melody_N=torch.from_numpy(np.concatenate([without_gaps(f0_F) for f0_F in f0])).to(device),
            speaker_VE=torch.from_numpy(mean_embeddings(embedding_CE, voice_C)).to(device),
            speaker_CE=torch.from_numpy(embedding_CE).to(device),
            offset_C=torch.from_numpy(frames.cumsum() - frames),
            frames_C=torch.from_numpy(frames),
            corpus_C=np.repeat(np.arange(len(corpora)), [len(own) for own in rows]),
            voice_C=voice_C,
            octave_C=np.array([np.log2(f0_F[f0_F > 0].mean()) if f0_F.any() else np.nan for f0_F in f0]),
            gender_V=gender_C[first_V],
        )

    def held_out(self) -> np.ndarray:
        """Return the last woman and the last man of the last corpus, where others of the gender are left in any."""
        of_last_V = np.isin(np.arange(len(self.gender_V)), self.voice_C[self.corpus_C == self.corpus_C[-1]])
        candidates = [np.flatnonzero(of_last_V & (self.gender_V == gender)) for gender in GENDERS]
        left = [int((self.gender_V == gender).sum()) > 1 for gender in GENDERS]
        held = [voices[-1] for voices, others in zip(candidates, left, strict=True) if len(voices) and others]
        if not held:
            raise UserError("speechsplit holds a speaker out: half a needs two of one gender; check the splits")
        return np.array(held)


class SpeechSplitMethod(Method):
    """Train `speechsplit` on half a of the given corpora; the voices that are held out are of the last of them."""

    def __init__(self, params: SpeechSplitParams, corpora: Sequence[Packed], seed: int, device: torch.device):
        self.params, self.device = params, device
        self.recordings = Recordings.of_half(corpora, "a", device)
        held_C = np.isin(self.recordings.voice_C, self.recordings.held_out())
        corpus_C = self.recordings.corpus_C
        self.parts = [np.flatnonzero(~held_C & (corpus_C == corpus)) for corpus in np.unique(corpus_C[~held_C])]
        self.validation = np.flatnonzero(held_C)
        sizes = {name: getattr(params, name) for name in ("channels", "content", "pitch", "rhythm", "decoder")}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = SpeechSplit(**sizes).to(device)
        self.modules = {"speechsplit": self.network}
        register_E, register_0 = fit_register(self.recordings, np.flatnonzero(~held_C))
        self.network.register_E.copy_(register_E)
        self.network.register_0.fill_(register_0)

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            "speechsplit": OptimSpec(
                ("speechsplit",), self.params.lr, weight_decay=WEIGHT_DECAY, schedule="one_cycle", clip=CLIP
            )
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw crops, and what the encoders of content and melody hear of them.

        Each corpus is as likely as the others: by frames alone, hours of reading would drown the emotions, and by
        clips alone, readers, whose clips are long and few, would hardly be heard. Within one, each frame is.
        """
        size, crop = self.params.batch, self.params.crop_frames
        corpus_B = torch.randint(len(self.parts), (size,), generator=rng).tolist()
        where_B2 = torch.rand(size, 2, generator=rng, dtype=torch.float64)
        places = [self.find(self.parts[corpus], *where_2) for corpus, where_2 in zip(corpus_B, where_B2, strict=True)]
        clip_B, start_B = (torch.tensor(each) for each in zip(*places, strict=True))
        heard_BF, sung_BF = random_times(size, crop, rng), random_times(size, crop, rng)
        scale_B = 1 + self.params.voice * (2 * torch.rand(size, generator=rng) - 1)
        drawn = self.crop(clip_B, start_B, self.others(clip_B, torch.rand(size, generator=rng, dtype=torch.float64)))
        heard_BMF = scaled(self.read_mel(clip_B, start_B[:, None] + heard_BF), scale_B.to(self.device))
        # What lies between a voiced frame and an unvoiced one is no f0: the nearest frame is read.
        f0_BF, _ = self.read_f0(clip_B, start_B[:, None] + sung_BF.round().long())
        return {**drawn, "heard": normalise(heard_BMF), "sung": self.network.melody(f0_BF, drawn["speaker"])}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            losses = self.losses(batch, batch["heard"], batch["sung"])
        state.update("speechsplit", losses["split/mel"] + losses["split/melody"])
        every, last = state.settings.log_every, state.settings.steps
        if (state.step + 1) % every == 0 or state.step + 1 == last:
            losses["split/validation"] = self.validation_loss()
        return losses

    def losses(
        self, batch: dict[str, Tensor], heard_BMF: Tensor | None = None, sung_B2F: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Take crops apart and put them together: mean absolute differences of mels and of octaves where voiced."""
        speaker_BE, f0_BF = batch["speaker"], batch["f0"]
        register_B1 = self.network.register(speaker_BE)[:, None]
        melody_B2F = self.network.melody(f0_BF, speaker_BE)
        codes = self.network.encode(batch["mel"], melody_B2F, speaker_BE, heard_BMF, sung_B2F)
        made_BMF = self.network.decode(codes, torch.log2(batch["melody"]) - register_B1)
        away_BF = (made_BMF - batch["mel"]).abs().mean(1)
        voiced_BF = f0_BF > 0
        wrong_BF = (self.network.decode_melody(codes) - melody_B2F[:, 0]).abs()
        return {
            "split/mel": (away_BF * batch["learnt"]).sum() / batch["learnt"].sum(),
            "split/melody": (wrong_BF * voiced_BF).sum() / voiced_BF.sum().clamp(min=1),
        }

    @torch.no_grad()
    def validation_loss(self) -> Tensor:
        """Mel loss on the same crops of the held-out voices each time, heard as they are."""
        index_B = np.arange(VALIDATION)
        places = [self.find(self.validation, (i + 0.5) / VALIDATION, i * GOLDEN % 1) for i in index_B]
        clip_B, start_B = (torch.tensor(each) for each in zip(*places, strict=True))
        return self.losses(self.crop(clip_B, start_B, clip_B))["split/mel"]

    def find(self, clips: np.ndarray, heard: float, start: float) -> tuple[int, int]:
        """Return the clip that has the frame at a share `heard` of all frames, and a crop's first frame in it."""
        frames = self.recordings.frames_C.numpy()[clips]
        chosen = int(np.searchsorted(frames.cumsum(), float(heard) * frames.sum(), side="right"))
        spare = max(0, int(frames[chosen]) + SILENCE - self.params.crop_frames)
        return int(clips[chosen]), int(float(start) * (spare + 1))

    def others(self, clip_B: Tensor, part_B: Tensor) -> Tensor:
        """Draw any clip of the voice of each: its embedding tells who speaks, as one recording does, not how."""
        voice_C = self.recordings.voice_C
        own = [np.flatnonzero(voice_C == voice_C[clip]) for clip in clip_B.tolist()]
        return torch.tensor([int(rows[int(part * len(rows))]) for rows, part in zip(own, part_B.tolist(), strict=True)])

    def crop(self, clip_B: Tensor, start_B: Tensor, voice_B: Tensor) -> dict[str, Tensor]:
        """Cut crops: normalised mels, f0 with and without gaps, whether a frame is learnt; and the voices of clips."""
        place_BF = start_B[:, None] + torch.arange(self.params.crop_frames)
        f0_BF, melody_BF = self.read_f0(clip_B, place_BF)
        learnt_BF = place_BF < self.recordings.frames_C[clip_B, None] + SILENCE
        return {
            "mel": normalise(self.read_mel(clip_B, place_BF)),
            "f0": f0_BF,
            "melody": melody_BF,
            "learnt": learnt_BF.float().to(self.device),
            "speaker": self.recordings.speaker_CE[voice_B.to(self.device)],
        }

    def read_mel(self, clip_B: Tensor, time_BF: Tensor) -> Tensor:
        """Read raw log mels of clips at frames from 0 on, between two where they are fractional: (B, M, F)."""
        low_BF = time_BF.floor().long()
        part_BF1 = (time_BF - low_BF)[..., None].to(self.device)
        mel_BFM = self._rows(clip_B, low_BF)
        if time_BF.is_floating_point():
            mel_BFM = mel_BFM * (1 - part_BF1) + self._rows(clip_B, low_BF + 1) * part_BF1
        return mel_BFM.transpose(1, 2)

    def read_f0(self, clip_B: Tensor, place_BF: Tensor) -> tuple[Tensor, Tensor]:
        """Read f0 in Hz of clips, 0 after their end, and f0 without gaps, the last one after their end: (B, F)."""
        index_BF, inside_BF = self._index(clip_B, place_BF)
        return self.recordings.f0_N[index_BF] * inside_BF, self.recordings.melody_N[index_BF]

    def _rows(self, clip_B: Tensor, place_BF: Tensor) -> Tensor:
        index_BF, inside_BF = self._index(clip_B, place_BF)
        quiet = denormalise(torch.tensor(silence(), device=self.device))
        return torch.where(inside_BF[..., None], self.recordings.mel_NM[index_BF], quiet)

    def _index(self, clip_B: Tensor, place_BF: Tensor) -> tuple[Tensor, Tensor]:
        last_B1 = self.recordings.frames_C[clip_B, None] - 1
        index_BF = self.recordings.offset_C[clip_B, None] + torch.minimum(place_BF, last_B1)
        return index_BF.to(self.device), (place_BF <= last_B1).to(self.device)


def mean_embeddings(embedding_CE: np.ndarray, voice_C: np.ndarray) -> np.ndarray:
    """Return each voice's mean embedding over its clips as a unit vector, float32 (V, E)."""
    mean_VE = np.stack([embedding_CE[voice_C == voice].mean(0) for voice in range(voice_C.max() + 1)])
    length_V1 = np.linalg.norm(mean_VE, axis=1, keepdims=True)
    return (mean_VE / np.maximum(length_V1, np.finfo(np.float32).tiny)).astype(np.float32)


def fit_register(recordings: Recordings, clips: np.ndarray) -> tuple[Tensor, float]:
    """Fit log2 of the f0 of these clips to their voices' embeddings: weights (E,) and a constant.

    Ridge regression in which voices count alike, however many clips each has; the ridge is that which is best at voices
    left out one by one.
    """
    voiced = clips[np.isfinite(recordings.octave_C[clips])]
    if len(voiced) == 0:
        raise UserError("speechsplit: no frame of any training clip is voiced; mend features.f0_min_hz and f0_max_hz")
    voices, voice_C = np.unique(recordings.voice_C[voiced], return_inverse=True)
    octave_V = np.array([recordings.octave_C[voiced][voice_C == voice].mean() for voice in range(len(voices))])
    x_VE = recordings.speaker_VE.cpu().double()[torch.from_numpy(voices)]
    return choose_ridge(x_VE, torch.from_numpy(octave_V.astype(np.float64)))


def choose_ridge(x_VE: Tensor, y_V: Tensor) -> tuple[Tensor, float]:
    """Return the weights (E,) and the constant of the ridge regression that is best at rows left out one by one."""

    def error(ridge: float) -> float:
        rows = torch.arange(len(x_VE))
        fits = [(row, solve_ridge(x_VE[rows != row], y_V[rows != row], ridge)) for row in range(len(x_VE))]
        return sum(float(x_VE[row] @ weight_E + constant - y_V[row]) ** 2 for row, (weight_E, constant) in fits)

    best = min(RIDGES, key=error) if len(x_VE) > 1 else max(RIDGES)
    return solve_ridge(x_VE, y_V, best)


def solve_ridge(x_VE: Tensor, y_V: Tensor, ridge: float) -> tuple[Tensor, float]:
    """Return the weights (E,) and the constant, which no ridge holds back, of a ridge regression."""
    x_E, y = x_VE.mean(0), y_V.mean()
    gram_VV = (x_VE - x_E) @ (x_VE - x_E).T + ridge * torch.eye(len(x_VE), dtype=x_VE.dtype)
    weight_E = (x_VE - x_E).T @ torch.linalg.solve(gram_VV, y_V - y)
    return weight_E, float(y - x_E @ weight_E)
