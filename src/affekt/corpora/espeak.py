"""eSpeak NG by ctypes: the library and its data come inside the package espeakng-loader, no system package.

eSpeak keeps hidden state from utterance to utterance (noise, flutter, wave phase), which even its own
re-initialisation leaves: the same sentence sounds a little different the second time. So each utterance is
spoken in a fork of a process that was initialised and never spoke; the samples then depend on the utterance
alone, neither on the order nor on how many were spoken before. The forks happen in a small process of its own
(`python -m affekt.corpora.espeak`), since forking a process with threads is unsafe.
"""

import ctypes
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from affekt.core.errors import UserError

SAMPLE_RATE = 22_050  # eSpeak's own, of all its formant voices
BATCH = 256  # utterances that one worker process speaks; bounds the memory of the answer

# speak_lib.h: espeak_AUDIO_OUTPUT, espeak_PARAMETER, flags of espeak_Synth
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH, _RANGE, _WORDGAP = 1, 3, 4, 7
_CHARS_UTF8 = 1
_NOISE_SEED = 1  # of eSpeak's own noise; the variety between clips comes from the parameters
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Utterance:
    """What eSpeak is asked to say; the fields are its own parameters."""

    voice: str  # a language and a variant, "en-us+f2"
    text: str
    rate: int = 170  # words per minute, 80-450
    pitch: int = 50  # 0-99, 50 is the voice's own, 50 steps an octave
    pitch_range: int = 50  # 0-100, 50 is the voice's own, 0 monotone
    word_gap: int = 0  # pause between words, in 10 ms


def speak(utterances: Iterable[Utterance]) -> Iterator[np.ndarray]:
    """Yield each utterance as int16 samples at 22,050 Hz; a pure function of the utterance."""
    rest = iter(utterances)
    while batch := list(islice(rest, BATCH)):
        yield from _speak_batch(batch)


def _speak_batch(batch: list[Utterance]) -> Iterator[np.ndarray]:
    request = "\n".join(json.dumps(asdict(utterance)) for utterance in batch)
    done = subprocess.run(
        [sys.executable, "-m", "affekt.corpora.espeak"],
        input=request.encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[:1] or ["no message"]
        raise UserError(f"eSpeak NG could not speak ({reason[0]}); reinstall the package espeakng-loader")
    at = 0
    for _ in batch:
        (length,) = struct.unpack_from("<q", done.stdout, at)
        yield np.frombuffer(done.stdout, "<i2", length // 2, at + 8)
        at += 8 + length


class _Engine:
    """The loaded library, initialised; it speaks once and is then spent."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.samples: list[bytes] = []
        self.callback = _CALLBACK(self._collect)  # kept: the library holds only a bare pointer to it
        rate = self.library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), _INITIALIZE_DONT_EXIT
        )
        if rate != SAMPLE_RATE:
            raise RuntimeError(f"espeak_Initialize answered {rate}, expected {SAMPLE_RATE}")
        self.library.espeak_SetSynthCallback(self.callback)
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(_NOISE_SEED))  # else seeded by the clock

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self.samples.append(ctypes.string_at(samples, 2 * count))
        return 0

    def say(self, utterance: Utterance) -> bytes:
        if self.library.espeak_SetVoiceByName(utterance.voice.encode()):
            raise RuntimeError(f"there is no voice {utterance.voice!r}")
        settings = {
            _RATE: utterance.rate,
            _PITCH: utterance.pitch,
            _RANGE: utterance.pitch_range,
            _WORDGAP: utterance.word_gap,
        }
        for parameter, value in settings.items():
            if self.library.espeak_SetParameter(parameter, value, 0):
                raise RuntimeError(f"parameter {parameter} refuses {value}")
        text = utterance.text.encode()
        if self.library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _CHARS_UTF8, None, None):
            raise RuntimeError(f"could not speak {utterance.text!r}")
        return b"".join(self.samples)


def _say_in_fork(engine: _Engine, utterance: Utterance) -> bytes:
    """Speak in a child process, so that the parent's engine stays as new."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(engine.say(utterance))
            os._exit(0)
        except BaseException as error:  # a fork must never return into the parent's code
            os.write(2, f"{error}\n".encode())
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        samples = pipe.read()
    if os.waitpid(child, 0)[1] or not samples:
        raise RuntimeError(f"no sound for {utterance}")
    return samples


def _serve() -> int:
    """Read utterances as JSON lines, answer each by its length (int64) and its samples."""
    engine = _Engine()
    for line in sys.stdin:
        try:
            samples = _say_in_fork(engine, Utterance(**json.loads(line)))
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        sys.stdout.buffer.write(struct.pack("<q", len(samples)) + samples)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(_serve())
