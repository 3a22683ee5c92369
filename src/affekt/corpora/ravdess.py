"""RAVDESS (Livingstone & Russo 2018), 1440 acted clips of 24 speakers, from Zenodo or a mirror.

Every file is verified by the sha256 of its 16-bit samples, which is the same for the published WAV and for a
lossless FLAC of it, so a mirror may hold either.
"""

from functools import partial

from affekt.corpora.corpus import Corpus
from affekt.corpora.manifest import check_samples, read_manifest
from affekt.corpora.naming import read_path
from affekt.corpora.request import FetchRequest
from affekt.corpora.transport import open_source, published_archive, take_listed

NAME = "ravdess"
_OF_ARCHIVE = (".wav",)
_OF_MIRROR = (".flac", ".wav")


def fetch(request: FetchRequest) -> None:
    """Bring all clips of the manifest to `request.out`, each verified."""
    manifest = read_manifest(request.facts / "manifest.csv")
    with open_source(request, NAME, published_archive(request.facts)) as (place, is_archive):
        suffixes = _OF_ARCHIVE if is_archive else _OF_MIRROR
        take_listed(request, place, manifest, suffixes, partial(check_samples, manifest))


CORPUS = Corpus(NAME, fetch, reader=lambda facts, raw: partial(read_path, corpus=NAME))
