"""Layers with parameters: named and laid out as in PyTorch, so that weights go both ways."""

from . import init
from .activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .files import load, save
from .layers import Dropout, Flatten, Linear, Sequential
from .module import Module, Parameter

__all__ = [
    "ELU", "GELU", "Dropout", "Flatten", "Identity", "LeakyReLU", "Linear", "Module", "Parameter",
    "ReLU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "init", "load", "save",
]  # fmt: skip
