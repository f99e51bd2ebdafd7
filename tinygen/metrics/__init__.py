"""What is measured: judgements of samples, each with what it says of real data beside it."""

from .judge import Judge, Judgement

__all__ = ["Judge", "Judgement"]
