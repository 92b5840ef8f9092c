"""What comes out of MNIST-format files, and in which words others are refused. The files are written here, byte by byte."""

from __future__ import annotations

import gzip
import re
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nnexp_idx import Idx
from numpy.typing import NDArray

from nnexp.errors import NnexpError
from nnexp.plugin import Data

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
"""The type codes that LeCun's page lists."""

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
"""Four images of two rows and three columns."""


def idx(values: Any, kind: str = "u1") -> bytes:
    """An IDX file's bytes."""
    array = np.asarray(values)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[kind], array.ndim, *array.shape)
    return header + array.astype(f">{kind}").tobytes()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with four images and their labels 7, 0, 7, 3 under MNIST's names."""
    (tmp_path / IMAGES).write_bytes(idx(PIXELS))
    (tmp_path / LABELS).write_bytes(idx([7, 0, 7, 3]))
    return tmp_path


def load(path: Path, **given: Any) -> Data:
    """The data, as a run loads them."""
    return Idx(path=str(path), **given).load(np.random.default_rng(0))


def refusal(path: Path, **given: Any) -> str:
    """The one message that the files are refused with."""
    with pytest.raises(NnexpError) as caught:
        load(path, **given)
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestReading:
    """What comes out of files that are fine."""

    def test_images_and_labels(self, place: Path) -> None:
        """Each image is a row, the pixels are named by row and column, the labels are the classes in ascending order."""
        data = load(place)
        np.testing.assert_array_equal(data.x, np.arange(24).reshape(4, 6))
        assert data.names == ("pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2")
        assert (data.classes, data.task, data.target) == ((0, 3, 7), "multiclass", "label")
        np.testing.assert_array_equal(data.y, [2, 0, 2, 1])
        assert all(type(label) is int for label in data.classes)

    def test_bytes_by_hand(self, tmp_path: Path) -> None:
        """The header of MNIST's own files, 00000803 and the sizes, and the byte after it is pixel (0, 0) of image 0."""
        (tmp_path / IMAGES).write_bytes(bytes.fromhex("00000803 00000002 00000001 00000002 05ff 0700"))
        (tmp_path / LABELS).write_bytes(bytes.fromhex("00000801 00000002 0901"))
        data = load(tmp_path)
        np.testing.assert_array_equal(data.x, [[5, 255], [7, 0]])
        assert (data.classes, data.task, data.y.tolist()) == ((1, 9), "binary", [1, 0])

    def test_gzip_is_told_by_content(self, place: Path) -> None:
        """Packed files are read whether or not their names say so, and plain ones that wrongly say .gz as well."""
        expected = load(place)
        (place / IMAGES).write_bytes(gzip.compress(idx(PIXELS)))
        (place / LABELS).rename(place / f"{LABELS}.gz")
        data = load(place)
        np.testing.assert_array_equal(data.x, expected.x)
        np.testing.assert_array_equal(data.y, expected.y)

    def test_gzip_of_several_members(self, place: Path) -> None:
        """A gzip file may be made of several, one after the other."""
        content = idx(PIXELS)
        (place / IMAGES).write_bytes(gzip.compress(content[:20]) + gzip.compress(content[20:]))
        np.testing.assert_array_equal(load(place).x, PIXELS.reshape(4, 6))

    @pytest.mark.parametrize(
        "name", ["train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"]
    )
    def test_usual_names(self, name: str, place: Path) -> None:
        """A directory's files are found under each of the usual names."""
        (place / IMAGES).rename(place / name)
        (place / LABELS).rename(place / name.replace("images", "labels").replace("idx3", "idx1"))
        assert load(place).x.shape == (4, 6)

    def test_a_file_of_images(self, place: Path) -> None:
        """A file may be named instead of a directory: its labels are the file beside it with the matching name."""
        (place / IMAGES).rename(place / "t10k-images-idx3-ubyte")
        (place / LABELS).rename(place / "t10k-labels-idx1-ubyte")
        assert load(place / "t10k-images-idx3-ubyte").x.shape == (4, 6)

    def test_labels_may_be_named(self, place: Path) -> None:
        """``labels`` names the file of labels, wherever it lies."""
        (place / "other").write_bytes(idx([1, 2, 3, 4]))
        assert load(place, labels=str(place / "other")).classes == (1, 2, 3, 4)

    @pytest.mark.parametrize("kind", CODES)
    def test_every_type(self, kind: str, place: Path) -> None:
        """Each of the six types comes out as itself, in the machine's byte order."""
        values = {"u1": [0, 255], "i1": [-128, 127], "i2": [-300, 300], "i4": [-70000, 2**31 - 1]}
        pixels = np.array(values.get(kind, [-1.5, 3.25]) * 4).reshape(4, 1, 2)
        (place / IMAGES).write_bytes(idx(pixels, kind))
        data = load(place)
        np.testing.assert_array_equal(data.x, pixels.reshape(4, 2))
        assert data.x.dtype == np.dtype(kind)
        assert data.x.dtype.isnative

    @pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4"])
    def test_every_type_of_label(self, kind: str, place: Path) -> None:
        """Labels may be of each whole-number type, negative ones too."""
        labels = [1, 2, 3, 1] if kind == "u1" else [-1, 2, 3, -1]
        (place / LABELS).write_bytes(idx(labels, kind))
        data = load(place)
        assert data.classes == tuple(sorted(set(labels)))
        assert data.y.tolist() == [0, 1, 2, 0]

    @pytest.mark.parametrize(
        ("shape", "names"),
        [
            ((4, 3), ("x0", "x1", "x2")),
            ((4, 1, 1, 3), ("pixel_0_0_0", "pixel_0_0_1", "pixel_0_0_2")),
        ],
    )
    def test_other_numbers_of_dimensions(self, shape: tuple[int, ...], names: tuple[str, ...], place: Path) -> None:
        """Lists of numbers and images with channels are taken, too."""
        (place / IMAGES).write_bytes(idx(np.arange(12).reshape(shape)))
        data = load(place)
        assert data.names == names
        np.testing.assert_array_equal(data.x, np.arange(12).reshape(4, 3))

    @pytest.mark.parametrize("packed", [False, True])
    def test_limit(self, packed: bool, place: Path) -> None:
        """``limit`` takes the first samples and their classes."""
        if packed:
            (place / IMAGES).write_bytes(gzip.compress(idx(PIXELS)))
        data = load(place, limit=2)
        np.testing.assert_array_equal(data.x, np.arange(12).reshape(2, 6))
        assert (data.classes, data.task, data.y.tolist()) == ((0, 7), "binary", [1, 0])
        assert len(load(place, limit=100).y) == 4

    def test_the_same_every_time(self, place: Path) -> None:
        """Nothing is drawn: another generator gives the same data."""
        first = load(place)
        second = Idx(path=str(place)).load(np.random.default_rng(9))
        np.testing.assert_array_equal(first.x, second.x)
        np.testing.assert_array_equal(first.y, second.y)

    @pytest.mark.parametrize("packed", [False, True])
    def test_memory(self, packed: bool, tmp_path: Path) -> None:
        """60,000 images of 28 x 28 take their 47 MB once, and less than 4 MB beside them."""
        pixels = np.zeros((60_000, 28, 28), np.uint8)
        pixels[:, 5, 5] = np.arange(60_000) % 256
        content = idx(pixels)
        (tmp_path / IMAGES).write_bytes(gzip.compress(content, 1) if packed else content)
        (tmp_path / LABELS).write_bytes(idx(np.arange(60_000) % 10))
        del content
        tracemalloc.start()
        try:
            data = load(tmp_path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(data.x, pixels.reshape(60_000, 784))
        assert data.x.nbytes == 47_040_000
        assert peak - data.x.nbytes < 4e6


def changed(place: Path, name: str, content: bytes) -> Path:
    """Write another content to one of the files."""
    (place / name).write_bytes(content)
    return place


class TestRefusals:
    """Each is one message that names the file, says what is expected and what to type."""

    def test_no_idx_file(self, place: Path) -> None:
        """Another kind of file is told by its first bytes."""
        assert refusal(changed(place, IMAGES, b"PK\3\4 and so on")) == (
            f"{place / IMAGES} is no IDX file: it starts with 50 4b 03 04, an IDX file with 00 00, its type and its number "
            "of dimensions. Type dataset.path=IMAGES dataset.labels=LABELS with files in MNIST's format."
        )

    def test_gzip_of_another_file(self, place: Path) -> None:
        """So is what is packed in a gzip file."""
        assert "is no IDX file: it starts with 25 50 44 46," in refusal(
            changed(place, IMAGES, gzip.compress(b"%PDF-1.7"))
        )

    @pytest.mark.parametrize(("content", "shown"), [(b"", "nothing"), (b"\0\0\x08", "00 00 08")])
    def test_too_short_for_a_magic_number(self, content: bytes, shown: str, place: Path) -> None:
        """An empty file, and one of three bytes, are said to start with what they have."""
        assert f"is no IDX file: it starts with {shown}," in refusal(changed(place, IMAGES, content))

    @pytest.mark.parametrize("magic", ["00000703", "00000a01", "00000800", "00000809"])
    def test_wrong_magic(self, magic: str, place: Path) -> None:
        """A type that does not exist, and no or nine dimensions, are refused with what there is."""
        message = refusal(changed(place, IMAGES, bytes.fromhex(magic) + bytes(20)))
        assert f"it starts with {bytes.fromhex(magic).hex(' ')}, where the third byte is its type" in message
        assert "08 (uint8), 09 (int8), 0b (int16), 0c (int32), 0d (float32), 0e (float64)" in message
        assert message.endswith("Copy or download it again.")

    def test_cut_in_the_header(self, place: Path) -> None:
        """A header that ends early is told with both lengths."""
        assert refusal(changed(place, IMAGES, idx(PIXELS)[:10])) == (
            f"{place / IMAGES} is cut: its header of 3 dimensions takes 16 bytes, it has 10. Copy or download it again."
        )

    def test_cut(self, place: Path) -> None:
        """A file that ends early is told with the bytes expected and found."""
        assert refusal(changed(place, IMAGES, idx(PIXELS)[:-1])) == (
            f"{place / IMAGES} is cut: its header says 4 x 2 x 3 numbers of type uint8, so 40 bytes are expected; 39 were "
            "found. Copy or download it again."
        )

    def test_bytes_after_the_end(self, place: Path) -> None:
        """So is a file that goes on after its end."""
        assert refusal(changed(place, LABELS, idx([1, 2, 3, 4]) + b"\n")) == (
            f"{place / LABELS} has bytes after its end: its header says 4 numbers of type uint8, so 12 bytes are expected; "
            "13 were found. Copy or download it again."
        )

    @pytest.mark.parametrize("limit", [None, 2])
    def test_cut_before_it_was_packed(self, limit: int | None, place: Path) -> None:
        """A whole gzip file of a file that was cut is told alike, also where ``limit`` does not reach that far."""
        message = refusal(changed(place, IMAGES, gzip.compress(idx(PIXELS)[:-1])), limit=limit)
        assert message.startswith(
            f"{place / IMAGES} is cut: its header says 4 x 2 x 3 numbers of type uint8, so 40 bytes "
        )
        assert "are expected; 39 were found." in message

    def test_bytes_after_the_end_of_what_was_packed(self, place: Path) -> None:
        """What unpacks to more than the header says is refused at the first byte too many."""
        message = refusal(changed(place, IMAGES, gzip.compress(idx(PIXELS) + bytes(1000))))
        assert "so 40 bytes are expected; at least 41 were found." in message

    def test_gzip_that_is_cut(self, place: Path) -> None:
        """Wherever a gzip file is cut, it is refused: in its header, in its data and in the checksum at its end."""
        packed = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (4, 8, 9))))
        for length in range(2, len(packed)):
            message = refusal(changed(place, IMAGES, packed[:length]))
            assert re.search("is cut|it starts with", message), (length, message)
        assert message == f"{place / IMAGES} is cut: its gzip data end too early. Copy or download it again."

    def test_gzip_that_is_damaged(self, place: Path) -> None:
        """Whatever single byte of a gzip file's data or checksums is flipped, it is refused; no other error gets out."""
        content = idx(np.random.default_rng(0).integers(0, 4, (4, 8, 9)))
        packed = gzip.compress(content, mtime=0)
        for position in range(10, len(packed)):
            broken = bytearray(packed)
            broken[position] ^= 0x55
            message = refusal(changed(place, IMAGES, bytes(broken)))
            assert message.startswith(str(place / IMAGES)), message
            assert message.endswith(("Copy or download it again.", "in MNIST's format.", "Name a file with samples."))
        assert "is damaged: its gzip data cannot be unpacked" in message

    @pytest.mark.parametrize("packed", [False, True])
    def test_absurd_sizes_allocate_nothing(self, packed: bool, place: Path) -> None:
        """A header that declares more than the file can hold is refused before anything of that size is allocated."""
        content = bytes.fromhex("00000808") + b"\xff\xff\xff\xff" * 8 + bytes(10)
        tracemalloc.start()
        try:
            message = refusal(changed(place, IMAGES, gzip.compress(content) if packed else content))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert "is cut" in message
        assert peak < 1e6

    def test_a_bomb_is_not_unpacked(self, place: Path) -> None:
        """Half a gigabyte of zeros in half a megabyte of gzip, behind a header of four images, stays packed."""
        bomb = gzip.compress(idx(PIXELS)) + gzip.compress(bytes(1 << 20), 9) * 512
        changed(place, IMAGES, bomb)
        tracemalloc.start()
        try:
            message = refusal(place)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert "has bytes after its end" in message
        assert peak < 2e6

    def test_more_than_gzip_can_hold(self, place: Path) -> None:
        """A header beyond what so many bytes of gzip can unpack to is refused with the bound."""
        content = gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 60_000, 28, 28))
        assert refusal(changed(place, IMAGES, content)) == (
            f"{place / IMAGES} is cut, or no IDX file: its header says 60000 x 28 x 28 numbers of type uint8, 47040016 bytes; "
            f"{len(content)} bytes of gzip cannot hold more than {1032 * len(content)}. Copy or download it again."
        )

    def test_nothing_in_it(self, place: Path) -> None:
        """A size of zero is no dataset."""
        assert refusal(changed(place, IMAGES, idx(np.zeros((0, 2, 3))))) == (
            f"{place / IMAGES} holds nothing: its header says 0 x 2 x 3 numbers of type uint8. Name a file with samples."
        )

    def test_another_number_of_labels(self, place: Path) -> None:
        """Images and labels of different files are told by their counts."""
        assert refusal(changed(place, LABELS, idx([1, 2, 3]))) == (
            f"{place / IMAGES} holds 4 samples, {place / LABELS} 3 labels: they do not belong together. Type "
            "dataset.path=IMAGES dataset.labels=LABELS with two files of the same samples."
        )

    def test_swapped_files(self, place: Path) -> None:
        """Labels in the place of images, and images in the place of labels, are named."""
        assert refusal(place / LABELS, labels=str(place / IMAGES)) == (
            f"{place / LABELS} holds one number a sample: these are labels rather than images. Type dataset.path=IMAGES "
            "dataset.labels=LABELS"
        )
        assert refusal(place, labels=str(place / IMAGES)) == (
            f"{place / IMAGES} holds 4 x 2 x 3 numbers of type uint8; labels are whole numbers in one dimension. Type "
            "dataset.path=IMAGES dataset.labels=LABELS"
        )

    def test_fractions_are_no_labels(self, place: Path) -> None:
        """Labels of a floating type are refused."""
        assert "holds 4 numbers of type float32; labels are whole" in refusal(
            changed(place, LABELS, idx([1, 2, 3, 4], "f4"))
        )

    def test_one_class(self, place: Path) -> None:
        """Labels that are all alike teach nothing."""
        assert refusal(changed(place, LABELS, idx([5, 5, 5, 5]))) == (
            f"{place / LABELS}: each of the 4 labels is 5: nothing to learn. Name labels of two classes or more."
        )
        assert refusal(changed(place, LABELS, idx([5, 5, 5, 6])), limit=3).endswith(
            "each of the 3 labels is 5: nothing to learn. Name labels of two classes or more, or type a larger dataset.limit."
        )

    def test_missing_files(self, place: Path) -> None:
        """A path to nothing is named, with the closest name beside it."""
        assert refusal(place / "train-image-idx3-ubyte") == (
            f"{place / 'train-image-idx3-ubyte'} does not exist. Did you mean '{IMAGES}'?"
        )
        assert refusal(place / "nowhere" / "x") == (
            f"{place / 'nowhere' / 'x'} does not exist. Give the path from {Path.cwd()}, or in full."
        )
        assert refusal(place, labels="nothing-here").startswith("nothing-here does not exist.")
        assert refusal(place, labels=str(place)) == f"{place} is no file. Type dataset.labels=FILE"
        assert Idx(path=" ").path == " "
        with pytest.raises(NnexpError, match=r"^dataset\.path is empty\. Type dataset\.path=FILE$"):
            Idx(path=" ").load(np.random.default_rng(0))

    def test_labels_that_are_not_there(self, place: Path) -> None:
        """Without ``labels``, the file that was looked for is named; where the name tells nothing, that is said."""
        (place / LABELS).unlink()
        assert refusal(place) == (
            f"No labels: there is no {LABELS} or {LABELS}.gz beside {place / IMAGES}. Name the file: dataset.labels=FILE"
        )
        (place / IMAGES).rename(place / "pictures")
        assert refusal(place / "pictures") == (
            f"No labels: the name of {place / 'pictures'} does not tell theirs. Name the file: dataset.labels=FILE"
        )

    def test_a_directory_without_any(self, place: Path) -> None:
        """A directory without training images says what it has instead."""
        (place / IMAGES).rename(place / "t10k-images-idx3-ubyte")
        assert refusal(place) == (
            f"{place} has no {IMAGES} or {IMAGES}.gz. It has t10k-images-idx3-ubyte, {LABELS}. Name the file of images: "
            f"dataset.path={place / 'FILE'}"
        )
        empty = place / "empty"
        empty.mkdir()
        assert refusal(empty) == (
            f"{empty} has no {IMAGES} or {IMAGES}.gz. Name the file of images: dataset.path={empty / 'FILE'}"
        )

    @pytest.mark.skipif(
        not Path("/proc/self/mem").exists(), reason="a file that exists and cannot be read: Linux has one"
    )
    def test_a_file_that_cannot_be_read(self, place: Path) -> None:
        """What the system refuses to read is named with the system's reason."""
        message = refusal(Path("/proc/self/mem"), labels=str(place / LABELS))
        assert message == "/proc/self/mem cannot be read (Input/output error)."

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"limit": 1}, "dataset.limit must be an int or null at least 2. Got 1."),
            ({"limit": 2.5}, "dataset.limit must be an int or null at least 2. Got 2.5."),
            ({"path": 3}, "dataset.path must be a str. Got 3."),
        ],
    )
    def test_fields(self, given: dict[str, Any], message: str) -> None:
        """Fields are typed and bounded."""
        with pytest.raises(NnexpError, match=f"^{re.escape(message)}$"):
            Idx(**{"path": "x", **given})


def test_a_header_and_array_of_random_files(tmp_path: Path) -> None:
    """Files of random sizes and types come out as NumPy reads them after the header."""
    draw = np.random.default_rng(1)
    for number, (kind, code) in enumerate([*CODES.items()] * 5):
        shape = (int(draw.integers(2, 9)), *(int(size) for size in draw.integers(1, 6, draw.integers(1, 4))))
        values: NDArray[Any] = draw.integers(0, 100, shape)
        (tmp_path / IMAGES).write_bytes(idx(values, kind))
        (tmp_path / LABELS).write_bytes(idx(np.arange(shape[0])))
        expected = np.fromfile(tmp_path / IMAGES, f">{kind}", offset=4 + 4 * len(shape))
        np.testing.assert_array_equal(load(tmp_path).x.ravel(), expected, err_msg=f"{number}: {code}")
