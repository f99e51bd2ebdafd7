"""What one training step asks of a device: no waiting, no copies to it, so many launches."""

import pytest
import strict
from kernel_checks import needs_compiler

import tinygen as tg
from tinygen.bench import ours
from tinygen.bench import problems as problems_of

pytestmark = needs_compiler

STEPS = {
    # name: (problem, trainer, launches at most)
    "gan-784": (problems_of.gan_784, ours.gan, 86),
    "dcgan-32": (lambda: problems_of.dcgan_32(2), ours.gan, 380),
    "classifier": (problems_of.classifier, ours.classifier, 23),
    "wgan-gp": (problems_of.wgan_gp_2d, ours.critic, 106),
}


@pytest.mark.parametrize("name", STEPS)
def test_launches_of_a_training_step(name, capsys):
    make, maker, most = STEPS[name]
    step = maker(make(), device="strict")
    for i in range(2):
        step(i)
    with strict.measure() as spent:
        step(2)
    with capsys.disabled():
        print(f"\n{name}: {spent.launches} launches", end="")
    assert (spent.syncs, spent.uploads) == (0, 0)
    assert spent.launches <= most


IMAGES = {
    # name: (function of images, launches at most of its value and gradient together)
    "max_pool2d": (lambda x: tg.max_pool2d(x, 2), 12),
    "adaptive_max_pool2d": (lambda x: tg.adaptive_max_pool2d(x, 5), 12),
    "adaptive_avg_pool2d": (lambda x: tg.adaptive_avg_pool2d(x, 5), 6),
    "avg_pool2d": (lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1), 6),
    "upsample_bilinear2d": (lambda x: tg.upsample_bilinear2d(x, 2), 6),
}


@pytest.mark.parametrize("name", IMAGES)
def test_tables_of_windows_are_copied_to_a_device_once(name):
    function, most = IMAGES[name]
    x = tg.ones(2, 3, 8, 8, device="strict")
    x.requires_grad = True
    spent = []
    for _ in range(2):
        with strict.measure() as cost:
            y = function(x)
            tg.grad(y, x, cotangent=y.detach())
        spent.append(cost)
    assert (spent[1].syncs, spent[1].uploads) == (0, 0)
    assert spent[1].launches <= most
