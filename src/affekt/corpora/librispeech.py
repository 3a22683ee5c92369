"""LibriSpeech (Panayotov et al. 2015): people reading books aloud, in its original layout; gender from SPEAKERS.TXT.

The publisher's dev-clean archive (40 speakers) comes from OpenSLR or a mirror; a mirror without the archive gives the
files of manifest.csv (190 speakers), each verified by its samples. Nobody labelled emotions.
"""

import re
import shutil
from functools import partial
from pathlib import Path, PurePosixPath

from affekt.core.errors import UserError
from affekt.core.files import read_json, sha256_file
from affekt.corpora.corpus import ClipFacts, Corpus, ReadPath
from affekt.corpora.manifest import check_samples, read_manifest
from affekt.corpora.request import FetchRequest
from affekt.corpora.table import UNLABELLED
from affekt.corpora.transport import open_source, published_archive, take_listed, take_tree

NAME = "librispeech"
SPEAKERS = "LibriSpeech/SPEAKERS.TXT"
_SUFFIXES = (".flac", ".wav")  # a mirror may hold either: the samples are compared
_PATH = re.compile(r"LibriSpeech/[a-z0-9-]+/([0-9]+)/([0-9]+)/(\1-\2-[0-9]{4})")
_GENDERS = {"F": "f", "M": "m"}


def fetch(request: FetchRequest) -> None:
    """Bring the recordings and the table of speakers to `request.out`."""
    with open_source(request, NAME, published_archive(request.facts)) as (place, is_archive):
        if is_archive:
            take_tree(request, place, choose)
            return
        manifest = read_manifest(request.facts / "manifest.csv")
        speakers = place.get(SPEAKERS)
        if sha256_file(speakers) != read_json(request.facts / "archive.json")["speakers_sha256"]:
            place.forget(speakers)
            raise UserError(f"{place.base}/{SPEAKERS}: is not the published file; mend the mirror")
        take_listed(request, place, manifest, _SUFFIXES, partial(check_samples, manifest))
        shutil.copyfile(speakers, request.out / SPEAKERS)


def choose(path: PurePosixPath) -> str | None:
    """Keep the recordings and the table of speakers of the archive, under their published paths."""
    return str(path) if str(path) == SPEAKERS or path.suffix == ".flac" else None


def read_speakers(path: Path) -> dict[str, str]:
    """Read SPEAKERS.TXT: the speaker's number -> "f" or "m"; a speaker without either is not in the answer.

    The last of the columns `ID | SEX | SUBSET | MINUTES | NAME` may itself hold the separator.
    """
    if not path.is_file():
        raise UserError(f"{path}: is missing, and with it the speakers' gender; rerun `reading_fetch`")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("|", 4) for line in lines if line.strip() and not line.startswith(";")]
    pairs = [(row[0].strip(), row[1].strip()) for row in rows if len(row) > 2]
    return {number: _GENDERS[sex] for number, sex in pairs if sex in _GENDERS}


def reader(facts: Path, raw: Path) -> ReadPath:
    """Return the function that reads `LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<utterance>`."""
    gender = read_speakers(raw / SPEAKERS)

    def read(path: PurePosixPath) -> ClipFacts:
        match = _PATH.fullmatch(path.with_suffix("").as_posix())
        if match is None:
            raise ValueError("wrongly named: must be LibriSpeech/<subset>/84/121123/84-121123-0000.flac or the like")
        number, _, name = match.groups()
        if number not in gender:
            raise UserError(f"{raw / SPEAKERS}: has no gender of speaker {number}, who reads {path}; mend the table")
        return ClipFacts(
            clip_id=f"{NAME}-{name}",
            speaker=f"{NAME}-{number}",
            gender=gender[number],
            emotion=UNLABELLED,
            intensity="normal",
            statement=name.partition("-")[2],
            repetition=1,
        )

    return read


CORPUS = Corpus(NAME, fetch, reader, beside=frozenset({SPEAKERS}))
