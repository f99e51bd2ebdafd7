"""One script, two array libraries: the same training step on the processor and on a GPU, timed.

Nothing below says NumPy or CuPy: a tensor's array selects the library, operation by operation, and
layers, gradients and optimizers never ask. What is worth knowing of a GPU is in the comments. Small
steps are dearer there, since each operation is a launch; large ones are where it pays. Without a
GPU the script says why, and times the processor alone.

Run it: python examples/14_one_script_two_backends.py [--device cuda]
"""

import argparse
from time import perf_counter

from PIL import Image, ImageDraw

import tinygen as tg
from tinygen import nn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default="cuda", help="to compare with the processor: cuda, cuda:1")
options = parser.parse_args()

BATCHES = (32, 256, 2048)
STEPS = 10


def median_step(device, batch):
    """Seconds of a training step of a classifier, 784-256-256-10, and its loss at the end."""
    with tg.use_device(device):
        # One seed, one stream of numbers, on every device; weights are drawn on the host.
        rng = tg.Generator(0)
        model = nn.Sequential(
            nn.Linear(784, 256, rng=rng), nn.ReLU(),
            nn.Linear(256, 256, rng=rng), nn.ReLU(),
            nn.Linear(256, 10, rng=rng),
        )  # fmt: skip
        adam = tg.optim.Adam(model.named_parameters(), lr=1e-3)
        x = tg.tensor(rng.uniform((batch, 784)))
        labels = tg.tensor(rng.integers(0, 10, batch))
        seconds = []
        for _ in range(STEPS):
            start = perf_counter()
            loss = tg.softmax_cross_entropy(model(x), labels)
            adam.step(tg.grad(loss, adam.params))
            # A GPU works on while Python goes on; reading a number waits for it. A training loop
            # reads none, a stopwatch has to.
            value = loss.item()
            seconds.append(perf_counter() - start)
        return sorted(seconds)[STEPS // 2], value


devices = ["cpu"]
try:
    with tg.use_device(options.device):
        devices += [] if tg.ones(1).device == "cpu" else [options.device]
except tg.DeviceError as error:
    print(error)

print(f"{'':10}" + "".join(f"{f'batch {batch}':>26}" for batch in BATCHES))
times = {}
for device in devices:
    found = [median_step(device, batch) for batch in BATCHES]
    times[device] = [1e3 * seconds for seconds, _ in found]
    shown = (f"{1e3 * seconds:9.2f} ms, loss {loss:.4f}" for seconds, loss in found)
    print(f"{device:10}" + "".join(f"{text:>26}" for text in shown))

# Bars of milliseconds, one group for each size of the batch.
picture = Image.new("RGB", (480, 320), "white")
draw = ImageDraw.Draw(picture)
longest = max(max(column) for column in times.values())
for k, (device, column) in enumerate(times.items()):
    colour = ("navy", "green")[k]
    draw.text((10 + 120 * k, 4), device, fill=colour)
    for i, ms in enumerate(column):
        left, top = 20 + 150 * i + 50 * k, 300 - 260 * ms / longest
        draw.rectangle((left, top, left + 44, 300), fill=colour)
        draw.text((left, top - 14), f"{ms:.1f} ms", fill=colour)
for i, batch in enumerate(BATCHES):
    draw.text((20 + 150 * i, 304), f"batch {batch}", fill="black")
picture.save("times.png")
print("times.png")

# Expected output with --device cpu (losses within 1%; times are one machine's):
#                             batch 32                 batch 256                batch 2048
# cpu             4.42 ms, loss 1.5562     24.21 ms, loss 1.9906    164.22 ms, loss 2.2270
# times.png
