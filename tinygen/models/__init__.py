"""Generative families, one a file: model, objective, trainer, read from top to bottom.

    from tinygen.models.gan import GANTrainer, mlp
    from tinygen.models.rbm import RBM, RBMTrainer
    from tinygen.models.vae import BernoulliOutput, VAETrainer, dense_vae

Each trainer has `step(batch)`, `sample(n)`, `state_dict()` and `load_state_dict(state)`.
"""
