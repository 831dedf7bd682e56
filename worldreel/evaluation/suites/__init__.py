"""Suites: what `worldreel evaluate MODEL --suite NAME` runs. Each gives named results, and writes what one should look at."""

import json
from collections.abc import Callable

from worldreel.errors import UserError
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.cast import cast
from worldreel.evaluation.suites.codec import codec
from worldreel.evaluation.suites.company import company
from worldreel.evaluation.suites.likeness import likeness
from worldreel.evaluation.suites.options import Options
from worldreel.evaluation.suites.paraphrases import paraphrases
from worldreel.evaluation.suites.prompting import prompting
from worldreel.evaluation.suites.worlds import worlds

__all__ = ["SUITES", "Options", "evaluate"]

SUITES: dict[str, Callable[[str, Options], dict[str, Result]]] = {
    "worlds": worlds,
    "company": company,
    "paraphrases": paraphrases,
    "likeness": likeness,
    "cast": cast,
    "codec": codec,
    "prompting": prompting,
}


def evaluate(name: str, suite: str, options: Options) -> dict[str, object]:
    """Runs a suite; the answer is what `--json` prints. Raises UserError for an unknown suite."""
    if suite not in SUITES:
        raise UserError(f"--suite {suite!r}: there is {', '.join(SUITES)}")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    results = SUITES[suite](name, options)
    answer: dict[str, object] = {
        "suite": suite,
        "model": name,
        "results": {key: result.to_json() for key, result in results.items()},
    }
    if options.out is not None:
        (options.out / "result.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    return answer
