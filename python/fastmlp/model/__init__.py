"""Models: what they are (model.py), how they are read (files.py) and what a file says of them."""

from .files import assemble, load, load_checkpoint, model_from_bytes
from .model import Model

__all__ = ["Model", "assemble", "load", "load_checkpoint", "model_from_bytes"]
