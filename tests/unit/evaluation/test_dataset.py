import pytest

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Size
from streetveil.errors import DatasetError
from streetveil.evaluation.dataset import read_dataset

OWN = "names: [face, license_plate]\nsubsets: {street: {labelled: [face]}}\n"


@pytest.fixture
def write(tmp_path):
    def write(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def small(**changes):
    files = {
        "dataset.yaml": OWN,
        "street/images/a.jpg": "",
        "street/images/b.jpg": "",
        "street/labels/a.txt": "0 0.5 0.5 0.2 0.4\n\n1 0.1 0.1 0.1 0.1\n",
    }
    return files | {name.replace("__", "/"): content for name, content in changes.items()}


def test_a_subset_labels_only_its_classes(write):
    [subset] = read_dataset(write(small()))
    assert (subset.name, subset.labelled) == ("street", frozenset({Label.FACE}))
    first, second = subset.images
    assert [item.label for item in first.objects] == [Label.FACE, Label.LICENSE_PLATE]
    assert first.objects[0].box(Size(100, 50)).as_tuple() == pytest.approx((40, 15, 60, 35))
    assert second.objects == ()


def test_an_ultralytics_data_set_labels_all_its_classes_everywhere(write):
    root = write(
        {
            "data.yaml": "path: .\ntrain: images/train\nval: [images/val]\n"
            "names: {0: Human face, 1: dog, 2: number_plate}\n",
            "images/train/x.png": "",
            "labels/train/x.txt": "2 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n",
            "images/val/y.png": "",
            "labels/val/y.txt": "0 0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4\n",
        }
    )
    train, val = read_dataset(root)
    assert train.labelled == {Label.FACE, Label.LICENSE_PLATE}
    assert [item.label for item in train.images[0].objects] == [Label.LICENSE_PLATE]
    assert val.images[0].objects[0].box(Size(10, 10)).as_tuple() == pytest.approx((1, 1, 3, 4))


def test_the_file_itself_may_be_named(write):
    assert read_dataset(write(small()) / "dataset.yaml")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dataset.yaml": "names: ["}, "cannot be read"),
        ({"dataset.yaml": "- 1"}, "not a YAML mapping"),
        ({"dataset.yaml": b"\xff\xfe\x00"}, "cannot be read"),
        ({"dataset.yaml": "subsets: {street: {labelled: [face]}}"}, "names"),
        ({"dataset.yaml": "names: [face]"}, "names no pictures"),
        ({"dataset.yaml": "names: [dog]\ntrain: street/images"}, "labels no class"),
        ({"dataset.yaml": "names: [face]\nsubsets: {street: {labelled: [nose]}}"}, "street"),
        ({"dataset.yaml": "names: [face]\nsubsets: [street]"}, "not a mapping"),
        ({"dataset.yaml": "names: [face]\nsubsets: {nowhere: {labelled: [face]}}"}, "nowhere"),
        ({"street/labels/a.txt": "0 0.5 0.5 0.2"}, "line 1: 3 numbers"),
        ({"street/labels/a.txt": "0 0.5 0.5 0.2 0.2\nface 0.5 0.5 0.2 0.2"}, "line 2: 'face"),
        ({"street/labels/a.txt": "7 0.5 0.5 0.2 0.2"}, "class 7"),
        ({"street/labels/a.txt": "0 0.5 0.5 nan 0.2"}, "relative"),
        ({"street/labels/a.txt": "0 50 50 20 20"}, "relative"),
        ({"street/labels/a.txt": "0 0.5 0.5 0 0.2"}, "no area"),
        ({"street/labels/a.txt": b"\xff\xfe"}, "a.txt"),
    ],
)
def test_what_is_broken_is_said_with_its_place(write, changes, why):
    with pytest.raises(DatasetError, match=why):
        read_dataset(write(small() | changes))


def test_a_folder_without_pictures_is_an_error(write):
    root = write({"dataset.yaml": OWN, "street/images/readme.md": "", "street/labels/a.txt": ""})
    with pytest.raises(DatasetError, match="holds no pictures"):
        read_dataset(root)


def test_labels_that_are_nowhere_are_an_error_and_not_a_data_set_without_objects(write):
    root = write({"dataset.yaml": OWN, "street/images/a.jpg": ""})
    with pytest.raises(DatasetError, match=r"labels.a\.txt"):
        read_dataset(root)


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="There is no data set"):
        read_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match="has no dataset"):
        read_dataset(tmp_path)
