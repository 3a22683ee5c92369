"""What should hold of what changes a voice: conversion, disentangling and new voices."""

from affekt.report.sections import conversion, disentangling
from affekt.report.sections.claim import STATEMENT_KEPT, Claim
from affekt.report.sections.vocoding import Measured
from affekt.report.values import SIGNIFICANT, Values, number, p_value, percent

CONVERTED_TIMES = 2.0  # as often as in the recording, vocoded or not, the jury hears the wish after the best converter
GENDER_AS_WISHED = 0.95  # of new voices


def judge_converting(values: Values) -> list[Claim]:
    """Return all claims about changing a voice."""
    return [*_conversion(values), *_disentangling(values), *_voices(values)]


def _conversion(values: Values) -> list[Claim]:
    """What the converter does that the jury believes most: emotion, voice and statement.

    Nothing to claim where nothing was converted, as no jury could judge it; the section says so.
    """
    if not values.any_of("convert/"):
        return []
    best = conversion.best_method(values)
    name = f"The {conversion.VERSIONS[best]}" if best != "optimise" else "Optimising the codes"
    kept, real = (values[f"convert/{version}/statement_accuracy"] for version in (best, "target"))
    several = values["content_fixed/statements"] > 1  # of one statement there is nothing to recognise
    statement = Claim(
        f"{name} keeps at least {percent(STATEMENT_KEPT)} of the statements that are recognised in real recordings",
        f"{percent(kept)} against {percent(real)}",
        several and kept >= STATEMENT_KEPT * real,
    )
    return [_emotion(values, best, name), *_voice_kept(values, best, name), statement]


def _emotion(values: Values, best: str, name: str) -> Claim:
    """Each emotion is wanted as often: one verdict whatever is wished is right by chance, and as often elsewhere."""
    heard, source, copy = (values[f"convert/{version}/judge_accuracy"] for version in (best, "source", "copy"))
    beside, chance, p = max(source, copy), conversion.chance_of_a_wish(values), values[f"convert/{best}/p_holm"]
    elsewhere = conversion.named_elsewhere(values, best)
    told = "nowhere, as one emotion alone is wanted" if elsewhere is None else percent(elsewhere)
    return Claim(
        f"{name}, of all converters what the jury believes most, lets it hear the wanted emotion at least "
        f"{CONVERTED_TIMES:g} times as often as in the recording, as it is or through the vocoder, and more often than "
        "by chance and than where another emotion was wanted",
        f"{percent(heard)} against {percent(source)} as it is and {percent(copy)} through the vocoder; chance "
        f"{percent(chance)}, elsewhere {told}; p {p_value(p)} against the source through the vocoder (sign flips over "
        "speakers, Holm over the converters)",
        heard > max(beside, chance)
        and heard >= CONVERTED_TIMES * beside
        and elsewhere is not None
        and heard > elsewhere
        and p < SIGNIFICANT,
    )


def _voice_kept(values: Values, best: str, name: str) -> list[Claim]:
    """Nothing to claim where a corpus has no other speakers who could be taken for this one."""
    if "convert/other_speaker_cosine" not in values:
        return []
    cosine = values[f"convert/{best}/speaker_cosine"]
    same, other = (values[f"convert/{whose}_speaker_cosine"] for whose in ("same", "other"))
    claim = Claim(
        f"{name} keeps the voice: it is nearer to that of the same speaker in another emotion than to other speakers' "
        "(cosine to the recording)",
        f"{number(cosine, 3)}; {number(same, 3)} for the same speaker, {number(other, 3)} for others",
        same > other and cosine > (same + other) / 2,
    )
    return [claim]


def _disentangling(values: Values) -> list[Claim]:
    """Each code against all others and against changing none, by its own aspect; and its own aspect against others.

    Nothing to claim where no code was exchanged.
    """
    if not values.any_of("disentangle/"):
        return []
    claims = []
    for code, aspect in disentangling.OWN.items():
        own, name = disentangling.moved(values, code, aspect), disentangling.ASPECTS[aspect].lower()
        other, others = disentangling.others_move(values, code)
        called = f"the {other} code" if other in disentangling.OWN else "changing none"
        p, p_row = (values[f"disentangle/{code}/{key}"] for key in ("p_holm", "p_holm_row"))
        claims.append(Claim(
            f"The {code} code moves the {name} more than any other code does",
            f"{_moved(own)} of pairs; {called} {_moved(others)}; p {p_value(p)} (McNemar, Holm over the codes)",
            _exceeds(own, others) and p < SIGNIFICANT,
        ))  # fmt: skip
        beside, most = disentangling.also_moves(values, code)
        claims.append(Claim(
            f"Of all aspects the {code} code moves its own most, the {name}",
            f"{_moved(own)} of pairs; the {disentangling.ASPECTS[beside].lower()} {_moved(most)}; p {p_value(p_row)} "
            "(McNemar, Holm over the codes)",
            _exceeds(own, most) and p_row < SIGNIFICANT,
        ))  # fmt: skip
    return claims


def _exceeds(own: Measured, rival: Measured) -> bool:
    """What is not defined exceeds nothing, and nothing exceeds it."""
    return own.mean is not None and rival.mean is not None and own.mean > rival.mean


def _moved(share: Measured) -> str:
    if share.mean is None:
        return "undefined"
    return percent(share.mean) + (f" (undefined in {share.undefined})" if share.undefined else "")


def _voices(values: Values) -> list[Claim]:
    gender_right, too_near = values["voices/gender_accuracy"], values["voices/too_near"]
    wished = Claim(
        f"At least {percent(GENDER_AS_WISHED)} of the new voices have the gender that was wished",
        f"{percent(gender_right)}; real speakers {percent(values['voices/gender_accuracy_real'])}",
        gender_right >= GENDER_AS_WISHED,
    )
    new = Claim(
        "No new voice is as near to a training clip as the nearest hundredth of one speaker's clips are to each other",
        f"{percent(too_near)} are; the nearest at {number(values['voices/nearest'], 3)}, the bound is "
        f"{number(values['voices/same_speaker_percentile_1'], 3)}",
        too_near == 0.0,
    )
    return [wished, new, *_spoken(values)]


def _spoken(values: Values) -> list[Claim]:
    """Voices that are spoken in; nothing to claim of crossed recordings where a corpus has one gender."""
    apart, same = (values.find(f"voices/decoded/pairwise_cosine{ending}") for ending in ("", "_same"))
    told = ["undefined" if cosine is None else number(cosine, 3) for cosine in (apart, same)]
    differ = Claim(
        "Drawn voices differ when spoken: two in one recording are less alike than the recording in its own voice by "
        "two clips of its speaker (cosine)",
        f"{told[0]} against {told[1]}",
        apart is not None and same is not None and apart < same,
    )
    crossed = values.find("voices/decoded/gender_accuracy_crossed")
    if crossed is None:
        return [differ]
    right = Claim(
        f"Spoken in a recording of the other gender, at least {percent(GENDER_AS_WISHED)} of drawn voices are heard as "
        "the gender that was wished",
        f"{percent(crossed)}; in all recordings {percent(values['voices/decoded/gender_accuracy'])}",
        crossed >= GENDER_AS_WISHED,
    )
    return [differ, right]
