"""Let a network dream on recordings: change them until one of its layers responds most.

The spectrogram climbs to what the layer responds to, first in the coarsest octave, then in finer ones. How strongly the
layer responds to the sound, and what the network calls it, is told before and after. The dream is added to the
recording as it is: rate, channels, length, level and what lies above 11 kHz stay; only where the sum would clip is all
of it made softer, which is told. It uses the networks of the pipeline's last run; what is not given is as in the
section `dream` of params.yaml."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.cli.faults import report_fault
from affekt.cli.project import PARAMS_NAME, find_root, refuse_overwriting
from affekt.core.errors import UserError

if TYPE_CHECKING:
    from affekt.cli.dreaming import Dreamer
    from affekt.core.params import Params
    from affekt.optimise.dream import Wish

EXAMPLES = """\
examples:
  affekt dream --list-layers                            every layer of every trained network
  affekt dream me.wav -l block5                         writes me.block5.wav
  affekt dream me.wav -l block2 -n 4 -i 20 -d out -o x  four octaves, 20 iterations each: out/x.wav
  affekt dream me.wav -l block8 --channel 3 --picture   one channel, and a picture of before and after
  affekt dream me.wav -l head --channel 1               towards a class: here the voice of a man
  affekt dream -l block3 --noise 5                      from five seconds of noise

A --step of 0.005 colours the voice, 0.02 leaves little of it. Phases: `original` keeps the
recording's, `griffin_lim` fits them to the dream, `vocoder` speaks the dream's mel with the trained vocoder."""

PHASES = ("original", "griffin_lim", "vocoder")
LONGEST_NOISE_S = 600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments; what is not given is as in the section `dream` of params.yaml."""
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="recordings of any format, rate and channels")
    add("--list-layers", action="store_true", help="list layers and their numbers of channels, and end")
    add("--network", metavar="N", help="of models/")
    add("-l", "--layer", metavar="L", help="what is to respond: one of --list-layers")
    add("--channel", type=int, metavar="K", help="one channel of it (default: the whole layer)")
    add("-n", "--octaves", type=int, metavar="N", help="at most; the coarsest comes first")
    add("-i", "--iterations", type=int, metavar="N", help="per octave; 0 gives the recording back")
    add("--ratio", type=float, metavar="R", help="of two octaves' sizes")
    add("--step", type=float, metavar="S", help="change of a root magnitude (speech is about 1) per iteration")
    add("--jitter-time", type=int, metavar="F", help="frames by which it is moved at random, both ways")
    add("--jitter-frequency", type=int, metavar="B", help="the same in bins; networks of spectrograms only")
    add("--tile", type=int, metavar="F", help="frames heard at once: memory does not grow beyond")
    add("--phase", choices=PHASES, default=PHASES[0], help=f"default: {PHASES[0]}")
    add("--noise", type=float, metavar="S", help="start from so many seconds of noise, without FILE")
    add("--seed", type=int, metavar="S", help="of jitter and noise (default: seed of params.yaml)")
    add("-d", "--directory", type=Path, metavar="DIR", help="where to write (default: beside the recording)")
    add("-o", "--output", metavar="NAME", help="without .wav (default: FILE.LAYER); several FILEs: NAME_0, NAME_1 …")
    add("--picture", action="store_true", help="also write NAME.png: spectrograms before (above) and after")
    add("--force", action="store_true", help="overwrite what exists")


def run(args: argparse.Namespace) -> int:
    """List layers, or dream every file; 0 when all could be, else 2."""
    from affekt.cli.dreaming import list_networks, open_dreamer
    from affekt.core.devices import set_up
    from affekt.core.params import load_params

    params = load_params(find_root() / PARAMS_NAME)
    if args.list_layers:
        table, faults = list_networks(args.network, set_up(params.compute.device, params.compute.threads))
        print(table)
        return max([report_fault(fault) for fault in faults], default=0)
    wish = choose_wish(args, params)
    targets = plan_targets(args.files, args.directory, args.output, args.layer, args.noise)
    device = set_up(params.compute.device, params.compute.threads)
    dreamer = open_dreamer(args.network or params.dream.network, wish, args.phase, device)
    code = 0
    for source, target in zip(args.files or [None], targets, strict=True):
        try:
            dream_one(dreamer, source, target, args)
        except UserError as error:
            code = report_fault(str(error))
    return code


def dream_one(dreamer: "Dreamer", source: Path | None, target: Path, args: argparse.Namespace) -> None:
    """Dream one recording, or noise, write it and tell what came of it."""
    from affekt.cli.dreaming import write_picture, write_sound

    picture = target.with_suffix(".png")
    refuse_overwriting([target, picture] if args.picture else [target], args.force)
    dreamed = dreamer.dream_noise(args.noise) if source is None else dreamer.dream_file(source)
    write_sound(target, dreamed)
    if args.picture:
        write_picture(picture, dreamed)
    print(f"{target}: {dreamed.describe()}")


def choose_wish(args: argparse.Namespace, params: "Params") -> "Wish":
    """The wish of the arguments, completed by params.yaml; UserError for what is missing or impossible."""
    from affekt.optimise.dream import Wish

    if args.layer is None:
        raise UserError("-l LAYER is missing: `affekt dream --list-layers` lists what can be dreamed")
    if bool(args.files) == (args.noise is not None):
        raise UserError("give recordings, or --noise SECONDS without any")
    if args.noise is not None and not 0 < args.noise <= LONGEST_NOISE_S:
        raise UserError(f"--noise {args.noise:g}: must be seconds, up to {LONGEST_NOISE_S:.0f}")
    section = params.dream
    given = {
        "octaves": ("--octaves", args.octaves, section.octaves, 1, 100),
        "iterations": ("--iterations", args.iterations, section.iterations, 0, 10**6),
        "ratio": ("--ratio", args.ratio, section.ratio, 1.01, 10),
        "step": ("--step", args.step, section.step, 1e-9, 10),
        "tile_frames": ("--tile", args.tile, section.tile_frames, 32, 10**6),
        "jitter_frames": ("--jitter-time", args.jitter_time, section.jitter_frames, 0, 10**6),
        "jitter_bins": ("--jitter-frequency", args.jitter_frequency, section.jitter_bins, 0, 10**6),
    }
    values: dict[str, Any] = {}
    for name, (flag, value, default, least, most) in given.items():
        if value is not None and not least <= value <= most:
            raise UserError(f"{flag} {value}: must be from {least:g} to {most:g}")
        values[name] = default if value is None else value
    return Wish(layer=args.layer, channel=args.channel, seed=params.seed if args.seed is None else args.seed, **values)


def plan_targets(
    sources: list[Path], directory: Path | None, name: str | None, layer: str, noise: float | None
) -> list[Path]:
    """Where each dream goes; UserError when two would go to one place."""
    if name is not None and Path(name).name != name:
        raise UserError(f"-o {name}: is the name of a file; the folder goes to -d")
    stem = None if name is None else name.removesuffix(".wav")
    if stem == "":
        raise UserError(f"-o {name!r}: is no name of a file")
    if noise is not None:
        return [(directory or Path()) / f"{stem or f'noise.{layer}'}.wav"]
    targets = []
    for i, source in enumerate(sources):
        own = f"{source.stem}.{layer}" if stem is None else stem if len(sources) == 1 else f"{stem}_{i}"
        targets.append((directory or source.parent) / f"{own}.wav")
    target, count = Counter(targets).most_common(1)[0]
    if count > 1:
        raise UserError(f"{count} of the files would be written to {target}: give a NAME with -o")
    return targets
