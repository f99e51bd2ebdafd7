"""A tensor remembers how it was computed, and a gradient walks that memory back.

Run it: python examples/01_a_tensor_and_its_gradient.py [--device cuda]
"""

import argparse

import tinygen as tg

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
tg.use_device(parser.parse_args().device)


def show(name, tensor):
    rows = tensor.numpy().reshape(-1, tensor.shape[-1])
    print(name, *("[" + "  ".join(f"{v:7.4f}" for v in row) + "]" for row in rows), sep="\n  ")


# A function of three numbers. Each step is recorded, because x asks for gradients.
x = tg.tensor([-2.0, 0.0, 1.0], requires_grad=True)
y = tg.sum(tg.tanh(x) ** 2) + x[0] * x[2]

# The slope of y in each of them.
show("dy/dx", tg.grad(y, x, retain_graph=True))

# create_graph records the gradient's own computation, so it can be differentiated again: row i of
# the matrix of second derivatives is the gradient of slope i.
slope = tg.grad(y, x, create_graph=True)
rows = [tg.grad(slope[i], x, retain_graph=True) for i in range(3)]
show("d2y/dx2", tg.stack(rows))

# What y remembers: each operation, and the bytes that its derivative will read.
tg.draw_graph(y, "graph.svg", names={"x": x})
print("graph.svg")

# What is asked for decides what is computed. Nothing is stored in x, so nothing needs clearing.
w = tg.tensor([[0.5, -1.0, 1.0]], requires_grad=True)
loss = tg.mean((w @ x - 1.0) ** 2)
show("dloss/dw", tg.grad(loss, w))

# Expected output:
# dy/dx
#   [ 0.8638   0.0000  -1.3603]
# d2y/dx2
#   [-0.2527   0.0000   1.0000]
#   [ 0.0000   2.0000   0.0000]
#   [ 1.0000   0.0000  -0.6216]
# graph.svg
# dloss/dw
#   [ 4.0000   0.0000  -2.0000]
