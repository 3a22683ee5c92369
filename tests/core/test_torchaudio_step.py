"""The torchaudio step: it removes what links CUDA, once, and nothing else."""

from pathlib import Path

from affekt.core.torchaudio_step import remove_cuda_extension

LINKED = b"\x7fELF ... libcudart.so.13 ..."
PLAIN = b"\x7fELF ... libc.so.6 ..."


def test_removes_only_the_extensions_that_link_cuda(tmp_path: Path) -> None:
    libraries = tmp_path / "lib"
    libraries.mkdir()
    for name, content in {
        "_torchaudio.abi3.so": LINKED,
        "libtorchaudio.abi3.so": LINKED,
        "torchaudio_prefixctc.abi3.so": LINKED,  # loaded only when it is asked for
        "libtorchaudio_sox.so": PLAIN,
    }.items():
        (libraries / name).write_bytes(content)
    removed = [path.name for path in remove_cuda_extension(tmp_path)]
    assert removed == ["_torchaudio.abi3.so", "libtorchaudio.abi3.so"]
    assert {path.name for path in libraries.iterdir()} == {"torchaudio_prefixctc.abi3.so", "libtorchaudio_sox.so"}
    assert remove_cuda_extension(tmp_path) == []


def test_torchaudio_gives_the_transforms_here() -> None:
    import torch
    import torchaudio

    mel = torchaudio.transforms.MelSpectrogram(22050, n_fft=1024, hop_length=256, n_mels=80)(torch.ones(1, 4096))
    assert mel.shape == (1, 80, 17)
