"""Measure samples of the mel GANs beside real clips, and keep some to see and to hear."""

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
from affekt.evaluate.generation import hear, measure_condition, measure_generation
from affekt.features.crops import Crops
from affekt.features.labels import CLASSES, labels_of
from affekt.features.mel import denormalise
from affekt.features.packed import Packed
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.vocoder import IstftVocoder

EXAMPLES = 16  # samples whose mels and audio are kept: as many as the report can show
BATCH = 64


def main(stage: Stage) -> None:
    device = stage.device
    params, condition = stage.params(GenerationParams), stage.params(CganParams).condition
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    half = packed.clips["half"].to_numpy()
    train, unseen = (
        Crops.of(packed.mel, packed.offsets[half == name], packed.frames[half == name], device) for name in "ab"
    )
    trained = packed.clips[half == "a"]
    label_N = labels_of(trained, condition)
    # The classes of the corpus in turn, so that each is wished for as often.
    label_K = torch.from_numpy(np.resize(np.unique(label_N), params.samples))
    wished = {"gan": None, "cgan": label_K}
    generators = {name: load_model(stage.dep(name), Generator, device) for name in wished}
    metrics: dict[str, float] = {}
    examples: dict[str, Tensor] = {}
    emotions = label_K // (CLASSES[condition] // len(EMOTIONS))  # a class may hold the gender too
    for name, labels in wished.items():
        fake_NMF = sample(generators[name], params.samples, seeds.generator(stage.seed("latent")), device, labels)
        figures = measure_generation(fake_NMF, judge, train, unseen, EMOTIONS, seeds.generator(stage.seed("real")))
        if labels is not None:
            real = hear(judge, train.draw(torch.arange(len(train.frames)), seeds.generator(stage.seed("windows"))))
            truth_N = torch.from_numpy(labels_of(trained, "emotion"))
            figures |= measure_condition(hear(judge, fake_NMF), emotions, real, truth_N, EMOTIONS)
        metrics |= {f"generate/{name}/{key}": value for key, value in figures.items()}
        examples[name] = denormalise(fake_NMF[:EXAMPLES])
    stage.metrics(metrics)
    write_json(stage.out("generation.json"), metrics)
    parts = stage.out("generation")
    vocoder = load_model(stage.dep("vocoder"), IstftVocoder, device)
    write_examples(parts, examples, {"cgan": [EMOTIONS[i] for i in emotions[:EXAMPLES]]}, vocoder)
    stage.artifact(parts)


@torch.inference_mode()
def sample(
    generator: nn.Module, samples: int, rng: torch.Generator, device: torch.device, label_N: Tensor | None = None
) -> Tensor:
    """Return normalised mels of standard normal latents, of these classes if there are any, (samples, M, F)."""
    latent_NL = torch.randn(samples, int(generator.latent), generator=rng).to(device)  # type: ignore[arg-type]
    labels = [None] * samples if label_N is None else label_N.to(device).split(BATCH)
    return torch.cat([generator(z, label) for z, label in zip(latent_NL.split(BATCH), labels, strict=False)])


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
