import hashlib
import json
from dataclasses import replace

import pytest
from tests.support.small_network import photo_with_spots, write_network

from streetveil import bootstrap
from streetveil.detection import selftest
from streetveil.detection.detector import Traits
from streetveil.detection.models import CENTERFACE, CENTERNET, Member
from streetveil.detection.selftest import Trial, compare, pick, tune
from streetveil.detection.session import Session
from streetveil.detection.tuning import Chosen, Machine, Tuning, model_id
from streetveil.detection.weights import ModelCache
from streetveil.errors import ConversionError, ModelMissingError
from streetveil.settings import Settings

CONTENT = b"weights"
MEMBER = Member("tiny/tiny.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
CARD = replace(CENTERFACE, name="tiny", version="1", members=(MEMBER,), converter="tiny-1")
MACHINE = Machine("Processor 1 (0a)", "onnxruntime 1.0")
PHOTO = photo_with_spots()


@pytest.fixture
def cache(tmp_path):
    """A cache that holds the small network, as if it had been pulled."""
    found = ModelCache(tmp_path)
    folder = tmp_path / "models" / f"tiny-1-{CARD.sha256[:8]}"
    folder.mkdir(parents=True)
    (folder / "tiny.bin").write_bytes(CONTENT)
    ready = write_network(folder / "tiny-1.onnx")
    (folder / "tiny-1.json").write_text(json.dumps({"size": ready.stat().st_size, "sha256": "0" * 64}))
    return found


@pytest.fixture
def tuned(cache):
    """A tuning that chose a variant."""
    tuning = Tuning(cache, MACHINE)
    with tuning.scratch() as folder:
        made = cache.root / "tuned" / folder
        (made / "tiny-int8.onnx").write_bytes(b"variant")
        tuning.keep([(CARD, chosen("tiny-int8.onnx", b"variant"))], made)
    return tuning


def chosen(file, content):
    return Chosen(model_id(CARD), "int8", file, hashlib.sha256(content).hexdigest(), {"float32": 2.0, "int8": 1.0})


def rewrite(tuning, change):
    path = tuning.folder / "choice.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_without_a_choice_the_model_runs_as_converted(cache):
    assert Tuning(cache, MACHINE).path(CARD) == cache.path(CARD)


def test_the_chosen_variant_runs(tuned):
    assert tuned.path(CARD).read_bytes() == b"variant"


def test_another_process_finds_the_choice(cache, tuned):
    assert Tuning(ModelCache(cache.root), replace(MACHINE)).path(CARD) == tuned.path(CARD)


@pytest.mark.parametrize(
    "machine", [replace(MACHINE, processor="Processor 2 (0a)"), replace(MACHINE, runtime="onnxruntime 2.0")]
)
def test_another_processor_or_runtime_ignores_the_choice(cache, tuned, machine):
    assert Tuning(cache, machine).path(CARD) == cache.path(CARD)


def test_a_folder_copied_from_another_machine_is_ignored(cache, tuned):
    other = Tuning(cache, replace(MACHINE, processor="Processor 2 (0a)"))
    tuned.folder.rename(other.folder)

    assert other.path(CARD) == cache.path(CARD)


def test_a_choice_for_another_conversion_is_ignored(cache, tuned):
    assert tuned.chosen(CARD) is not None
    assert tuned.chosen(replace(CARD, converter="tiny-2")) is None


def test_a_damaged_variant_is_ignored(cache, tuned):
    tuned.path(CARD).write_bytes(b"varianT")

    assert tuned.path(CARD) == cache.path(CARD)


def test_a_missing_variant_is_ignored(cache, tuned):
    tuned.path(CARD).unlink()

    assert tuned.path(CARD) == cache.path(CARD)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"machine": 1}', '{"machine": {}, "models": []}'])
def test_a_choice_that_cannot_be_read_is_ignored(cache, tuned, content):
    (tuned.folder / "choice.json").write_text(content)

    assert tuned.path(CARD) == cache.path(CARD)


@pytest.mark.parametrize("fields", [{}, {"model": model_id(CARD)}, [], "x", None])
def test_an_entry_of_another_form_is_ignored(cache, tuned, fields):
    rewrite(tuned, lambda content: content["models"].update(tiny=fields))

    assert tuned.path(CARD) == cache.path(CARD)


def test_a_choice_cannot_name_a_file_elsewhere(cache, tuned):
    """Whoever can write the choice must not thereby make us load any file of the disk."""
    outside = cache.root / "outside.onnx"
    outside.write_bytes(b"variant")
    rewrite(tuned, lambda content: content["models"]["tiny"].update(file="../../outside.onnx"))

    assert tuned.path(CARD) == cache.path(CARD)


def test_a_forgotten_choice_is_gone(cache, tuned):
    assert tuned.forget()

    assert tuned.path(CARD) == cache.path(CARD)
    assert not tuned.forget()


def test_a_choice_does_not_stand_in_for_a_missing_model(cache, tuned):
    cache.path(CARD).unlink()

    with pytest.raises(ModelMissingError):
        tuned.path(CARD)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "tuned").write_bytes(b"a file")

    with pytest.raises(ModelMissingError, match="cannot be written"):
        Tuning(ModelCache(tmp_path), MACHINE).scratch()


def test_this_machine_has_a_name_and_stays_the_same():
    assert Machine.this() == Machine.this()
    assert "onnxruntime" in Machine.this().runtime


# --- comparing and picking ----------------------------------------------------------------------------


def compared(tmp_path, **options):
    sessions = Session(write_network(tmp_path / "a.onnx")), Session(write_network(tmp_path / "b.onnx", **options))
    return compare(Traits.of_card(CARD), *sessions, "other", [PHOTO])


def test_a_model_that_finds_the_same_passes(tmp_path):
    trial = compared(tmp_path, gain=0.98)

    assert trial.problem is None
    assert trial.found == trial.expected >= 10
    assert trial.mean_iou == pytest.approx(1, abs=0.02)


def test_a_model_that_misses_something_is_refused(tmp_path):
    assert "misses" in str(compared(tmp_path, gain=0.3).problem)


def test_a_model_that_finds_more_is_refused(tmp_path):
    sessions = (
        Session(write_network(tmp_path / "a.onnx", gain=0.7)),
        Session(write_network(tmp_path / "b.onnx", gain=1.05)),
    )
    photo = PHOTO.copy()
    photo[150:174, 520:544] = 88  # too dim for the first

    trial = compare(Traits.of_card(CARD), *sessions, "other", [photo])

    assert "not there" in str(trial.problem)


def test_a_model_whose_boxes_lie_beside_is_refused(tmp_path):
    assert compared(tmp_path, shift=3.5).problem is not None


def test_photos_that_show_nothing_prove_nothing(tmp_path):
    session = Session(write_network(tmp_path / "a.onnx"))

    trial = compare(Traits.of_card(CARD), session, session, "other", [PHOTO // 50])

    assert "nothing to compare" in str(trial.problem)


@pytest.mark.parametrize(
    ("others", "picked"),
    [
        ([], "float32"),
        ([Trial("int8", 5.0)], "int8"),
        ([Trial("int8", 9.5)], "float32"),
        ([Trial("int8", 12.0)], "float32"),
        ([Trial("int8", 5.0, problem="misses 1 of 9")], "float32"),
        ([Trial("int8", None, problem="cannot be loaded")], "float32"),
        ([Trial("int8", 5.0), Trial("int4", 4.0)], "int4"),
        ([Trial("int8", 5.0), Trial("int4", 4.0, problem="misses 1 of 9")], "int8"),
    ],
)
def test_the_fastest_that_finds_the_same_is_picked_where_it_gains_much(others, picked):
    assert pick([Trial("float32", 10.0), *others]) == picked


def test_tuning_makes_a_variant_compares_it_and_keeps_the_choice(cache, monkeypatch):
    monkeypatch.setattr(selftest, "_times", lambda *_: {"float32": 2.0, "int8": 1.0})
    tuning = Tuning(cache, MACHINE)

    [verdict] = tune(cache, tuning, [CARD], [PHOTO])

    assert verdict.picked == "int8"
    assert [trial.variant for trial in verdict.trials] == ["float32", "int8"]
    assert verdict.trials[1].found == verdict.trials[1].expected > 0
    assert tuning.path(CARD).parent == tuning.folder
    assert len(Session(tuning.path(CARD)).outputs) == 3
    assert sorted(path.name for path in tuning.folder.parent.iterdir()) == [tuning.folder.name]


def test_a_slower_variant_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(selftest, "_times", lambda *_: {"float32": 1.0, "int8": 2.0})
    tuning = Tuning(cache, MACHINE)

    [verdict] = tune(cache, tuning, [CARD], [PHOTO])

    assert verdict.picked == "float32"
    assert tuning.path(CARD) == cache.path(CARD)
    assert [path.name for path in tuning.folder.iterdir()] == ["choice.json"]


def test_a_variant_that_cannot_be_made_is_reported_and_not_used(cache, monkeypatch):
    def fail(*_):
        raise ConversionError("no such operation")

    monkeypatch.setattr(selftest, "_write_int8", fail)
    tuning = Tuning(cache, MACHINE)

    [verdict] = tune(cache, tuning, [CARD], [PHOTO])

    assert verdict.picked == "float32"
    assert verdict.trials[1].problem == "no such operation"


def test_vehicles_are_not_tried_in_eight_bits(cache):
    [verdict] = tune(cache, Tuning(cache, MACHINE), [replace(CARD, task=CENTERNET.task)], [PHOTO])

    assert [trial.variant for trial in verdict.trials] == ["float32"]


def test_results_of_tuned_models_count_as_others(cache):
    settings = Settings.model_validate({"streetveil_cache": str(cache.root), "device": "cpu"})
    before = bootstrap.results_variant(settings)
    tuning = Tuning(cache, Machine.this())

    with tuning.scratch() as name:
        made = cache.root / "tuned" / name
        (made / "faces.onnx").write_bytes(b"variant")
        digest = hashlib.sha256(b"variant").hexdigest()
        tuning.keep([(CENTERFACE, Chosen(model_id(CENTERFACE), "int8", "faces.onnx", digest, {}))], made)

    assert bootstrap.tuned_models(settings) == {"faces": "int8"}
    assert bootstrap.results_variant(settings) != before
    tuning.forget()
    assert bootstrap.results_variant(settings) == before
