"""The generator of the demo pictures; the demo encoder is trained on its drawings."""
