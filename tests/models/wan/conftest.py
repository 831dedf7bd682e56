import pytest

from tests.models.wan import repositories


@pytest.fixture(scope="package", autouse=True)
def exact(tmp_path_factory):
    """All products in fp32, as diffusers has them here, and a cache of their own."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        for room in ("bundle", "wan.model"):
            patch.setattr(f"worldreel.models.{room}.compute_dtype", lambda device: torch.float32)
        patch.setenv("WORLDREEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """A pipeline and its folder, each made once: `repository(name, scheduler)`."""
    made = {}

    def make(name, scheduler="euler"):
        if (name, scheduler) not in made:
            pipe = repositories.pipeline(name, scheduler)
            folder = tmp_path_factory.mktemp("wan") / f"Wan-{name.replace(' ', '-')}-Diffusers"
            made[name, scheduler] = pipe, repositories.save(pipe, folder)
        return made[name, scheduler]

    return make
