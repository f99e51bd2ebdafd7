"""Pictures of graphs: what they say, that nothing overlaps, and that they are well-formed."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from checks import leaves

import tinygen as tg
from tinygen import nn
from tinygen.backend import NUMPY
from tinygen.layout import arrange

SVG = "{http://www.w3.org/2000/svg}"


def classifier():
    rng = tg.Generator(0)
    model = nn.Sequential(nn.Linear(8, 16, rng=rng), nn.Tanh(), nn.Linear(16, 3, rng=rng))
    x = tg.tensor(rng.normal((4, 8)), requires_grad=True)
    y = tg.mean(model(x) ** 2)
    return y, {"x <in>": x, **dict(model.named_parameters())}


def texts(svg: str) -> list[str]:
    return [t.text for t in ET.fromstring(svg).iter(f"{SVG}text")]


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    found = []
    for rect in ET.fromstring(svg).iter(f"{SVG}rect"):
        if rect.get("class") in ("op", "leaf", "end"):
            found.append(tuple(float(rect.get(k)) for k in ("x", "y", "width", "height")))
    return found


def test_a_picture_names_shapes_and_memory(tmp_path):
    y, names = classifier()
    picture = tg.draw_graph(y, tmp_path / "graph.svg", names=names)
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture
    found = texts(picture)
    for expected in ("x <in>", "0.weight", "16×8 float32", "linear", "tanh", "4×16 float32",
                     "scalar float32", f"keeps {4 * 16 * 4} B"):  # fmt: skip
        assert expected in found
    assert len(boxes(picture)) == 5 + 6
    assert found[0].startswith("6 operations, 5 leaves; keeps ")
    assert picture._repr_svg_() == picture
    assert len(repr(picture)) < 100


def test_memory_is_counted_once_and_split():
    a, b = leaves([np.ones(1000), np.ones(1000)], NUMPY)
    h = tg.exp(a)  # keeps its output
    y = tg.sum(h * h * b)  # the products keep h, h * h and b
    header = texts(tg.draw_graph(y))[0]
    assert header == (
        "4 operations, 2 leaves; keeps 24.0 KB, 8.0 KB of it the leaves themselves"
    )  # fmt: skip
    tg.grad(y, a)
    assert "(the rest was freed)" in texts(tg.draw_graph(y))[0]


@pytest.mark.parametrize("shape", ["chain", "recurrent", "second order", "skips"])
def test_boxes_do_not_overlap(shape):
    w, x = leaves([np.eye(3), np.ones((2, 3))], NUMPY)
    h = x
    if shape == "chain":
        for _ in range(100):
            h = tg.tanh(h)
    elif shape == "recurrent":
        for _ in range(12):
            z = tg.sigmoid(h @ w + x @ w)
            h = z * h + (1.0 - z) * tg.tanh(h @ w)
    elif shape == "second order":
        slope = tg.grad(tg.sum(tg.tanh(tg.tanh(x @ w) @ w)), x, create_graph=True)
        h = slope * slope
    else:
        hs = [h]
        for _ in range(10):
            hs.append(tg.tanh(sum(hs)))
        h = hs[-1]
    picture = tg.draw_graph(tg.sum(h), names={"w": w}, most=300)
    found = boxes(picture)
    for a, b in itertools.combinations(found, 2):
        apart_x = a[0] + a[2] < b[0] or b[0] + b[2] < a[0]
        apart_y = a[1] + a[3] < b[1] or b[1] + b[3] < a[1]
        assert apart_x or apart_y
    page = ET.fromstring(picture)
    assert max(x + w for x, _, w, _ in found) < float(page.get("width"))
    assert min(x for x, *_ in found) >= 0


def test_lines_cross_no_box():
    """In every row that a line passes, it is upright and beside the boxes."""
    rng = np.random.default_rng(0)
    inputs = [sorted(set(rng.integers(0, i, size=2).tolist())) if i > 2 else [] for i in range(60)]
    sizes = [(80.0 + 40 * rng.random(), 30.0 + 30 * rng.random()) for _ in inputs]
    centres, routes = arrange(inputs, sizes)
    assert set(routes) == {(j, i) for i, sources in enumerate(inputs) for j in sources}
    for (j, i), points in routes.items():
        assert [p[1] for p in points] == sorted(p[1] for p in points)  # always down
        for (x, top), (same, low) in zip(points[::2], points[1::2], strict=True):
            assert x == same
            for k, ((cx, cy), (w, h)) in enumerate(zip(centres[: len(sizes)], sizes, strict=True)):
                beside = abs(x - cx) >= w / 2 or cy + h / 2 <= top or cy - h / 2 >= low
                assert beside or k in (i, j)


def test_a_tree_is_drawn_without_crossings():
    inputs = [[], [], [], [], [0, 2], [1, 3], [4, 5]]
    centres, _ = arrange(inputs, [(50.0, 20.0)] * 7)
    x = [p[0] for p in centres]
    pairs = sorted([sorted([x[0], x[2]]), sorted([x[1], x[3]])])
    assert pairs[0][1] < pairs[1][0]
    assert x[6] == pytest.approx((x[4] + x[5]) / 2, abs=1.0)


def test_a_large_graph_is_summed_up():
    x = leaves([np.ones(100)], NUMPY)[0]
    h = x
    for _ in range(300):
        h = tg.sin(h) * 0.5
    found = texts(tg.draw_graph(tg.sum(h)))
    assert found[0].startswith("601 operations, 1 leaf; keeps 240 KB")
    assert "Too many to draw" in found[0]
    assert found[1:4] == ["sin", "300", "240 KB"]
    assert len(found) == 1 + 3 * 4


def test_dot(tmp_path):
    y, names = classifier()
    text = tg.draw_graph(y, tmp_path / "graph.dot", names={'a "b"': names["x <in>"]})
    assert text.startswith("digraph {")
    assert 'label="a \\"b\\"\\n4×8 float32"' in text
    assert text.count(" -> ") == 10
    assert text._repr_svg_() is None


def test_a_checkpoint_is_one_box():
    x, w = leaves([np.ones((2, 2)), np.ones((2, 2))], NUMPY)
    y = tg.sum(tg.checkpoint(lambda x: tg.tanh(x @ w))(x))
    found = texts(tg.draw_graph(y, names={"x": x, "w": w}))
    assert found.count("checkpoint") == 1
    assert found[0].startswith("2 operations, 2 leaves")


def test_every_backend(backend):
    x = leaves([np.ones((2, 3))], backend)[0]
    assert "2×3 float64" in texts(tg.draw_graph(tg.sum(tg.exp(x))))
    assert "2×3" in x._repr_html_()


def test_bad_input(tmp_path):
    y, _ = classifier()
    with pytest.raises(ValueError, match=r"must end in \.svg or \.dot, not '\.png'"):
        tg.draw_graph(y, tmp_path / "graph.png")
    with pytest.raises(ValueError, match="nothing was recorded for this tensor"):
        tg.draw_graph(tg.ones(3))


def test_a_tensor_in_a_notebook():
    x = tg.tensor([[1.0, -2.5]], requires_grad=True)
    assert "1×2 · float32 · requires grad" in x._repr_html_()
    assert "[[ 1. , -2.5]]" in x._repr_html_()
    assert "scalar · float32 · from sum" in tg.sum(x)._repr_html_()
    assert len(tg.zeros(1000, 1000)._repr_html_()) < 1500
    ET.fromstring(tg.Tensor(np.ones((2, 2)) < 3)._repr_html_())
