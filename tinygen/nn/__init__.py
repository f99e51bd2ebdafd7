"""Layers with parameters: named and laid out as in PyTorch, so that weights go both ways.

    net = nn.Sequential(nn.Linear(784, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng))
    logits = net(x)                                  # (N, 784) to (N, 10)
    nn.save(net, "net.safetensors")                  # PyTorch's names and layouts

Layers draw their first weights from `rng`, on the host: one seed gives one model on every device.
Inputs of a shape that does not fit raise ValueError.
"""

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
from .attention import MultiheadAttention, SelfAttention2d
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .embedding import Embedding
from .files import load, save
from .layers import Dropout, Flatten, Linear, Sequential
from .minibatch import MinibatchDiscrimination
from .module import Module, Parameter
from .normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    PixelNorm,
)
from .pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
    PixelShuffle,
    Upsample,
)
from .progressive import EqualizedConv2d, EqualizedLinear, MinibatchStdDev
from .recurrent import GRU, LSTM, RNN
from .spectral import SpectralNorm

__all__ = [
    "ELU", "GELU", "GRU", "LSTM", "RNN", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "Dropout", "Embedding", "EqualizedConv2d",
    "EqualizedLinear", "Flatten", "GroupNorm", "Identity", "InstanceNorm2d", "LayerNorm",
    "LeakyReLU", "Linear", "MaxPool1d", "MaxPool2d", "MinibatchDiscrimination", "MinibatchStdDev",
    "Module",
    "MultiheadAttention", "Parameter", "PixelNorm", "PixelShuffle", "ReLU", "SelfAttention2d",
    "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "SpectralNorm", "Tanh", "Upsample",
    "init", "load", "save",
]  # fmt: skip
