"""The bundled demo encoder: its checkpoint, and the code that trained it. See README.md."""
