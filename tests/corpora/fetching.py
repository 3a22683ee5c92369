"""What the tests of fetching share: a request, a server of a folder, and a look, or an ear, at what came."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from affekt.core.params import DemoParams
from affekt.corpora.request import FetchRequest

SIZE = DemoParams(voices=8, statements=1, repetitions=1)  # no published corpus looks at it


def request(facts: Path, folder: Path, mirror: str | None) -> FetchRequest:
    """Ask for a published corpus to be brought to `folder`/out."""
    (folder / "out").mkdir(parents=True, exist_ok=True)  # as the stage does
    return FetchRequest(facts, folder / "out", folder / "work", folder / "downloads", mirror, SIZE, 0)


def brought(folder: Path) -> list[str]:
    """The paths of what came."""
    out = folder / "out"
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def f0_hz(samples: np.ndarray) -> float:
    """Median f0, by Praat."""
    import parselmouth

    sound = parselmouth.Sound(samples.astype(np.float64), 22_050)
    f0 = sound.to_pitch_ac(pitch_floor=65, pitch_ceiling=600).selected_array["frequency"]
    return float(np.median(f0[f0 > 0]))


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder over http while the block runs; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
