"""CREMA-D (Cao et al. 2014): 91 actors say 12 sentences in six emotions; 7442 clips at 16 kHz, from GitHub or a mirror.

The publisher's repository has the sound in Git LFS: in its place lie pointers that tell each file's size and sha256, by
which a download is verified.
"""

import csv
import re
import shutil
from pathlib import Path, PurePosixPath

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.corpora.corpus import ClipFacts, Corpus, ReadPath
from affekt.corpora.download import NotThere
from affekt.corpora.facts import load_facts
from affekt.corpora.request import FetchRequest
from affekt.corpora.transport import Place, for_all, mirror_place, take_listed, take_tree

NAME = "cremad"
ACTORS = "VideoDemographics.csv"
LISTING = "SentenceFilenames.csv"
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
# Levels asked of the actor: low, medium, high; unspecified. Only the high one is `strong`. Where an actor said a
# sentence at a low and at a medium level, the medium one is the second repetition.
LEVELS = {"LO": ("normal", 1), "MD": ("normal", 2), "HI": ("strong", 1), "XX": ("normal", 1), "X": ("normal", 1)}
_GENDERS = {"Female": "f", "Male": "m"}
_NAME = re.compile(rf"(1\d{{3}})_({'|'.join(SENTENCES)})_({'|'.join(EMOTIONS)})_({'|'.join(LEVELS)})")
_POINTER = re.compile(r"version https://git-lfs\S*\noid sha256:([0-9a-f]{64})\nsize (\d+)\s*")
_NAMED = 3  # missing clips that a refusal names
_POINTER_SIZE = 200  # bytes; no pointer is longer


def fetch(request: FetchRequest) -> None:
    """Bring all clips and the table of actors to `request.out`."""
    kept = request.downloads / NAME
    place = mirror_place(request, NAME, kept / "mirror")
    published = read_json(request.facts / "archive.json")
    if place is None:
        place = Place(published["url"], kept / "repository")
        _take_published(request, place, Place(published["media_url"], kept / "media"))
    elif place.is_url:
        take_listed(request, place, read_listing(place.get(LISTING)), (".wav", ".flac"), refuse_pointer)
    else:
        take_tree(request, place, choose)
        for_all(request, sorted(request.out.rglob("*.wav")), lambda file: refuse_pointer(file.name, file), "files read")
        check_complete(request, place)
    shutil.copyfile(place.get(ACTORS), request.out / ACTORS)


def _take_published(request: FetchRequest, repository: Place, media: Place) -> None:
    def bring(path: str) -> None:
        pointer = _POINTER.fullmatch(repository.get(f"{path}.wav").read_text(encoding="utf-8", errors="replace"))
        if pointer is None:
            raise UserError(f"{repository.base}/{path}.wav: is no Git LFS pointer; try later, or set AFFEKT_MIRROR")
        target = request.out / f"{path}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(media.get(f"{path}.wav", size=int(pointer[2]), sha256=pointer[1]), target)

    for_all(request, read_listing(repository.get(LISTING)), bring, "files verified")


def read_listing(path: Path) -> list[str]:
    """Read the publisher's table of clips: their paths without extension."""
    with open(path, newline="", encoding="utf-8") as file:
        names = [row["Filename"] for row in csv.DictReader(file) if row.get("Filename")]
    if wrong := [name for name in names if not _NAME.fullmatch(name)] or (not names and ["no column Filename"]):
        raise UserError(f"{path}: is not CREMA-D's table of clips ({wrong[0]}); remove it and fetch it again")
    return [f"AudioWAV/{name}" for name in names]


def choose(path: PurePosixPath) -> str | None:
    """Keep sound files below any folder; the publisher's other folders hold the same as MP3 and video."""
    return f"AudioWAV/{path.name}" if path.suffix.lower() in (".wav", ".flac") else None


def check_complete(request: FetchRequest, place: Place) -> None:
    """Raise UserError where a folder lacks clips: of the publisher's table if it has that, else of their number."""
    brought = {path.stem for path in request.out.rglob("*") if path.suffix in (".wav", ".flac")}
    try:
        listed = {PurePosixPath(path).name for path in read_listing(place.get(LISTING))}
    except NotThere:
        published = load_facts(request.facts).clips or 0
        missing, named = published - len(brought), f"there is no {LISTING} to tell which"
    else:
        missing, named = len(listed - brought), ", ".join(sorted(listed - brought)[:_NAMED])
    if missing > 0:
        raise UserError(f"{place.name}: lacks {missing} of the published clips ({named}); complete the copy")


def refuse_pointer(path: str, file: Path) -> None:
    """Raise UserError when a file is what a clone without Git LFS leaves in the sound's place."""
    if file.stat().st_size < _POINTER_SIZE and _POINTER.fullmatch(file.read_text(encoding="utf-8", errors="replace")):
        raise UserError(f"{path}: is a Git LFS pointer, not the sound; run `git lfs pull` in the mirror")


def read_actors(path: Path) -> dict[str, str | None]:
    """Read the publisher's table of actors: number -> "f" or "m", None where it tells neither."""
    if not path.is_file():
        raise UserError(f"{path}: is missing, and with it the actors' gender; rerun `fetch`")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"ActorID", "Sex"} <= rows[0].keys():
        raise UserError(f"{path}: is not CREMA-D's table of actors (columns ActorID and Sex); fetch it again")
    return {row["ActorID"]: _GENDERS.get(row["Sex"]) for row in rows}


def reader(facts: Path, raw: Path) -> ReadPath:
    """Return the function that reads `AudioWAV/1001_DFA_ANG_XX.wav`; gender is in the table of actors."""
    gender = read_actors(raw / ACTORS)

    def read(path: PurePosixPath) -> ClipFacts:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise ValueError("wrongly named: must be actor, sentence, emotion and level, such as 1001_DFA_ANG_XX")
        actor, sentence, emotion, level = match.groups()
        if (sex := gender.get(actor)) is None:
            raise UserError(f"{raw / ACTORS}: has no sex of actor {actor}, who speaks {path}; mend the table")
        intensity, repetition = LEVELS[level]
        return ClipFacts(
            clip_id=f"{NAME}-{actor}-{EMOTIONS[emotion]}-{level.ljust(2, 'X').lower()}-{sentence}",
            speaker=f"{NAME}-{actor}",
            gender=sex,
            emotion=EMOTIONS[emotion],
            intensity=intensity,
            statement=sentence,
            repetition=repetition,
        )

    return read


CORPUS = Corpus(NAME, fetch, reader, beside=frozenset({ACTORS}))
