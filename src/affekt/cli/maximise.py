"""Search the mel GAN for the voice that sounds most like an emotion, or bring a recording to an emotion.

Without FILE, latents of the GAN climb until the recogniser names the wanted emotion, for each seed one. With FILE that
recording is edited: by a smooth mask of bounded energy on its spectrogram (--how mask), which keeps everything else as
it is, or in the GAN (--how latent), which speaks the recording anew with its content kept within a bound. Sounds before
and after are written as WAV and as mel pictures, and scores.json tells what the recogniser (which was climbed) and the
judge (which was not: believe this one) make of them, and for recordings which statement is heard. It uses the models of
the pipeline's last run; what is not given is as in the sections of params.yaml."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.tables import format_table
from affekt.core.errors import UserError
from affekt.core.files import atomic_path, write_json

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from affekt.core.params import MaximiseParams

EXAMPLES = """\
examples:
  affekt maximise --emotion happy                         4 voices into maximised-happy/
  affekt maximise --emotion sad --seeds 20 --steps 300    more of them, climbed for longer
  affekt maximise --emotion angry --seed 7 -o angry7      other voices, another folder
  affekt maximise me.wav --emotion happy                  a mask on a recording: into me-happy/
  affekt maximise me.wav --emotion sad --rms-db 4         one of less energy
  affekt maximise me.wav --emotion sad --how latent       the recording spoken anew by the GAN"""

HOWS = ("mask", "latent")
LOUDEST_DB = 60.0
SEEDS = 4  # voices that a person listens to in one go
STAGES = ("before", "after")
LISTENERS = ("recogniser", "judge")
FOLDERS = {"recogniser": "recogniser_mel_cnn"}  # of models/, where it is not the name
MODELS = ("gan", "vocoder", *LISTENERS)
SCORES_NAME = "scores.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a recording of up to a minute to be edited")
    parser.add_argument("--emotion", required=True, metavar="E", help="the emotion wanted, such as happy")
    parser.add_argument("--seeds", type=int, metavar="N", help=f"voices, without FILE (default: {SEEDS})")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of the climb (default: as in params.yaml)")
    parser.add_argument("--seed", type=int, metavar="S", help="of all that is random (default: seed of params.yaml)")
    parser.add_argument("--how", choices=HOWS, help=f"with FILE (default: {HOWS[0]})")
    parser.add_argument("--rms-db", type=float, metavar="X", help="energy of the mask (default: the largest studied)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="default: maximised-EMOTION or FILE-EMOTION, here"
    )
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")


def run(args: argparse.Namespace) -> int:
    """Optimise, write sounds, pictures and scores, and print the scores."""
    label = label_of(args.emotion)
    check_words(args)
    folder = args.output or Path(
        f"maximised-{args.emotion}" if args.file is None else f"{args.file.stem}-{args.emotion}"
    )
    refuse_full_folder(folder, args.force)
    if args.file is not None:
        from affekt.cli.editing import run_edit

        return run_edit(args, label, folder)
    return run_search(args, label, folder)


def check_words(args: argparse.Namespace) -> None:
    """UserError for what does not go with a recording, or not without one, and for impossible numbers."""
    if args.file is not None and args.seeds is not None:
        raise UserError("--seeds goes without FILE: one recording is edited once")
    for flag, value in (("--how", args.how), ("--rms-db", args.rms_db)):
        if value is not None and args.file is None:
            raise UserError(f"{flag} needs a FILE: a recording that is edited")
    if args.rms_db is not None and args.how == "latent":
        raise UserError("--rms-db is of --how mask; --how latent has no mask")
    if args.rms_db is not None and not 0 < args.rms_db <= LOUDEST_DB:
        raise UserError(f"--rms-db {args.rms_db:g}: must be above 0, up to {LOUDEST_DB:g}")
    for flag, value in (("--seeds", args.seeds), ("--steps", args.steps)):
        if value is not None and value < 1:
            raise UserError(f"{flag} {value}: must be at least 1")
    args.how = args.how or HOWS[0]


def run_search(args: argparse.Namespace, label: int, folder: Path) -> int:
    """Search the prior; write voices and scores, and print the scores."""
    from affekt.cli.networks import open_model
    from affekt.core.devices import set_up
    from affekt.core.params import load_params

    places = {name: find_model(FOLDERS.get(name, name)) for name in MODELS}
    params = load_params(find_root() / PARAMS_NAME)
    settings = choose_settings(params.maximise, args.seeds or SEEDS, args.steps)
    seed = params.seed if args.seed is None else args.seed
    device = set_up(params.compute.device, params.compute.threads)
    models = {name: open_model(place, device) for name, place in places.items()}
    mels = climb(models, label, settings, seed, device)
    scores = score(models, mels, label)
    write_voices(folder, mels, models["vocoder"])
    choices = {"emotion": args.emotion, "seed": seed, "seeds": settings.seeds, "steps": settings.steps}
    write_json(folder / SCORES_NAME, {**choices, "voices": scores})
    print(describe(scores))
    print(f"{len(scores)} voices, before and after, and {SCORES_NAME} are in {folder}/")
    return 0


def label_of(emotion: str) -> int:
    """The index of an emotion; UserError that lists them."""
    from affekt.corpora.table import EMOTIONS

    if emotion not in EMOTIONS:
        raise UserError(f"--emotion {emotion}: known are {', '.join(EMOTIONS)}")
    return EMOTIONS.index(emotion)


def refuse_full_folder(folder: Path, force: bool) -> None:
    """UserError when the place is a file, or a folder with something in it and no `force`."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder: choose another with -o")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UserError(f"{folder} is not empty: choose another folder with -o, or write into it with --force")


def choose_settings(params: "MaximiseParams", seeds: int, steps: int | None) -> "MaximiseParams":
    """The section `maximise` of params.yaml with the command's numbers of seeds and steps."""
    return params.model_copy(update={"seeds": seeds, "steps": steps or params.steps})


def climb(
    models: dict[str, "nn.Module"],
    label: int,
    settings: "MaximiseParams",
    seed: int,
    device: "torch.device",
) -> dict[str, "Tensor"]:
    """Raw log mels (seeds, 80, frames) before and after the optimisation; a progress bar on a terminal."""
    import torch
    from tqdm import tqdm

    from affekt.optimise.maximise import Plan, Voice, maximise, settings_for

    voice = Voice(models["gan"])
    trajectory = maximise(
        voice,
        [models["recogniser"]],
        Plan.of(settings.seeds, [label]),
        settings_for(device, settings.steps, settings.lr, settings.transforms, seed),
        settings.prior_weight,
        device,
        progress=lambda steps: tqdm(steps, desc="climbing", disable=None, leave=False),
    )
    with torch.inference_mode():
        ends = (trajectory.start, trajectory.end)
        return {stage: voice.mel(z.to(device)) for stage, z in zip(STAGES, ends, strict=True)}


def score(models: dict[str, "nn.Module"], mels: dict[str, "Tensor"], label: int) -> list[dict[str, Any]]:
    """Per voice: what recogniser and judge name it before and after, and their belief in the wanted emotion."""
    import torch

    from affekt.corpora.table import EMOTIONS

    voices: list[dict[str, Any]] = [{"name": f"seed-{i:03}"} for i in range(len(mels[STAGES[0]]))]
    for listener in LISTENERS:
        for stage, mel_BMF in mels.items():
            with torch.inference_mode():
                probabilities_BE = models[listener](mel_BMF).softmax(-1).cpu()
            for voice, probabilities_E in zip(voices, probabilities_BE, strict=True):
                voice[f"{listener}/{stage}"] = float(probabilities_E[label])
                voice[f"{listener}/{stage}_emotion"] = EMOTIONS[int(probabilities_E.argmax())]
    return voices


def write_voices(folder: Path, mels: dict[str, "Tensor"], vocoder: "nn.Module") -> None:
    """A WAV (all at one loudness) and a mel picture per voice and stage."""
    import torch

    from affekt.features.mel import SAMPLE_RATE
    from affekt.report.audio import save_player
    from affekt.report.figures import save_mel

    for stage, mel_BMF in mels.items():
        with torch.inference_mode():
            waveform_BT = vocoder(mel_BMF).cpu().numpy()
        for i, (mel_MF, waveform_T) in enumerate(zip(mel_BMF.cpu().numpy(), waveform_BT, strict=True)):
            with atomic_path(folder / f"seed-{i:03}.{stage}.wav") as temporary:
                save_player(temporary, waveform_T, SAMPLE_RATE)
            with atomic_path(folder / f"seed-{i:03}.{stage}.png") as temporary:
                save_mel(temporary, mel_MF)


def describe(voices: list[dict[str, Any]]) -> str:
    """A row per voice: recogniser's and judge's belief in the wanted emotion, before and after."""
    heads = ["voice", *(f"{listener} {stage}" for listener in LISTENERS for stage in STAGES), "judge hears"]
    rows = [
        [
            voice["name"],
            *(f"{100 * voice[f'{listener}/{stage}']:.0f} %" for listener in LISTENERS for stage in STAGES),
            voice["judge/after_emotion"],
        ]
        for voice in voices
    ]
    return format_table(heads, rows, numeric=True)
