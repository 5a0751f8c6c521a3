"""What a step says while it works: sentences, some of which warn."""

from __future__ import annotations


class Caution(str):
    """A sentence that tells what may spoil the results; it is printed behind the word "warning".

    A step says it as any other sentence, and the record of the step keeps it apart.
    """

    __slots__ = ("sentence",)

    sentence: str

    def __new__(cls, sentence: str) -> Caution:
        """Of the sentence alone, as it stands in the record and in the report."""
        caution = super().__new__(cls, f"warning: {sentence}")
        caution.sentence = sentence
        return caution
