"""Convert recordings of unseen speakers to other emotions and back, by three methods, and measure the sounds."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from affekt.core.files import read_json, write_json
from affekt.core.params import FeaturesParams
from affekt.core.params_converting import ConversionParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.absence import write_reason
from affekt.evaluate.conversion import Listeners, accuracy_of_all
from affekt.evaluate.conversion_figures import (
    Version,
    all_figures,
    count,
    listen_to_made,
    listen_to_real,
    listen_to_unchanged,
    show,
)
from affekt.evaluate.conversion_pairs import Pair, choose_examples, plan_pairs
from affekt.evaluate.converters import (
    CLIMBED,
    climb_pairs,
    each_source,
    keep_waves,
    recode_pairs,
    together_pairs,
    translate_pairs,
    voice,
)
from affekt.evaluate.jury import Jury, judge_real
from affekt.features.packed import Packed
from affekt.features.speaker import load_encoder
from affekt.models.codegan import CodeGenerator
from affekt.models.content import ContentNetwork
from affekt.models.io import load_model
from affekt.models.registry import load_recogniser
from affekt.models.speechsplit import SpeechSplit
from affekt.models.translator import Translator
from affekt.models.vocoders import load_vocoder
from affekt.optimise.maximise import settings_for

EXAMPLES, EXAMPLES_BACK = 12, 4  # pairs whose sounds are kept: with these as many as the report can show

Convert = Callable[[], list[Tensor]]


def main(stage: Stage) -> None:
    params, jury = stage.params(ConversionParams), Jury.load(stage.dep("jury"), stage.device)
    if jury.reason is not None:
        # Without a jury nobody could tell what a conversion is worth.
        write_reason(stage, "conversion", jury.reason)
        return
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    pairs = plan_pairs(packed.clips, params.sources, params.speakers)
    listeners = load_listeners(stage, jury)
    statements = [listeners.statement(str(packed.clips["statement"].iloc[one.source])) for one in pairs]
    recognisers = [load_recogniser(stage.dep(name), stage.device) for name in CLIMBED]
    versions, alone = listen_to_real(listeners, packed, pairs, stage.progress), each_source(pairs)
    model = load_model(stage.dep("speechsplit"), SpeechSplit, stage.device)
    vocoder = load_vocoder(stage.dep("vocoder"), stage.device)
    for name, convert in unchanged(stage, packed, alone, model).items():
        waves = dict(zip([one.source for one in alone], speak_mels(stage, vocoder, name, convert), strict=True))
        versions[name] = listen_to_unchanged(listeners, packed, pairs, name, waves, stage.progress)
    methods = converters(stage, packed, pairs, model, recognisers)
    for name, convert in methods.items():
        waves_P = speak_mels(stage, vocoder, name, convert)
        versions[name] = listen_to_made(listeners, packed, pairs, waves_P, stage.progress)
    metrics = count(packed, pairs) | all_figures(versions, packed, pairs, statements, list(methods))
    metrics |= {"jury_ua": judge_real(listeners.jury, packed), "steps": float(params.steps)}
    for when, name in (("before", "together"), ("after", "optimise")):
        metrics[f"optimise/own_{when}"] = named(stage, recognisers, versions[name], pairs)
    metrics = {f"convert/{key}": value for key, value in metrics.items()}
    stage.metrics(metrics)
    write_json(stage.out("conversion.json"), metrics)
    write_examples(stage, packed, pairs, statements, versions)


def load_listeners(stage: Stage, jury: Jury) -> Listeners:
    """Open all who hear what was made, beside the jury."""
    features, content = stage.params(FeaturesParams), stage.dep("content_a")
    return Listeners(
        jury=jury,
        content=load_model(content, ContentNetwork, stage.device),
        statements=[str(row["statement"]) for row in read_json(content / "statements.json")],
        encoder=load_encoder(stage.device),
        f0_min_hz=features.f0_min_hz,
        f0_max_hz=features.f0_max_hz,
        device=stage.device,
    )


def unchanged(stage: Stage, packed: Packed, alone: Sequence[Pair], model: SpeechSplit) -> dict[str, Convert]:
    """Return by name what gives a mel for each source, without a wish: what is lost before anything is changed."""
    return {
        "copy": lambda: [packed.clip_mel(one.source).to(stage.device) for one in alone],
        "together": lambda: together_pairs(model, packed, alone, stage.device, stage.progress),
    }


def converters(
    stage: Stage, packed: Packed, pairs: Sequence[Pair], model: SpeechSplit, recognisers: Sequence[nn.Module]
) -> dict[str, Convert]:
    """Return by name what gives a mel for each pair."""
    params, device = stage.params(ConversionParams), stage.device
    translator = load_model(stage.dep("translator"), Translator, device)
    learnt = [EMOTIONS.index(name) for name in read_json(stage.dep("translator") / "emotions.json")]
    codegan = load_model(stage.dep("codegan"), CodeGenerator, device)

    def climb() -> list[Tensor]:
        settings = settings_for(device, params.steps, params.lr, params.views, stage.seed("views"))
        settings = replace(settings, snapshots=0)
        mels, belief_T = climb_pairs(
            model, recognisers, packed, pairs, settings, params.prior_weight, stage.work, device, stage.progress
        )
        for step, belief in enumerate(belief_T.tolist()):
            stage.log({"convert/optimise/own_probability": belief}, step)
        return mels

    return {
        "translator": lambda: translate_pairs(
            translator, packed, pairs, learnt, params.strength, device, stage.progress
        ),
        "codegan": lambda: recode_pairs(model, codegan, packed, pairs, device, stage.progress),
        "optimise": climb,
    }


def speak_mels(stage: Stage, vocoder: nn.Module, name: str, convert: Convert) -> list[np.ndarray]:
    """The sounds of what a method makes, kept in the work folder for each type of device: their bits differ."""
    kept = stage.work / f"{name}-{stage.device.type}.safetensors"
    return keep_waves(kept, lambda: voice(vocoder, convert(), stage.progress))


def named(stage: Stage, recognisers: Sequence[nn.Module], version: Version, pairs: Sequence[Pair]) -> float:
    """How often the climbed recognisers name the wanted emotion in sounds that are to become emotional."""
    heard = [(sound.mel_MF, one) for sound, one in zip(version.sounds, pairs, strict=True) if sound and not one.back]
    mels, labels = [mel_MF for mel_MF, _ in heard], [one.emotion for _, one in heard]
    return accuracy_of_all(recognisers, mels, labels, stage.device)


def write_examples(
    stage: Stage, packed: Packed, pairs: Sequence[Pair], statements: Sequence[int], versions: dict[str, Version]
) -> None:
    """Write the sounds of some pairs, and index.json."""
    parts = stage.out("conversion")
    parts.mkdir(parents=True)
    chosen = choose_examples(pairs, packed.clips, EXAMPLES, EXAMPLES_BACK)
    rows = [
        show(packed, pairs, statements, versions, i, lambda file, wave_T: write_wav(parts / file, wave_T))
        for i in chosen
    ]
    write_json(parts / "index.json", {"examples": rows})
    stage.artifact(parts)


if __name__ == "__main__":
    run(main)
