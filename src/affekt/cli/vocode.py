"""Turn recordings or mels into audio with a vocoder: the iSTFT one, WaveGlow or Griffin-Lim.

A recording (WAV, FLAC, OGG, MP3) is analysed to the project's log mel and spoken again from it: what is lost is what
mel and vocoder cost. A .npy file is a mel itself, (80, frames) or (frames, 80): natural log of the magnitude, floored
at 1e-5, 22,050 Hz, hop 256. The sound is written beside the input as NAME.vocoded.wav, 16 bits, 22,050 Hz."""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.faults import report_fault
from affekt.cli.project import PARAMS_NAME, find_model, find_root, refuse_overwriting
from affekt.core.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from affekt.core.params import Params

EXAMPLES = """\
examples:
  affekt vocode me.wav                                  writes me.vocoded.wav
  affekt vocode me.wav --method waveglow -o flow.wav    by the flow, to compare
  affekt vocode me.wav --method griffin_lim -o old.wav  without a trained network, to compare
  affekt vocode mels/*.npy -o spoken/                   many, into a folder"""

MODELS = {"istft": "vocoder", "waveglow": "waveglow"}  # the folder of models/ that a method needs
METHODS = (*MODELS, "griffin_lim")
LONGEST_S = {"istft": 600.0, "waveglow": 60.0, "griffin_lim": 600.0}  # memory grows with the length: 1 GB or so here
# Natural logs of magnitudes lie between about -11.5 (the floor) and 3; decibels and linear mels fall outside.
LOWEST, HIGHEST = -25.0, 6.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings, or mels as .npy")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a .wav (for one FILE), or a folder")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="default: istft, the best of the trained")
    parser.add_argument("--force", action="store_true", help="overwrite what exists")


def run(args: argparse.Namespace) -> int:
    """Vocode every file; 0 when all could be, else 2."""
    from tqdm import tqdm

    from affekt.core.devices import set_up
    from affekt.core.params import load_params

    targets = plan_targets(args.files, args.output)
    params = load_params(find_root() / PARAMS_NAME)
    device = set_up(params.compute.device, params.compute.threads)
    speak = load_method(args.method, params, device)
    code = 0
    pairs = list(zip(args.files, targets, strict=True))
    for source, target in tqdm(pairs, desc="vocoding", disable=None, leave=False):
        try:
            refuse_overwriting([target], args.force)
            write_sound(target, speak(read_mel(source, LONGEST_S[args.method]).to(device)))
            print(target)
        except UserError as error:
            code = report_fault(str(error))
    return code


def plan_targets(sources: list[Path], output: Path | None) -> list[Path]:
    """Where each sound goes; UserError when two would go to one place."""
    if output is not None and output.suffix.lower() == ".wav":
        if len(sources) > 1:
            raise UserError(f"-o {output} is one file, but {len(sources)} are to be vocoded: give a folder")
        return [output]
    targets = [(output or source.parent) / f"{source.stem}.vocoded.wav" for source in sources]
    target, count = Counter(targets).most_common(1)[0]
    if count > 1:
        raise UserError(f"{count} of the files would be written to {target}: vocode them one by one with -o")
    return targets


def load_method(method: str, params: "Params", device: "torch.device") -> Callable[["Tensor"], "Tensor"]:
    """A function from a raw log mel (80, frames) to a waveform."""
    from affekt.models.vocoders import load_vocoder

    source = find_model(MODELS[method]) if method in MODELS else method
    vocoder = load_vocoder(source, device, params.vocoding.griffin_lim_iterations)
    return lambda mel_MF: vocoder(mel_MF[None])[0]


def read_mel(path: Path, longest: float = LONGEST_S[METHODS[0]]) -> "Tensor":
    """The raw log mel (80, frames) of a recording, or of a .npy file that is one; UserError for anything else."""
    import torch

    from affekt.corpora.audio import read_audio
    from affekt.features.griffin_lim import MIN_FRAMES
    from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE, log_mel

    shortest = MIN_FRAMES * HOP_LENGTH / SAMPLE_RATE
    if path.suffix.lower() == ".npy":
        mel_MF = read_mel_array(path)
    else:
        waveform_T = read_audio(path)
        check_length(path, len(waveform_T) / SAMPLE_RATE, shortest, longest)
        mel_MF = log_mel(torch.from_numpy(waveform_T))
    check_length(path, mel_MF.shape[1] * HOP_LENGTH / SAMPLE_RATE, shortest, longest)
    return mel_MF


def read_mel_array(path: Path) -> "Tensor":
    """A log mel from a .npy file, turned to (80, frames); UserError where shape or values are not those of one."""
    import numpy as np
    import torch

    from affekt.core.files import load_array
    from affekt.features.mel import N_MELS

    mel = load_array(path, mmap=False)
    if mel.ndim != 2 or N_MELS not in mel.shape or not np.issubdtype(mel.dtype, np.floating):
        raise UserError(f"{path}: a mel is float ({N_MELS}, frames) or (frames, {N_MELS}), not {mel.dtype} {mel.shape}")
    if mel.size == 0:
        raise UserError(f"{path}: holds no frame")
    if mel.shape == (N_MELS, N_MELS):
        raise UserError(f"{path}: {N_MELS} x {N_MELS} does not tell bands from frames: add or cut a frame")
    if not (np.isfinite(mel).all() and mel.min() >= LOWEST and mel.max() <= HIGHEST):
        raise UserError(
            f"{path}: values from {mel.min():.4g} to {mel.max():.4g} are no natural-log mel "
            "(about -11.5 to 3): neither decibels nor linear magnitudes will do"
        )
    mel_MF = mel if mel.shape[0] == N_MELS else mel.T
    return torch.from_numpy(np.ascontiguousarray(mel_MF, dtype=np.float32))


def check_length(path: Path, seconds: float, shortest: float, longest: float) -> None:
    """UserError when a sound is too short for one mel, or too long for the memory."""
    if not shortest <= seconds <= longest:
        raise UserError(f"{path}: {seconds:.2f} s cannot be vocoded at once: {shortest:.2f} s to {longest:.0f} s can")


def write_sound(path: Path, waveform_T: "Tensor") -> None:
    """Write a waveform as 16-bit WAV, whole or not at all."""
    from affekt.corpora.wav import write_wav

    write_wav(path, waveform_T.detach().cpu().numpy())
