"""Machines that only train and measure (a rented GPU) need no PyAV."""

import subprocess
import sys

PROGRAM = """
import sys

sys.modules["av"] = None  # any import of it raises ImportError

import worldreel.cli.evaluate
import worldreel.cli.train
import worldreel.evaluation.suites
import worldreel.recipes
import worldreel.training.runs
import worldreel.api
"""


def test_training_and_evaluation_import_without_pyav():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
