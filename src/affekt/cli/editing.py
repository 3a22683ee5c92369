"""`affekt maximise FILE`: a recording of one's own is edited towards an emotion.

Axes: N samples and C channels of the recording, T samples at 22,050 Hz, M mel bands, F frames, L latent.
"""

import argparse
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affekt.cli.listening import CLIMBED, Listener, describe
from affekt.cli.networks import open_model
from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.recordings import Recording, read_recording
from affekt.core.devices import set_up
from affekt.core.files import atomic_path, write_json
from affekt.core.params import Params, load_params
from affekt.corpora.audio import to_int16
from affekt.corpora.table import EMOTIONS, SAMPLE_RATE
from affekt.features.mel import log_mel
from affekt.optimise.engine import Settings
from affekt.optimise.gain_grid import GainGrid, mask_sound
from affekt.optimise.inversion import Keep, climb, invert, speak_latents, windows_over
from affekt.optimise.mask import Wish, seek_long_mask
from affekt.optimise.networks import prepare
from affekt.optimise.resynthesis import fit, mix
from affekt.optimise.transforms import NATS_PER_DB

SHORTEST_S, LONGEST_S = 0.5, 60.0  # of sound: a short word; what one climb can hold
SCORES_NAME = "scores.json"
MODELS = {"mask": ("content_a",), "latent": ("content_a", "gan", "vocoder")}  # beside those that listen


@dataclass(frozen=True)
class Edit:
    """Versions of a sound in their order, what is written of each, and what else is told."""

    sounds: dict[str, Tensor]  # (T,) as they are heard
    written: dict[str, tuple[np.ndarray, int]]  # samples (N, C) and their rate
    mask: Tensor | None = None  # (M, F) in dB
    figures: dict[str, float] = field(default_factory=dict)


def run_edit(args: argparse.Namespace, label: int, folder: Path) -> int:
    """Edit one recording; write sounds, pictures and scores, and print the scores."""
    root = find_root()
    places = {name: find_model(name) for name in (*Listener.MODELS.values(), *MODELS[args.how])}
    params = load_params(root / PARAMS_NAME)
    recording = read_recording(args.file, params.prepare, SHORTEST_S, LONGEST_S, "edited")
    device = set_up(params.compute.device, params.compute.threads)
    models = {name: open_model(place, device) for name, place in places.items()}
    seed = params.seed if args.seed is None else args.seed
    make = edit_by_mask if args.how == "mask" else edit_by_latent
    edit = make(recording, models, params, label, args, seed, device)
    listener = Listener.of(models, places["content_b"], device)
    scores = {name: listener.hear(sound_T, edit.sounds["before"], label) for name, sound_T in edit.sounds.items()}
    write_edit(folder, edit)
    told = {"file": args.file.name, "emotion": EMOTIONS[label], "how": args.how, "seed": seed}
    write_json(
        folder / SCORES_NAME,
        {**told, **edit.figures, "versions": [{"name": name, **row} for name, row in scores.items()]},
    )
    print(describe(scores))
    print(f"{', '.join(edit.written)} and {SCORES_NAME} are in {folder}/")
    return 0


def edit_by_mask(
    recording: Recording,
    models: dict[str, nn.Module],
    params: Params,
    label: int,
    args: argparse.Namespace,
    seed: int,
    device: torch.device,
) -> Edit:
    """Multiply a smooth mask of bounded energy onto the sound; the rest of the recording stays as it is."""
    section = params.mask
    rms_db = section.rms_db[-1] if args.rms_db is None else args.rms_db
    wish = Wish(
        GainGrid(section.band_cell, section.frame_cell, rms_db, max(section.peak_db, rms_db)),
        args.steps or section.steps, section.lr, section.views, section.smoothness, section.content_weight,
        section.content_bound, seed,
    )  # fmt: skip
    sound_T = recording.sound.to(device)
    keeper = models["content_a"] if section.content_weight > 0 else None
    gain_MF = seek_long_mask([models[CLIMBED]], log_mel(sound_T), label, wish, device, keeper, _progress("masking"))
    after_T = mask_sound(sound_T[None], gain_MF[None].to(device))[0].cpu()
    mono_T = recording.mono_T.copy()
    mono_T[recording.start : recording.stop] = after_T.numpy()
    samples_NC, gain = mix(recording.samples_NC, recording.rate, recording.mono_T, mono_T)
    figures = {
        "bound_db": rms_db,
        "rms_db": float(gain_MF.square().mean().sqrt()),
        "peak_db": float(gain_MF.abs().max()),
        "level_db": float(20 * np.log10(gain)),
        "steps": float(wish.steps),
    }
    written = {"before": (recording.samples_NC, recording.rate), "after": (samples_NC, recording.rate)}
    return Edit({"before": sound_T.cpu(), "after": after_T}, written, gain_MF, figures)


def edit_by_latent(
    recording: Recording,
    models: dict[str, nn.Module],
    params: Params,
    label: int,
    args: argparse.Namespace,
    seed: int,
    device: torch.device,
) -> Edit:
    """Bring the sound into the prior and climb there, its content kept within a bound."""
    section = params.inversion
    prior, recogniser, content = (prepare(models[name], device, bf16=False) for name in ("gan", CLIMBED, "content_a"))
    mel_MF = log_mel(recording.sound.to(device))
    windows = windows_over(mel_MF.shape[-1], section.overlap_frames)
    settings = Settings(section.invert_steps, section.invert_lr, seed, snapshots=0)
    inverted = invert(
        prior, mel_MF, windows, section.candidates, section.prior_weight, settings, _progress("inverting")
    )
    steps = args.steps or section.steps
    climbed = climb(
        prior, [recogniser], content, inverted.end.to(device), torch.tensor([label], device=device), windows,
        Keep(section.bound, section.weight), section.prior_weight,
        Settings(steps, section.lr, seed, section.views, snapshots=0), _progress("climbing"),
    )  # fmt: skip
    sounds = {"before": recording.sound}
    with torch.inference_mode():
        for name, latent_BWL in (("prior", inverted.end), ("after", climbed.end)):
            spoken_T = models["vocoder"](speak_latents(prior, latent_BWL.to(device), windows))[0].cpu()
            sounds[name] = torch.from_numpy(fit(spoken_T.numpy())[0])
    written = {name: (sound_T.numpy()[:, None], SAMPLE_RATE) for name, sound_T in sounds.items()}
    distance = inverted.history["score"]
    figures = {
        "inversion_nats_before": float(distance[0, 0]), "inversion_nats": float(distance[-1, 0]),
        "drift_bound_nats": section.bound, "windows": float(len(windows.starts)), "steps": float(steps),
    }  # fmt: skip
    return Edit(sounds, written, None, figures)


def write_edit(folder: Path, edit: Edit) -> None:
    """A WAV and a mel picture of each version, and the mask's picture."""
    import soundfile

    from affekt.report.figures import save_difference, save_mel

    for name, (samples_NC, rate) in edit.written.items():
        with atomic_path(folder / f"{name}.wav") as temporary:
            soundfile.write(temporary, to_int16(samples_NC), rate, subtype="PCM_16", format="WAV")
        with atomic_path(folder / f"{name}.png") as temporary:
            save_mel(temporary, log_mel(edit.sounds[name]).numpy())
    if edit.mask is not None:
        with atomic_path(folder / "mask.png") as temporary:
            save_difference(temporary, edit.mask.numpy() * NATS_PER_DB)


def _progress(what: str) -> Any:
    from tqdm import tqdm

    return partial(tqdm, desc=what, disable=None, leave=False)
