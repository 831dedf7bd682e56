"""Paraphrases: the same scenes in other words."""

from worldreel.evaluation.obedience import draw_prompts, paraphrased
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.samples import PromptsSettings, marked, marks_of, row, sampled, write_samples
from worldreel.models import load_model
from worldreel.worlds.judge import Judge

MOST_LOST = 0.06


def paraphrases(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts in the plainest words, in other wordings that training shows (`heard_*`), and in wordings that it never
    does (`unheard_*`): at most six points may be lost."""
    settings = PromptsSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    prompts, marks = draw_prompts(settings.prompts), marks_of(judge)
    plain = marked(sampled(model, prompts, options), marks)
    heard = marked(sampled(model, paraphrased(prompts), options), marks)
    samples = sampled(model, paraphrased(prompts, withheld=True), options)
    write_samples(samples, marks, judge, options.out)
    results = {f"plain_{attribute}": row(rate, None) for attribute, rate in plain.items()}
    for kind, rates in ("heard", heard), ("unheard", marked(samples, marks)):
        for attribute, rate in rates.items():
            results[f"{kind}_{attribute}"] = row(rate, plain[attribute].value - MOST_LOST)
    return results
