"""What should hold of a run, and whether it does: the page says both, so that a weak run cannot look strong."""

import re
from collections.abc import Sequence
from typing import Any

from affekt.report.sections import climbs, gender, hearing, optimisation
from affekt.report.sections.claim import STATEMENT_KEPT, Claim
from affekt.report.sections.claims_converting import judge_converting
from affekt.report.sections.vocoding import BASELINE, MEASURES, SYSTEMS, measured
from affekt.report.values import SIGNIFICANT, Values, number, p_value, percent

LEAST_SNR_DB = 40.0
ACTIVATIONS = ("activation_before", "activation_after")
ON_PRIOR_PERCENTILES = (1.0, 99.0)  # shorter or longer than these shares of random latents has left the prior
MASKED_SHARE = 0.5  # of clips, at least, that a mask brings to the wanted emotion
HEARD_AS_WISHED = 0.6  # of what the judge hears rightly in real clips of speakers that it does not know


def judge_run(values: Values, emotions: Sequence[str]) -> dict[str, Any]:
    """All claims of a run, those not met first."""
    claims = [*_recognition(values), *_hearing(values), *_gender(values), *_generation(values), *_vocoding(values)]
    for emotion in emotions:
        claims += _optimisation(values, emotion)
    claims += [*_climbs(values, emotions), _mask(values), *judge_converting(values), *_dream(values)]
    return {"met": [c for c in claims if c.met], "missed": [c for c in claims if not c.met]}


def _recognition(values: Values) -> list[Claim]:
    claims = []
    for model, svm in (("recogniser_mel_cnn", "mfcc_svm_a"), ("judge", "mfcc_svm_b")):
        own, beside = values[f"recognise/{model}/ua"], values[f"recognise/{svm}/ua"]
        chance = values["recognise/chance/ua"]
        text = f"The {model.partition('_')[0]} beats MFCC + SVM and chance on speakers it never saw (UA)"
        figures = f"{percent(own)} against {percent(beside)} and {percent(chance)}"
        claims.append(Claim(text, figures, own > max(beside, chance)))
    return claims


def _hearing(values: Values) -> list[Claim]:
    svm, chance = values[f"recognise/{hearing.SVM}/ua_mean"], values["recognise/chance/ua"]
    networks = [model for model in hearing.NAMES if model not in (hearing.SVM, *hearing.ENSEMBLES)]
    ua = {model: values[f"recognise/{model}/ua_mean"] for model in networks}
    claims = [
        Claim(
            f"The {hearing.NAMES[model]} beats MFCC + SVM and chance over the folds of unseen speakers (UA)",
            f"{percent(ua[model])} against {percent(svm)} and {percent(chance)}",
            ua[model] > max(svm, chance),
        )
        for model in networks
    ]
    together, best = values[f"recognise/{hearing.ENSEMBLE}/ua_mean"], max(ua.values())
    text = "The ensemble of all networks beats the best of them (UA)"
    return [*claims, Claim(text, f"{percent(together)} against {percent(best)}", together > best)]


def _gender(values: Values) -> list[Claim]:
    """Each network against the threshold that was fitted on what the network was trained on.

    Where actors were added the threshold of the readers alone has to be beaten too: actors may make a threshold worse.
    """
    plain = values[f"gender/{gender.THRESHOLD}/accuracy"]
    claims = []
    for ending in ("", "_joint"):
        beside = values[f"gender/{gender.THRESHOLD}{ending}/accuracy"]
        for model in (f"gender_fast{ending}", f"gender_slow{ending}", f"gender_both{ending}"):
            own, clips = (values[f"gender/{model}/{key}"] for key in ("accuracy", "clips"))
            better, worse, _, p = (values[f"gender/{model}/{key}"] for key in gender.COMPARISON)
            name = gender.NAMES[model][0].lower() + gender.NAMES[model][1:]
            also = f" ({percent(plain)} by the threshold of readers alone)" if ending else ""
            figures = (
                f"{percent(own)} against {percent(beside)}{also}; alone right on {better:.0f} of {clips:.0f} clips, "
                f"alone wrong on {worse:.0f}, p {p_value(p)} after Holm, of one training"
            )
            text = f"The {name} beats the threshold on f0 at the gender of unseen readers"
            claims.append(Claim(text, figures, own > max(beside, plain) and p < SIGNIFICANT))
    return claims


def _generation(values: Values) -> list[Claim]:
    near, real = values["generate/gan/nearest_train"], values["generate/gan/nearest_train_real"]
    memory = Claim(
        "The GAN does not repeat its training clips: its samples lie no nearer to them than unseen real clips do",
        f"distance {number(near)} against {number(real)}",
        near >= real,
    )
    frechet, floor = values["generate/gan/frechet"], values["generate/gan/frechet_floor"]
    close = Claim(
        "The GAN's Fréchet distance is within twice that of real speech to real speech",
        f"{number(frechet)} against {number(floor)}",
        frechet <= 2 * floor,
    )
    published = values["generate/published_gan/frechet"]
    better = Claim(
        "The GAN is nearer to real speech (Fréchet distance) than the published recipe at the presets' equal compute",
        f"{number(frechet)} against {number(published)}",
        frechet < published,
    )
    made, real, ratio = (values[f"generate/cgan/judge_accuracy{ending}"] for ending in ("", "_real", "_ratio"))
    heard = Claim(
        "The conditional GAN says what it is asked for: the judge's accuracy on its samples is at least "
        f"{percent(HEARD_AS_WISHED)} of that on real clips",
        f"{percent(made)} against {percent(real)}",
        ratio >= HEARD_AS_WISHED,
    )
    return [memory, close, better, heard]


def _vocoding(values: Values) -> list[Claim]:
    """Each trained vocoder against Griffin-Lim by each measure."""
    claims = []
    for system, title in SYSTEMS:
        for key, name, digits, better in MEASURES if system != BASELINE else ():
            own, beside = (measured(values, f"vocoder/{one}/{key}") for one in (system, BASELINE))
            text = f"{title} beats Griffin-Lim: {name.split(',')[0]}"
            figures = f"{own.describe(digits)} against {beside.describe(digits)}"
            claims.append(Claim(text, figures, own.rank(better) > beside.rank(better)))
    return claims


def _optimisation(values: Values, emotion: str) -> list[Claim]:
    start = f"{optimisation.PREFIX}/{emotion}/"
    before, after = values[start + "judge_before"], values[start + "judge_after"]
    p, p_chance, elsewhere = (values[start + key] for key in ("p_holm", "p_chance", "judge_elsewhere"))
    percentile = values[start + "prior_percentile"]
    heard = Claim(
        f"Optimising towards {emotion} raises the judge's rate of {emotion} above its start, above chance and above "
        "its rate where another emotion was wanted",
        f"{percent(before)} to {percent(after)}; p {p_value(p)} against the start, {p_value(p_chance)} against chance; "
        f"elsewhere {percent(elsewhere)}",
        after > max(before, elsewhere) and max(p, p_chance) < SIGNIFICANT,
    )
    low, high = ON_PRIOR_PERCENTILES
    near = Claim(
        f"The latents optimised towards {emotion} stay within the prior",
        f"lengths at percentile {number(percentile, 1)} of random ones on average, limits {low:g} and {high:g}",
        low <= percentile <= high,
    )
    return [heard, near]


def _climbs(values: Values, emotions: Sequence[str]) -> list[Claim]:
    """What held of the comparisons: climbs of mels where there are latents enough to tell, and content that is held."""
    claims = []
    for recogniser in ("mel_cnn", "mel_wavenet", "mel_lstm"):
        start = f"maximise/gan/{recogniser}"
        seeds = round(values[f"{start}/seeds"])
        if not climbs.enough(seeds, len(emotions)):
            continue
        rose = [emotion for emotion in emotions if climbs.holds(values, f"{start}/{emotion}")]
        text = (
            f"Climbing the {climbs.RECOGNISERS[recogniser]} lets the judge hear the wanted emotion more often, with "
            f"p < {climbs.STRICT} after Holm, in three of four emotions"
        )
        figures = f"{len(rose)} of {len(emotions)} at {seeds} latents each"
        claims.append(Claim(text, figures, 4 * len(rose) >= 3 * len(emotions)))
    return [*claims, _content_held(values)]


def _content_held(values: Values) -> Claim:
    free, held = (values[f"content_fixed/{way}/all/drift"] for way in ("free", "held"))
    before, after = (values[f"content_fixed/held/all/judge_{when}"] for when in ("before", "after"))
    p_drift, p_judge = values["content_fixed/p_drift"], values["content_fixed/held/all/p_value"]
    return Claim(
        "Holding content keeps more of what is said, by a network that took no part, and still convinces the judge",
        f"drift {number(held)} against {number(free)} nats, p {p_value(p_drift)}; judge {percent(before)} to "
        f"{percent(after)}, p {p_value(p_judge)} (sign tests over latents)",
        held < free and after > before and max(p_drift, p_judge) < SIGNIFICANT,
    )


def _mask(values: Values) -> Claim:
    """At the smallest bound of energy that does it, or else at the one that does most."""
    found = (re.fullmatch(r"mask/([\d.]+)db/judge_after", key) for key in values)
    bounds = sorted((match[1] for match in found if match), key=float)
    several = values["content_fixed/statements"] > 1  # of one statement there is nothing to recognise

    def of(bound: str, key: str) -> float:
        return values[f"mask/{bound}db/{key}"]

    def does(bound: str) -> bool:
        kept = of(bound, "statement_after") >= STATEMENT_KEPT * of(bound, "statement_before")
        moved = of(bound, "judge_after") >= MASKED_SHARE and of(bound, "judge_after") > of(bound, "judge_random")
        return several and kept and moved and of(bound, "p_value") < SIGNIFICANT

    best = next(filter(does, bounds), max(bounds, key=lambda bound: of(bound, "judge_after")))
    before, after, random = (of(best, f"judge_{when}") for when in ("before", "after", "random"))
    return Claim(
        f"A smooth mask brings at least {percent(MASKED_SHARE)} of the clips to the wanted emotion as the judge hears "
        f"it, and at least {percent(STATEMENT_KEPT)} of the statements stay recognised",
        f"{percent(before)} to {percent(after)} at {best} dB, {percent(random)} with a random mask; statements "
        f"{percent(of(best, 'statement_before'))} to {percent(of(best, 'statement_after'))}; "
        f"p {p_value(of(best, 'p_value'))}",
        does(best),
    )


def _dream(values: Values) -> list[Claim]:
    clips = round(values["dream/clips"])
    claims = []
    for key in sorted(key for key in values if key.endswith("/activation_rose") and "/grid/" not in key):
        start = key.removesuffix("activation_rose")
        rose, before, after = (values[start + name] for name in ("activation_rose", *ACTIVATIONS))
        text = f"Dreaming {start.split('/')[1]} raises its activation in every clip"
        figures = f"{number(before, 3)} to {number(after, 3)} on average, in {round(rose * clips)} of {clips}"
        claims.append(Claim(text, figures, rose == 1.0))
    snr = values["dream/snr_zero_db"]
    text = f"Without a dream the sound comes back with at least {LEAST_SNR_DB:g} dB SNR"
    return [*claims, Claim(text, f"{number(snr, 0)} dB", snr >= LEAST_SNR_DB)]
