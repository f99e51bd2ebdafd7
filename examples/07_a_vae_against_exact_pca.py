"""A variational autoencoder whose best possible likelihood is known: that of principal components.

With a linear decoder and Gaussian noise, p(x) is a Gaussian, and its maximum-likelihood solution is
probabilistic PCA (Tipping and Bishop 1999, "Probabilistic principal component analysis", eq. 7 and
8). Training knows nothing of eigenvectors; still it ends there, and as a linear encoder can be
exact, the evidence lower bound ends at the likelihood itself (Lucas et al. 2019, "Don't blame the
ELBO!"). So one sees that a VAE's two terms, reconstruction and KL, are a likelihood's.

Run it: python examples/07_a_vae_against_exact_pca.py [--device cuda] [--data mnist]
"""

import argparse
import math

import numpy as np

import tinygen as tg
from tinygen.data import BatchLoader, load
from tinygen.models import vae
from tinygen.pictures import image_grid

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--device", default=tg.default_device(), help="cpu, cuda, cuda:1, auto")
parser.add_argument("--data", default="digits", help="digits, mnist, fashion-mnist")
options = parser.parse_args()
tg.use_device(options.device)

LATENT = 8
data = load(options.data)
rows, _ = data.flat()
rows = rows - rows.mean(0)
features = data.n_features


def mean_log_likelihood(weight, variance):
    """Of the rows under N(0, weight weight^T + variance), in nats: the mean of log p(x)."""
    covariance = weight @ weight.T + variance * np.eye(features)
    squares = np.trace(np.linalg.solve(covariance, scatter))
    return -0.5 * (squares + np.linalg.slogdet(covariance)[1] + features * math.log(2 * math.pi))


# The best there is: the largest eigenvectors of the covariance; what is left over is the noise.
scatter = np.cov(rows.T.astype("float64"), bias=True)
values, vectors = np.linalg.eigh(scatter)
noise = values[:-LATENT].mean()
components = vectors[:, -LATENT:]
pca = mean_log_likelihood(components * np.sqrt(values[-LATENT:] - noise), noise)

# A VAE of two linear layers: no hidden ones between pixels and z.
rng = tg.Generator(0)
output = vae.GaussianOutput(rng=rng)  # it learns its variance, as PCA does
model = vae.dense_vae(features, (), LATENT, output, rng=rng)
epochs = 120 if len(rows) < 10_000 else 10
batches = BatchLoader((rows,), 100, rng)
rate = tg.optim.schedules.cosine(0.01, epochs * len(batches))
trainer = vae.VAETrainer(model, rng=rng, lr=rate)

print(f"exact PCA           log p {pca:7.2f} nats")
for epoch in range(1, epochs + 1):
    bound = []
    for (batch,) in batches:
        bound.append(trainer.step(tg.tensor(batch).data)["negative_elbo"])
    if epoch in (epochs // 10, epochs // 3, epochs):
        weight = model.decoder[0].weight.numpy().astype("float64")
        exact = mean_log_likelihood(weight, math.exp(output.log_variance.item()))
        elbo = -tg.mean(tg.stack(bound)).item()
        print(f"VAE, epoch {epoch:3}: ELBO {elbo:7.2f}, log p {exact:7.2f} nats")

# The same plane: how much of each decoder column lies in the span of the eigenvectors. (The columns
# themselves may be turned within it: no rotation of z changes p(x).)
column_lengths = np.linalg.norm(weight, axis=0)
inside = np.linalg.norm(components.T @ weight, axis=0) / column_lengths
print(f"the decoder's columns lie in PCA's subspace to {100 * inside.min():.0f}% at least")

# Above, PCA's components; below, the decoder's, the longest last.
both = np.concatenate([components.T, (weight / column_lengths).T[np.argsort(column_lengths)]])
image_grid(0.5 + 1.5 * both.reshape(-1, *data.shape) * 8 / features**0.5, columns=8).save("pca.png")
print("pca.png")

# Expected output (numbers within 2%: training is noisy):
# exact PCA           log p   14.13 nats
# VAE, epoch  12: ELBO  -19.05, log p  -17.12 nats
# VAE, epoch  40: ELBO   13.13, log p   13.80 nats
# VAE, epoch 120: ELBO   14.14, log p   14.12 nats
# the decoder's columns lie in PCA's subspace to 100% at least
# pca.png
