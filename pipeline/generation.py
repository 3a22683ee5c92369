"""Measure samples of the mel GANs, the prototype's among them, beside real clips; keep some to see and to hear."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core import seeds
from affekt.core.files import save_array, write_json
from affekt.core.params import CganParams, GenerationParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.generation import Reference, frechet_distance, hear, measure_condition, measure_generation
from affekt.features.crops import Crops
from affekt.features.labels import CLASSES, labels_of
from affekt.features.mel import denormalise
from affekt.features.packed import Packed
from affekt.features.unit_range import from_unit
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.published_gan import PublishedGenerator
from affekt.models.vocoder import IstftVocoder

EXAMPLES = 16  # samples whose mels and audio are kept: as many as the report can show
BATCH = 64


def main(stage: Stage) -> None:
    device = stage.device
    params, condition = stage.params(GenerationParams), stage.params(CganParams).condition
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    train, unseen = (Crops.of_half(packed, half, device) for half in "ab")
    trained = packed.clips[packed.clips["half"] == "a"]
    # The classes of the corpus in turn, so that each is wished for as often.
    label_K = torch.from_numpy(np.resize(np.unique(labels_of(trained, condition)), params.samples))
    emotions = label_K // (CLASSES[condition] // len(EMOTIONS))  # a class may hold the gender too
    fakes = make_all(stage, params.samples, label_K)
    heard = {name: hear(judge, fake_NMF) for name, fake_NMF in fakes.items()}
    reference = Reference.draw(judge, train, unseen, params.samples, seeds.generator(stage.seed("real")))
    metrics: dict[str, float] = {}
    for name, fake_NMF in fakes.items():
        figures = measure_generation(fake_NMF, heard[name], reference, EMOTIONS)
        if name == "cgan":
            real = hear(judge, train.draw(torch.arange(len(train.frames)), seeds.generator(stage.seed("windows"))))
            truth_N = torch.tensor(labels_of(trained, "emotion"))
            figures |= measure_condition(heard[name], emotions, real, truth_N, EMOTIONS)
        if name == "published_gan":  # what its way of scaling mels alone makes of real ones
            rescaled = hear(judge, from_unit(reference.other_NMF))
            figures["frechet_rescaled"] = frechet_distance(reference.real.features, rescaled.features)
        metrics |= {f"generate/{name}/{key}": value for key, value in figures.items()}
    stage.metrics(metrics)
    write_json(stage.out("generation.json"), metrics)
    parts = stage.out("generation")
    examples = {name: denormalise(fake_NMF[:EXAMPLES]) for name, fake_NMF in fakes.items()}
    vocoder = load_model(stage.dep("vocoder"), IstftVocoder, device)
    write_examples(parts, examples, {"cgan": [EMOTIONS[i] for i in emotions[:EXAMPLES]]}, vocoder)
    stage.artifact(parts)


def make_all(stage: Stage, samples: int, label_K: Tensor) -> dict[str, Tensor]:
    """Return normalised mels (samples, M, F) of each GAN, all from the same random numbers."""
    published = load_model(stage.dep("published_gan"), PublishedGenerator, stage.device)
    gan, cgan = (load_model(stage.dep(name), Generator, stage.device) for name in ("gan", "cgan"))

    def make(generator: nn.Module, labels: Tensor | None = None) -> Tensor:
        return sample(generator, samples, seeds.generator(stage.seed("latent")), stage.device, labels)

    return {"gan": make(gan), "cgan": make(cgan, label_K), "published_gan": from_unit(make(published))}


@torch.inference_mode()
def sample(
    generator: nn.Module, samples: int, rng: torch.Generator, device: torch.device, label_N: Tensor | None = None
) -> Tensor:
    """Return what is made of standard normal latents, of these classes if there are any, (samples, M, F)."""
    latent_NL = torch.randn(samples, int(generator.latent), generator=rng).to(device)  # type: ignore[arg-type]
    if label_N is None:
        return torch.cat([generator(z) for z in latent_NL.split(BATCH)])
    labelled = zip(latent_NL.split(BATCH), label_N.to(device).split(BATCH), strict=True)
    return torch.cat([generator(z, label) for z, label in labelled])


@torch.inference_mode()
def write_examples(
    folder: Path,
    examples: dict[str, Tensor],
    wished: dict[str, list[str]],
    vocoder: nn.Module,
) -> None:
    """Write <gan>.npy (raw log mels), their audio, and index.json: per GAN the audio and the emotions wished for."""
    folder.mkdir(parents=True)
    index: dict[str, list[dict[str, str | None]]] = {}
    for gan, mel_BMF in examples.items():
        save_array(folder / f"{gan}.npy", mel_BMF.cpu().numpy())
        emotions: list[str | None] = [*wished.get(gan, [None] * len(mel_BMF))]
        index[gan] = []
        for i, mel_MF in enumerate(mel_BMF):
            name = f"{gan}_{i:02d}.wav"
            write_wav(folder / name, vocoder(mel_MF[None])[0].cpu().numpy())
            index[gan].append({"sound": name, "emotion": emotions[i]})
    write_json(folder / "index.json", index)


if __name__ == "__main__":
    run(main)
