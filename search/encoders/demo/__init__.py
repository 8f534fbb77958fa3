"""The bundled demo encoder: its checkpoint, and the code that made it. See README.md."""
