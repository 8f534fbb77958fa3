"""Relevance metrics, and the roll-out of an encoder that they gate."""

from search.evaluation import metrics, rollout
from search.evaluation.metrics import EvaluationQuery
from search.evaluation.rollout import RolloutRefused

__all__ = ["EvaluationQuery", "RolloutRefused", "metrics", "rollout"]
