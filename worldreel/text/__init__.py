"""Text: prompts to tokens, tokens to vectors the transformer attends to, and what words of a prompt a model knows."""

from worldreel.text.encoder import TextEncoder, TextEncoderConfig
from worldreel.text.knowledge import Knowledge
from worldreel.text.table import WordTable, load_table
from worldreel.text.tokenizer import Tokenizer

__all__ = ["Knowledge", "TextEncoder", "TextEncoderConfig", "Tokenizer", "WordTable", "load_table"]
