"""Prompting: every mode, study by study."""

from pydantic import Field

from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.evaluation.prompting import STUDIES
from worldreel.evaluation.results import Result
from worldreel.evaluation.suites.options import Options
from worldreel.media.sheet import save_sheet
from worldreel.models import load_model
from worldreel.worlds.judge import Judge


class PromptingSettings(Config):
    clips: int = Field(default=50, ge=2)
    """Withheld clips a study."""
    studies: tuple[str, ...] = tuple(STUDIES)


def prompting(name: str, options: Options) -> dict[str, Result]:
    """Every mode of prompting on withheld clips, default settings, first seeds; a contact sheet for each study."""
    settings = PromptingSettings().changed(list(options.settings))
    model, judge = load_model(name), Judge()
    results: dict[str, Result] = {}
    for number, study in enumerate(settings.studies):
        if study not in STUDIES:
            raise UserError(f"--set studies: there is no {study!r}, but {', '.join(STUDIES)}")
        options.watch(study, number, len(settings.studies))
        found = STUDIES[study](model, judge, settings.clips)
        results |= found.rows
        if options.out is not None:
            save_sheet(options.out / f"{study}.png", found.clips)
    return results
