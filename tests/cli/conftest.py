"""A clone whose pipeline has run, with tiny untrained models, and recordings of every kind."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from affekt.core.files import write_json
from affekt.corpora.table import EMOTIONS
from affekt.models.audio_networks import AudioWaveNet
from affekt.models.codegan import CodeGenerator
from affekt.models.content import ContentNetwork
from affekt.models.gan import Generator
from affekt.models.io import save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN, MelLSTM, MelWaveNet
from affekt.models.speechsplit import SpeechSplit
from affekt.models.translator import Translator
from affekt.models.vocoder import IstftVocoder
from affekt.models.voicegan import VoiceGenerator
from affekt.models.waveglow import WaveGlow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder models/ with all networks as small as they come."""
    folder = tmp_path_factory.mktemp("models")
    networks = {
        "recogniser_mel_cnn": (MelCNN, {"channels": 4, "layers": 1, "classes": 8}),
        "recogniser_mel_wavenet": (MelWaveNet, {"channels": 4, "layers": 1, "classes": 8}),
        "recogniser_mel_lstm": (MelLSTM, {"channels": 4, "layers": 1, "classes": 8}),
        "recogniser_audio_wavenet": (AudioWaveNet, {"channels": 4, "layers": 1, "classes": 8}),
        "judge": (RecurrentRecogniser, {"channels": 4}),
        "gan": (Generator, {"latent": 8, "channels": 4}),
        "cgan": (Generator, {"latent": 8, "channels": 4, "classes": 16}),
        "vocoder": (IstftVocoder, {"channels": 8, "blocks": 1}),
        "waveglow": (WaveGlow, {"channels": 4, "layers": 1, "flows": 2, "condition": 4}),
        "translator": (Translator, {"emotions": 8, "channels": 4}),
        "speechsplit": (SpeechSplit, {"channels": 16, "content": 3, "pitch": 2, "rhythm": 1, "decoder": 16}),
        "codegan": (CodeGenerator, {"size": 6, "emotions": 8, "channels": 8}),
        "voicegan": (VoiceGenerator, {"latent": 4, "width": 8}),
        "content_a": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
        "content_b": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
    }
    for name, (network, config) in networks.items():
        torch.manual_seed(0)
        save_model(folder / name, network(**config), config, {})
    for name in ("translator", "codegan"):
        write_json(folder / name / "emotions.json", list(EMOTIONS))
    for name in ("content_a", "content_b"):
        write_json(folder / name / "statements.json", [{"statement": s, "clip_id": s} for s in ("dogs", "kids")])
    return folder


@pytest.fixture
def trained(tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with models, on one CPU thread; it is the current folder."""
    text = (ROOT / "params.yaml").read_text().replace("device: auto", "device: cpu").replace("threads: 2", "threads: 1")
    (tmp_path / "params.yaml").write_text(text)
    shutil.copytree(tiny_models, tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a voice-like recording: gliding harmonics with syllables, silence at both ends."""

    def write(name: str, seconds: float, rate: int = 22050, channels: int = 1, pad_s: float = 0.0, **how: str) -> Path:
        t = np.arange(round(seconds * rate)) / rate
        phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * t)) / rate
        voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)) * 0.2
        voice = np.pad(voice, round(pad_s * rate))
        soundfile.write(tmp_path / name, np.tile(voice[:, None], channels), rate, **how)
        return tmp_path / name

    return write
