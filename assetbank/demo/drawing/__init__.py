"""Generator of the demo images; the demo encoder is trained on its drawings."""
