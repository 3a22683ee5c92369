"""The step after an install: `python -m affekt.core.torchaudio_step` makes torchaudio importable beside a CPU torch.

The registry's torchaudio wheel links CUDA, so beside a CPU-only torch its import fails (libc10_cuda.so is missing).
Only lfilter's speed, overdrive, forced_align and rnnt_loss need that extension; without it torchaudio runs in Python.
"""

from pathlib import Path

EXTENSION_PATTERNS = ("_torchaudio*.so", "libtorchaudio*.so")
CUDA_MARK = b"libcudart"  # the CUDA runtime, in the names of the libraries that an extension links


def remove_cuda_extension(package: Path) -> list[Path]:
    """Remove the libraries of a torchaudio package that link CUDA; returns those removed, none the second time."""
    libraries = sorted(path for pattern in EXTENSION_PATTERNS for path in (package / "lib").glob(pattern))
    linked = [path for path in libraries if CUDA_MARK in path.read_bytes()]
    for path in linked:
        path.unlink()
    return linked


def main() -> None:
    """Do the step in this environment, and say what was done."""
    import importlib.util

    import torch

    spec = importlib.util.find_spec("torchaudio")
    assert spec is not None, "torchaudio is a dependency of the package"
    assert spec.origin is not None, "torchaudio is a regular package"
    if torch.version.cuda is not None:
        print(f"torchaudio: left as it is (torch {torch.__version__} has CUDA)")
        return
    removed = remove_cuda_extension(Path(spec.origin).parent)
    names = ", ".join(path.name for path in removed) or "nothing to do"
    print(f"torchaudio beside torch {torch.__version__} without CUDA: removed {names}")


if __name__ == "__main__":
    main()
