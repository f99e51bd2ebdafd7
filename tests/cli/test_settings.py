"""Settings from defaults, files, flags and --set; the same settings give the same run."""

from __future__ import annotations

import builtins
import json
from pathlib import Path

import pytest
from commands import SMALL, everything_in

from tinygen import recipes
from tinygen.commands.settings import FLAGS
from tinygen.config import ConfigError, configure, read_settings

RUN = "runs/gan-digits-1"
TOML = """
recipe = "gan"
steps = 4
batch = 8
generator = [8]
discriminator = [8]
lr = 1
report_every = 2
checkpoint_every = 2
"""


def config_of(folder: str = RUN) -> dict:
    return json.loads(Path(folder, "config.json").read_bytes())


def test_a_toml_file_is_read_and_gives_way_to_flags_and_set(run):
    Path("own.toml").write_text(TOML)
    assert run("train", "--config", "own.toml").code == 0
    config = config_of()
    assert (config["recipe"], config["steps"], config["generator"]) == ("gan", 4, [8])
    assert config["lr"] == 1.0
    assert type(config["lr"]) is float
    more = ["--steps", 3, "--set", "lr=0.5", "--set", "steps=5"]
    assert run("train", "gan", "--config", "own.toml", "--out", "b", *more).code == 0
    assert (config_of("b")["steps"], config_of("b")["lr"], config_of("b")["batch"]) == (5, 0.5, 8)


def test_what_suits_a_dataset_gives_way_to_a_file():
    recipe = recipes.find("gan")
    assert recipes.resolve(recipe, {"data": "ring"}).batch == 256
    assert recipes.resolve(recipe, {"data": "ring", "batch": 8}).batch == 8


def test_a_runs_config_repeats_it_bit_for_bit(run):
    run.train("--set", "ema=0.9", "--seed", 3)
    assert run("train", "--config", f"{RUN}/config.json").code == 0
    one, other = (everything_in(Path(f"runs/gan-digits-{i}")) for i in (1, 2))
    assert set(one) == set(other)
    timed = {"env.json", "metrics.jsonl"} | {n for n in one if n.endswith("state.json")}
    assert {name for name in one if one[name] != other[name]} <= timed


def test_a_config_of_a_run_that_changed_on_its_way_says_so(run):
    run.train(steps=2)
    run("train", "--resume", RUN, "--steps", 4)
    plain = run("train", "--config", f"{RUN}/config.json")
    assert "changed" not in plain.err
    run("train", "--resume", RUN, "--steps", 6, "--set", "lr=0.5")
    result = run("train", "--config", f"{RUN}/config.json")
    assert result.code == 0
    assert "lr changed at step 4 of that run; here it holds from the start" in result.err


@pytest.mark.parametrize(("text", "cause"), [
    ("lrr = 1", "unknown setting 'lrr'.* did you mean lr?"),
    ("lr = 'fast'", "lr must be a number, not 'fast'"),
    ("lr = true", "lr must be a number, not True"),
    ("lr = nan", "lr must be a number, not nan"),
    ("lr = [1]", "lr must be a number"),
    ("steps = 2.5", "steps must be a whole number, not 2.5"),
    ("steps = true", "steps must be a whole number"),
    ("generator = 8", "generator must be whole numbers"),
    ("generator = [8.5]", "generator must be whole numbers"),
    ("data = 3", r"data must be text|unknown dataset '3'"),
    ("output = 1", "output must be text"),
    ("lr = 0", "lr must be from 1e-12 to 1000, not 0"),
    ("steps = 1000000001", "steps must be from 1 to 1,000,000,000, not 1,000,000,001"),
    ("beta1 = 0.99990000001", "beta1 must be from 0 to 0.9999, not 0.99990000001"),
    ("[generator]\nfirst = 8", "generator must be whole numbers"),
    ("lr = ", "is not TOML"),
    ("recipe = 'gam'", "did you mean gan?"),
    ("recipe = 'dcgan'", "is for dcgan, not gan"),
])  # fmt: skip
def test_a_file_is_checked(run, text, cause):
    Path("own.toml").write_text(text)
    named = [] if "gam" in text else ["gan"]
    sentence = run("train", *named, "--config", "own.toml").sentence
    with pytest.raises(AssertionError, match=cause):
        raise AssertionError(sentence)
    assert not Path("runs").exists()


@pytest.mark.parametrize(("name", "text", "cause"), [
    ("own.yaml", "lr: 1", r"takes a .toml or .json"),
    ("own.json", "[1]", "holds no settings by name"),
    ("own.json", "{", "is not JSON"),
    ("own.json", "[" * 100_000, "is not JSON"),
    ("own.json", "\xff", "is not JSON"),
])  # fmt: skip
def test_a_file_that_is_none_is_refused(name, text, cause, tmp_path):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=cause):
        read_settings(tmp_path / name)


def test_a_missing_file_and_a_missing_recipe_are_told(run):
    assert "cannot read nowhere.toml" in run("train", "--config", "nowhere.toml").sentence
    sentence = run("train").sentence
    assert "gan" in sentence
    assert "--resume" in sentence


def test_every_recipe_takes_what_its_config_says():
    """Through config.json, which has lists for tuples."""
    for name, recipe in recipes.RECIPES.items():
        saved = json.loads(json.dumps(recipes.as_dict(recipe, recipe.defaults)))
        again, config = recipes.from_dict(saved)
        assert again.name == name
        assert config == recipe.defaults
        assert set(FLAGS) <= set(saved)


def test_whole_numbers_may_stand_for_others_and_nothing_else_for_anything():
    defaults = recipes.find("gan").defaults
    assert configure(defaults, {"lr": 1}).lr == 1.0
    assert configure(defaults, {"generator": (4, 5)}).generator == (4, 5)
    for name, value in (("lr", 10**400), ("steps", 1.0), ("generator", [True]), ("data", None)):
        with pytest.raises(ConfigError, match=f"{name} must be"):
            configure(defaults, {name: value})


# -- TensorBoard -----------------------------------------------------------------------------------


def test_without_tensorboardx_one_sentence_says_what_to_install(run, monkeypatch):
    really = builtins.__import__

    def missing(name, *args, **options):
        if name == "tensorboardX":
            raise ImportError
        return really(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    sentence = run.train("--tensorboard").sentence
    assert "pip install 'tinygen[tensorboard]'" in sentence
    assert not Path("runs").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its protocol buffers
def test_tensorboard_gets_what_the_log_gets(run):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    assert run("train", "gan", *SMALL, "--steps", 4, "--tensorboard").code == 0
    assert run("train", "--resume", RUN, "--steps", 6, "--tensorboard").code == 0
    found = {}
    for path in Path(RUN, "tensorboard").iterdir():
        content = path.read_bytes()
        while content:  # length, its checksum, the event, its checksum
            length = int.from_bytes(content[:8], "little")
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                found[event.step, value.tag] = value.simple_value
    lines = [json.loads(line) for line in Path(RUN, "metrics.jsonl").read_text().splitlines()]
    logged = {
        (line["step"], name): value
        for line in lines for name, value in line.items()
        if name not in ("step", "seconds", "verdict")
    }  # fmt: skip
    assert {step for step, _ in logged} == {2, 4, 6}
    assert found == pytest.approx(logged, rel=1e-6)
