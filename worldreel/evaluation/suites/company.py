"""Company: scenes of two subjects."""

from worldreel.evaluation.judging import score_company
from worldreel.evaluation.obedience import Sample, draw_company
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.samples import PromptsSettings, marked, row, sampled, write_samples
from worldreel.models import load_model
from worldreel.worlds.judge import Judge

GOALS = {"count": 0.85, "binding": 0.85}


def company(name: str, options: Options) -> dict[str, Result]:
    """Withheld prompts with two subjects: are both there, in their places, each doing its own? The peer has no text."""
    settings = PromptsSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    prompts = draw_company(settings.prompts)

    def marks(sample: Sample) -> dict[str, bool]:
        return score_company(judge.see(sample.frames), sample.prompt.scene)

    samples = sampled(model, prompts, options)
    mute = marked(sampled(model, prompts, options, mute=True), marks)
    write_samples(samples, marks, judge, options.out)
    return {name: row(rate, GOALS.get(name), mute[name]) for name, rate in marked(samples, marks).items()}
