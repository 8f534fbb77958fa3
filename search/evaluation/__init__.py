"""Relevance metrics, and the roll-out of an encoder that they gate."""

from search.evaluation import metrics, rollout
from search.evaluation.rollout import RolloutRefused

__all__ = ["RolloutRefused", "metrics", "rollout"]
