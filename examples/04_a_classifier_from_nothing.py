"""Handwritten digits, told apart by a network of two layers written out by hand.

No layers, no optimizer, no trainer: weights, a forward pass, a gradient, a step. Takes a second or
two on a CPU.

Run it: python examples/04_a_classifier_from_nothing.py [--device cuda] [--data mnist]
"""

import argparse

import tinygen as tg
from tinygen.data import BatchLoader, load
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)

data = load(options.data)
images, test_images = data.flat()
pixels = data.n_features
rng = tg.Generator(0)

# Pixels -> 64 hidden units -> 10 classes. He initialisation keeps activations near size 1.
w1 = tg.tensor(rng.normal((pixels, 64), std=(2 / pixels) ** 0.5), requires_grad=True)
b1 = tg.zeros(64)
w2 = tg.tensor(rng.normal((64, 10), std=(2 / 64) ** 0.5), requires_grad=True)
b2 = tg.zeros(10)
weights = [w1, b1, w2, b2]
for w in weights:
    w.requires_grad = True


def logits(x):
    return tg.relu(x @ w1 + b1) @ w2 + b2


def accuracy(x, labels):
    with tg.no_grad():
        return (logits(tg.tensor(x)).numpy().argmax(1) == labels).mean()


batches = BatchLoader((images, data.train_labels), 64, rng)
for epoch in range(1, 31):
    for x, labels in batches:
        loss = tg.softmax_cross_entropy(logits(tg.tensor(x)), tg.tensor(labels))
        for w, g in zip(weights, tg.grad(loss, weights), strict=True):
            w.data -= 0.2 * g.data
    if epoch % 10 == 0:
        right = accuracy(test_images, data.test_labels)
        print(f"epoch {epoch}: loss {loss.item():.3f}, {100 * right:.1f}% of held-out digits right")

# What each hidden unit looks for: its weights as an image, grey where a pixel does not matter.
size = float(abs(w1.numpy()).max())
image_grid(0.5 + 0.5 * w1.numpy().T.reshape(64, *data.shape) / size).save("weights.png")
print("weights.png")

# Expected output (numbers within 2%: the last digits may differ with the BLAS):
# epoch 10: loss 0.281, 95.3% of held-out digits right
# epoch 20: loss 0.095, 96.1% of held-out digits right
# epoch 30: loss 0.053, 96.9% of held-out digits right
# weights.png
