"""Pairs differ in everything, stretching keeps ends, and networks that copy codes move what they copy and no more."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.core.seeds import numpy_rng
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.converters import voice
from affekt.evaluate.disentangling import (
    ASPECTS,
    CHANGED,
    CODES,
    OWN,
    QUIETEST_DB,
    Ears,
    Exchanged,
    Sound,
    compare,
    correlate,
    draw_pairs,
    exchange,
    hear,
    level_of,
    measure_pair,
    measure_reconstruction,
    speak,
    stretched,
)
from affekt.evaluate.disentangling_figures import summarise_pairs, weigh_codes
from affekt.evaluate.proportions import sign_test
from affekt.features.f0 import track_f0
from affekt.features.mel import HOP_LENGTH, N_MELS, SAMPLE_RATE, log_mel, normalise
from affekt.features.packed import Packed
from affekt.models.conversion import Utterance, put_together, take_apart
from affekt.models.speechsplit import STEP, Codes, SpeechSplit

CPU = torch.device("cpu")
ASPECT_OF = {"content": "statement", "pitch": "f0", "rhythm": "timing", "speaker": "voice"}
STATEMENT_HZ = (4800.0, 6800.0)  # of the tone that tells what is said
BRIGHTNESS = (0.35, 0.8)  # of a voice: from one harmonic to the next
NAMES = ["low", "high"]


# -- a world in which a clip has nothing but a melody, levels, a voice and a statement, and networks that know it


def synthesise(f0_F: np.ndarray, level_F: np.ndarray, brightness: float, statement_hz: float) -> np.ndarray:
    """A waveform of (F - 1) hops."""
    samples = (len(f0_F) - 1) * HOP_LENGTH
    at_T = np.arange(samples) / HOP_LENGTH
    f0_T, level_T = (np.interp(at_T, np.arange(len(x)), x) for x in (f0_F, level_F))
    phase_T = 2 * np.pi * np.cumsum(f0_T) / SAMPLE_RATE
    tone_T = sum(brightness**k * np.sin(k * phase_T) for k in range(1, 9))
    tone_T = tone_T / sum(brightness**k for k in range(1, 9))
    return (level_T * (tone_T + 0.1 * np.sin(2 * np.pi * statement_hz * np.arange(samples) / SAMPLE_RATE))).astype("f")


class CopyingModel(nn.Module):
    """Codes are what they are named for, and what is decoded has a row for each: melody, level, voice, statement."""

    def melody(self, f0_BF: Tensor, speaker_BE: Tensor) -> Tensor:
        return torch.stack([torch.log2(f0_BF.clamp(min=50)) - 7, (f0_BF > 0).float()], 1)

    def encode(self, mel_BMF: Tensor, melody_B2F: Tensor, speaker_BE: Tensor) -> Codes:
        steps = lambda x_BF: x_BF.unfold(1, STEP, STEP).mean(2)[:, None]  # noqa: E731
        loud_BF = mel_BMF[:, :60].logsumexp(1)
        said_BF = (mel_BMF[:, 74:].amax(1) > mel_BMF[:, 62:70].amax(1)).float()
        return Codes(steps(said_BF), steps(melody_B2F[:, 0]), steps(loud_BF), speaker_BE)

    def decode(self, codes: Codes) -> Tensor:
        voice_BS = codes.speaker_BE[:, :1].expand(-1, codes.pitch_BDS.shape[2])
        rows = [codes.pitch_BDS[:, 0], codes.rhythm_BDS[:, 0], voice_BS, codes.content_BDS.mean(2).expand_as(voice_BS)]
        return torch.stack(rows, 1).repeat_interleave(STEP, 2)


class ToyVocoder(nn.Module):
    def forward(self, rows_B4F: Tensor) -> Tensor:
        waves = []
        for octave_F, loud_F, voice_F, said_F in normalise(rows_B4F).numpy():
            level_F = 0.9 * np.exp(1.5 * (loud_F - loud_F.max()))
            brightness, statement_hz = BRIGHTNESS[int(voice_F[0] > 0.5)], STATEMENT_HZ[int(said_F[0] > 0.5)]
            waves.append(torch.from_numpy(synthesise(2 ** (octave_F + 7), level_F, brightness, statement_hz)))
        return torch.stack(waves)


class ToyContent(nn.Module):
    def statement_logits(self, mel_BMF: Tensor) -> Tensor:
        return torch.stack([mel_BMF[:, 62:70].mean((1, 2)), mel_BMF[:, 74:].mean((1, 2))], 1)


class ToyEncoder(nn.Module):
    """Embeds how bright a sound is; takes the power mel of Resemblyzer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, mel_PFM: Tensor) -> Tensor:
        power_PM = mel_PFM.mean(1)
        bright_P = power_PM[:, 5:14].sum(1) / power_PM.sum(1) > 0.14
        return torch.stack([bright_P, ~bright_P], 1).float()


EARS = Ears(ToyVocoder(), ToyContent(), ToyEncoder(), 75.0, 500.0)  # type: ignore[arg-type]
MODEL: SpeechSplit = CopyingModel()  # type: ignore[assignment]


def contour(seed: int, frames: int) -> np.ndarray:
    """A slow curve in -1 .. 1."""
    rng, at = np.random.default_rng(seed), np.linspace(0, 1, frames)
    curve = sum(rng.normal() * np.sin(np.pi * k * at + rng.uniform(0, 6)) for k in range(1, 5))
    return curve / np.abs(curve).max()


def make_packed(frames: tuple[int, ...] = (120, 90, 101, 140)) -> Packed:
    """Clips of half b: two voices, two statements, two emotions."""
    rows, waves = [], []
    for i, count in enumerate(frames):
        f0_F, level_F = 150 * 2 ** (0.4 * contour(i, count)), 10 ** (0.6 * contour(50 + i, count) - 0.6)
        waves.append(synthesise(f0_F, level_F, BRIGHTNESS[i % 2], STATEMENT_HZ[i % 2]))
        rows.append({"clip_id": f"c{i}", "speaker": f"s{i}", "gender": "fm"[i // 2], "emotion": EMOTIONS[i % 2],
                     "statement": NAMES[i % 2], "half": "b"})  # fmt: skip
    lengths = np.array(frames)
    return Packed(
        clips=pd.DataFrame(rows),
        audio=np.zeros(0, np.int16),
        mel=np.concatenate([log_mel(torch.from_numpy(wave)).T.numpy() for wave in waves]),
        mfcc=np.zeros(0, np.float32),
        f0=np.concatenate([track_f0(wave, 75, 500) for wave in waves]),
        speaker=np.stack([np.array([i % 2, 1 - i % 2], np.float32) for i in range(len(frames))]),
        offsets=np.cumsum(lengths) - lengths,
        frames=lengths,
    )


@pytest.fixture(scope="module")
def packed() -> Packed:
    return make_packed()


# -- pairs


def make_clips(speakers: int = 8, statements: int = 2) -> pd.DataFrame:
    rows = [
        {"speaker": f"s{s}", "gender": "fm"[s % 2], "emotion": emotion, "statement": f"t{t}", "half": "ab"[s // 2 % 2]}
        for s in range(speakers)
        for emotion in EMOTIONS[:4]
        for t in range(statements)
    ]
    return pd.DataFrame(rows)


def test_pairs_differ_in_everything_and_mix_the_genders() -> None:
    clips = make_clips()
    pairs = draw_pairs(clips, 32, numpy_rng(0))
    assert len(set(pairs)) == 32
    for a, b in pairs:
        first, second = clips.iloc[a], clips.iloc[b]
        assert first["half"] == second["half"] == "b"
        assert all(first[key] != second[key] for key in ("speaker", "emotion", "statement"))
    kinds = [clips["gender"][a] + clips["gender"][b] for a, b in pairs]
    assert kinds[:8] == ["ff", "fm", "mf", "mm"] * 2
    for side in (0, 1):
        assert clips["speaker"].iloc[[pair[side] for pair in pairs]].value_counts().tolist() == [8] * 4
        assert clips["emotion"].iloc[[pair[side] for pair in pairs]].value_counts().min() >= 6


def test_pairs_are_drawn_from_the_seed_alone() -> None:
    first, again, other = (draw_pairs(make_clips(), 12, numpy_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_there_are_as_many_pairs_as_the_corpus_has() -> None:
    clips = make_clips(4)  # a woman and a man in half b
    pairs = draw_pairs(clips, 1000, numpy_rng(0))
    assert len(pairs) == len(set(pairs)) == 2 * 8 * 3
    with pytest.raises(UserError, match="differ in speaker, emotion and statement, and the corpus has no two"):
        draw_pairs(make_clips(8).query("speaker == 's2'"), 5, numpy_rng(0))


def test_clips_of_one_statement_are_paired_and_what_is_said_is_left_out() -> None:
    clips = make_clips(8, statements=1)
    pairs = draw_pairs(clips, 5, numpy_rng(0))
    assert len(set(pairs)) == 5
    for pair in pairs:
        first, second = (clips.iloc[row] for row in pair)
        assert first["speaker"] != second["speaker"]
        assert first["emotion"] != second["emotion"]
    a, b = make_sound(0, 1), make_sound(1, 1)
    figures = compare(b, a, b)
    assert (figures["statement/moved"], figures["f0/moved"]) == (None, 1)


# -- stretching and comparing


@pytest.mark.parametrize("frames", [50, 23, 91])
def test_stretching_keeps_the_ends_and_where_nothing_is_voiced(frames: int) -> None:
    mel_MF = torch.arange(50.0).expand(N_MELS, -1)
    f0_F = torch.tensor([0.0] * 10 + [100.0] * 20 + [0.0] * 5 + [200.0] * 15)
    found = stretched(Utterance(mel_MF, f0_F, torch.ones(4)), frames)
    torch.testing.assert_close(found.mel_MF, torch.linspace(0, 49, frames).expand(N_MELS, -1))
    assert set(found.f0_F.tolist()) == {0.0, 100.0, 200.0}, "nothing between voiced and unvoiced"
    assert (found.f0_F[0], found.f0_F[-1]) == (0, 200)
    assert float((found.f0_F == 0).float().mean()) == pytest.approx(0.3, abs=0.05)
    assert torch.equal(found.speaker_E, torch.ones(4))


def test_correlation_of_equal_contours_is_1() -> None:
    curve = contour(0, 40)
    assert correlate(curve, curve) == pytest.approx(1)
    assert correlate(curve, 3 - 2 * curve) == pytest.approx(-1)
    other = contour(1, 40)
    assert correlate(curve, other) == pytest.approx(np.corrcoef(curve, other)[0, 1])
    assert correlate(curve[:9], curve[:9]) is None, "too few frames"
    assert correlate(curve, np.ones(40)) is None, "it does not move"


def test_levels_are_in_db_and_floored_below_the_loudest() -> None:
    gain_T = torch.cat([torch.full((4096,), gain) for gain in (1.0, 0.1, 1e-4)])
    wave_T = gain_T * torch.sin(2 * np.pi * 440 * torch.arange(len(gain_T)) / SAMPLE_RATE)
    level_F = level_of(log_mel(wave_T))
    assert level_F[8] - level_F[24] == pytest.approx(20, abs=0.1)
    assert level_F[42] == pytest.approx(level_F.max() + QUIETEST_DB)


def make_sound(seed: int, statement: int) -> Sound:
    frames = 60
    return Sound(
        f0_F=150 * 2 ** contour(seed, frames),
        level_F=-20 + 10 * contour(seed + 100, frames),
        voice_E=np.eye(4)[seed],
        statement_S=np.eye(3)[statement],
    )


def test_an_outcome_has_moved_to_what_it_is_nearer_to() -> None:
    a, b = make_sound(0, 0), make_sound(1, 1)
    for outcome, moved, at_a in ((a, 0.0, 1.0), (b, 1.0, 0.0)):
        figures = compare(outcome, a, b)
        assert {figures[f"{aspect}/moved"] for aspect in ASPECTS} == {moved}
        own = "to_a" if at_a else "to_b"
        assert [figures[f"{aspect}/{own}"] for aspect in ASPECTS] == [pytest.approx(1)] * len(ASPECTS)
    mixed = replace(a, f0_F=b.f0_F * 1.7)  # in another register
    assert [compare(mixed, a, b)[f"{aspect}/moved"] for aspect in ASPECTS] == [1, 0, 0, 0]
    third = replace(a, statement_S=np.eye(3)[2])
    figures = compare(third, a, b)
    assert [figures[f"statement/{key}"] for key in ("to_a", "to_b", "moved")] == [0, 0, 0]


def test_a_melody_that_is_not_defined_is_left_out() -> None:
    a, b = make_sound(0, 0), make_sound(1, 1)
    whisper = replace(a, f0_F=np.zeros(60))
    figures = compare(whisper, a, b)
    assert [figures[f"f0/{key}"] for key in ("to_a", "to_b", "moved")] == [None] * 3
    assert figures["timing/moved"] == 0
    late = replace(b, f0_F=np.where(np.arange(60) < 55, 0, b.f0_F))
    assert compare(a, a, late)["f0/to_a"] == pytest.approx(1)
    assert compare(a, a, late)["f0/moved"] is None


# -- exchanging codes


@torch.no_grad()
def test_each_version_has_one_code_of_the_lender() -> None:
    torch.manual_seed(0)
    model = SpeechSplit(channels=16, content=2, pitch=2, rhythm=1, decoder=16).eval()
    voices_2E = nn.functional.normalize(torch.rand(2, 256), dim=1)
    a, b = (Utterance(torch.randn(N_MELS, 45) - 5, 100 + 50 * torch.rand(45), voice_E) for voice_E in voices_2E)
    found_VMF = exchange(model, a, b)
    assert found_VMF.shape == (5, N_MELS, 45)
    own, _ = take_apart(model, [a])
    lent, _ = take_apart(model, [b])
    for changed, mel_MF in zip(CHANGED, found_VMF, strict=True):
        mixed = own if changed == "none" else replace(own, **{CODES[changed]: getattr(lent, CODES[changed])})
        torch.testing.assert_close(mel_MF, put_together(model, mixed)[0, :, :45], atol=1e-4, rtol=1e-4)


def test_networks_that_copy_codes_move_what_they_copy_and_no_more(packed: Packed) -> None:
    found = [measure_pair(MODEL, EARS, packed, pair, NAMES, CPU) for pair in ((0, 1), (1, 0), (2, 3), (3, 2), (2, 1))]
    figures = summarise_pairs(found)
    assert not [key for key in figures if key.endswith("undefined")]
    for changed in CHANGED:
        for aspect in ASPECTS:
            wanted = ASPECT_OF.get(changed) == aspect
            assert figures[f"{changed}/{aspect}/moved"] == wanted, (changed, aspect)
            assert figures[f"{changed}/{aspect}/{'to_b' if wanted else 'to_a'}"] > 0.7, (changed, aspect)
    assert {len(wave) for wave in found[0].waves.values()} == {119 * HOP_LENGTH}, "all as long as A"


def exchanged(pairs: int, moved: dict[tuple[str, str], list[float | None]]) -> list[Exchanged]:
    """Pairs in which each code moves its own aspect and no other, but for what is given by (changed, aspect)."""
    figures = [
        {
            changed: {
                f"{aspect}/moved": moved.get((changed, aspect), [float(OWN.get(changed) == aspect)] * pairs)[i]
                for aspect in ASPECTS
            }
            for changed in CHANGED
        }
        for i in range(pairs)
    ]
    return [Exchanged({}, one) for one in figures]


def test_a_code_is_weighed_against_the_strongest_other_and_against_none() -> None:
    p = weigh_codes(exchanged(12, {}))
    assert {p[f"{code}/p_value{ending}"] for code in OWN for ending in ("", "_row")} == {2 / 2**12}
    assert {p[f"{code}/p_holm"] for code in OWN} == {4 * 2 / 2**12}, "adjusted for four codes"
    lost = weigh_codes(exchanged(12, {("none", "f0"): [1.0] * 5 + [0.0] * 7}))
    assert lost["pitch/p_value"] == 2 / 2**7, "what is lost without any code is no merit"
    assert lost["pitch/p_value_row"] == 2 / 2**12
    assert lost["pitch/p_holm"] == 2 / 2**7, "the greatest of four"
    mixed = weigh_codes(exchanged(12, {("speaker", "f0"): [0.0] * 2 + [1.0] * 4 + [0.0] * 6,
                                       ("pitch", "f0"): [0.0] * 4 + [1.0] * 8}))  # fmt: skip
    assert mixed["pitch/p_value"] == pytest.approx(sign_test(6, 2)), "six pairs rose, two fell"
    assert mixed["speaker/p_value_row"] == pytest.approx(2 / 2**8)


def test_one_pair_of_noise_and_what_is_not_defined_show_nothing() -> None:
    noise = weigh_codes(exchanged(30, {("rhythm", "timing"): [1.0] + [0.0] * 29}))
    assert noise["rhythm/p_value"] == noise["rhythm/p_holm"] == noise["rhythm/p_value_row"] == 1
    less = weigh_codes(exchanged(30, {("none", "timing"): [1.0] * 30, ("rhythm", "timing"): [0.0] * 30}))
    assert less["rhythm/p_value"] == 1, "less is not more, however surely"
    never = weigh_codes(exchanged(30, {("content", "f0"): [None] * 30}))
    assert never["pitch/p_value"] == 1, "not defined is no 0"
    assert never["content/p_value_row"] == 1
    few = weigh_codes(exchanged(30, {("content", "f0"): [None] * 24 + [0.0] * 6}))
    assert few["pitch/p_value"] == 2 / 2**6, "of the pairs that have both"


def test_what_is_not_defined_is_counted(packed: Packed) -> None:
    silent = replace(packed, f0=np.where(np.arange(len(packed.f0)) < 120, 0, packed.f0).astype("f"))  # all of c0's
    found = [measure_pair(MODEL, EARS, silent, pair, NAMES, CPU) for pair in ((0, 1), (2, 1))]
    figures = summarise_pairs(found)
    assert figures["pitch/f0/moved_undefined"] == 1
    assert figures["pitch/f0/moved"] == 1
    assert "pitch/timing/moved_undefined" not in figures


def test_a_statement_that_content_a_has_not_learned_is_named(packed: Packed) -> None:
    with pytest.raises(UserError, match="does not know statement 'high', only low; retrain it"):
        measure_pair(MODEL, EARS, packed, (0, 1), NAMES[:1], CPU)


def test_sounds_are_heard_as_they_are(packed: Packed) -> None:
    curve = contour(9, 60)
    wave_T = torch.from_numpy(synthesise(150 * 2 ** (0.3 * curve), np.full(60, 0.5), BRIGHTNESS[1], STATEMENT_HZ[0]))
    (heard,) = hear(EARS, wave_T[None])
    voiced_F = heard.f0_F > 0
    assert voiced_F.sum() > 45
    np.testing.assert_allclose(heard.f0_F[voiced_F], 150 * 2 ** (0.3 * curve[voiced_F]), rtol=0.02)
    assert heard.voice_E.tolist() == [1, 0]
    assert heard.statement_S.argmax() == 0
    assert len(heard.level_F) == 60


def test_waves_stay_within_full_scale() -> None:
    loud = nn.Module()
    loud.forward = lambda mel: torch.tensor([[-3.0, 0.5, 2.0]])  # type: ignore[method-assign]
    (wave_T,) = speak(loud, torch.zeros(1, N_MELS, 1))
    assert wave_T.abs().max() <= 1
    torch.testing.assert_close(wave_T / wave_T[0], torch.tensor([1.0, 0.5 / -3, 2 / -3]))  # quieter, not cut off
    (spoken_T,) = voice(loud, torch.zeros(1, N_MELS, 1))  # type: ignore[arg-type]
    assert wave_T.numpy().tobytes() == spoken_T.tobytes(), "as loud as what converters say"


def test_a_reconstruction_is_measured_inside_the_clip(packed: Packed) -> None:
    class Shifted(CopyingModel):
        """Gives the mel back, one unit of networks louder at the first half of its bands; and noise beyond its end."""

        def encode(self, mel_BMF: Tensor, melody_B2F: Tensor, speaker_BE: Tensor) -> Codes:
            return Codes(mel_BMF, melody_B2F, mel_BMF, speaker_BE)

        def decode(self, codes: Codes) -> Tensor:
            louder_BMF = codes.content_BDS + (torch.arange(N_MELS) < N_MELS // 2)[:, None]
            louder_BMF[..., 90:] = 50
            return louder_BMF

    class Sings(nn.Module):
        def forward(self, mel_BMF: Tensor) -> Tensor:
            f0_F = packed.f0[packed.span(1)]
            wave = synthesise(np.where(f0_F > 0, f0_F, 150), np.full(90, 0.5), 0.5, 5000.0)
            return torch.from_numpy(wave)[None]

    model: SpeechSplit = Shifted()  # type: ignore[assignment]
    figures = measure_reconstruction(model, replace(EARS, vocoder=Sings()), packed, [1], "unseen", CPU)
    assert figures["mel_l1_unseen"] == pytest.approx(3.25 / 2, rel=1e-4)
    assert figures["f0_correlation_unseen"] > 0.98
