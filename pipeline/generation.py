"""Measure samples of the mel GAN beside real clips, and keep some to see and to hear."""

from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.core import seeds
from affekt.core.files import save_array, write_json
from affekt.core.params import GenerationParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.generation import measure_generation
from affekt.features.crops import Crops
from affekt.features.mel import denormalise
from affekt.features.packed import Packed
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.vocoder import IstftVocoder

PREFIX = "generate/gan"
EXAMPLES = 16  # samples whose mels and audio are kept: as many as the report can show
BATCH = 64


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(GenerationParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    gan = load_model(stage.dep("gan"), Generator, device)
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    vocoder = load_model(stage.dep("vocoder"), IstftVocoder, device)
    fake_NMF = sample(gan, params.samples, seeds.generator(stage.seed("latent")), device)
    half = packed.clips["half"].to_numpy()
    train, unseen = (
        Crops.of(packed.mel, packed.offsets[half == name], packed.frames[half == name], device) for name in "ab"
    )
    figures = measure_generation(fake_NMF, judge, train, unseen, EMOTIONS, seeds.generator(stage.seed("real")))
    metrics = {f"{PREFIX}/{name}": value for name, value in figures.items()}
    stage.metrics(metrics)
    write_json(stage.out("generation.json"), metrics)
    parts = stage.out("generation")
    write_examples(parts, denormalise(fake_NMF[:EXAMPLES]), vocoder)
    stage.artifact(parts)


@torch.inference_mode()
def sample(generator: nn.Module, samples: int, rng: torch.Generator, device: torch.device) -> Tensor:
    """Return normalised mels of standard normal latents, (samples, M, F)."""
    latent_NL = torch.randn(samples, int(generator.latent), generator=rng).to(device)  # type: ignore[arg-type]
    return torch.cat([generator(latent_BL) for latent_BL in latent_NL.split(BATCH)])


@torch.inference_mode()
def write_examples(folder: Path, mel_BMF: Tensor, vocoder: nn.Module) -> None:
    """Write samples.npy (raw log mels), their audio, and index.json that names the audio in the same order."""
    folder.mkdir(parents=True)
    save_array(folder / "samples.npy", mel_BMF.cpu().numpy())
    names = [f"sample_{i:02d}.wav" for i in range(len(mel_BMF))]
    for name, mel_MF in zip(names, mel_BMF, strict=True):
        wave_T = vocoder(mel_MF[None])[0].cpu().numpy()
        write_wav(folder / name, wave_T)
    write_json(folder / "index.json", {"samples": names})


if __name__ == "__main__":
    run(main)
