"""What all jobs of a sweep take along to another machine: the sweep's name and manifest, and the files that they read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnexp.basics.files import open_plain, replacing
from nnexp.errors import NnexpError
from nnexp.sweep.inputs import changed, states
from nnexp.sweep.manifest import MANIFEST, Manifest

FILES = "files"
"""The folder of a worker with what jobs read."""


@dataclass(frozen=True)
class Input:
    """A file that jobs read, or a folder with its files."""

    folder: bool
    digests: Mapping[str, str]
    """SHA-256 of each file's content, by its name."""


@dataclass(frozen=True)
class StagedFiles:
    """What each worker gets once."""

    sweep: str
    """The sweep's directory, from the one that its command was started in."""
    manifest: bytes
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """By the path as it was typed."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """By their digests."""

    @classmethod
    def packed(cls, sweep: str, directory: Path, manifest: Manifest) -> StagedFiles:
        """That of the sweep in ``directory``. Raises NnexpError where a file is not as it was before the first job."""
        if different := changed(manifest.files, states(manifest.files)):
            raise NnexpError(
                f"{different[0]} has changed since the sweep began, and its jobs would not be trained on the same data. Put it "
                "back as it was, or start a new sweep."
            )
        inputs: dict[str, Input] = {}
        contents: dict[str, bytes] = {}
        for typed in manifest.files:
            path = Path(typed).expanduser()
            digests = {}
            for each in sorted(path.iterdir()) if path.is_dir() else [path]:
                if each.is_file():
                    with open_plain(each, links=True) as file:
                        content = file.read()
                    digests[each.name] = hashlib.sha256(content).hexdigest()
                    contents[digests[each.name]] = content
            if digests:
                inputs[typed] = Input(path.is_dir(), digests)
        return cls(sweep, (directory / MANIFEST).read_bytes(), inputs, contents)

    def unpack(self, root: Path) -> dict[str, str]:
        """Put everything below ``root``, a worker's own folder; where each file is there, by the path as it was typed."""
        place = root / self.sweep
        place.mkdir(parents=True)
        with replacing(place / MANIFEST) as file:
            file.write(self.manifest)
        return dict(self._unpacked(root))

    def _unpacked(self, root: Path) -> Iterator[tuple[str, str]]:
        for number, (typed, wanted) in enumerate(self.inputs.items()):
            folder = root / FILES / str(number)
            folder.mkdir(parents=True)
            for name, digest in wanted.digests.items():
                with replacing(folder / name) as file:
                    file.write(self.contents[digest])
            (name, *_) = wanted.digests
            yield typed, str(folder if wanted.folder else folder / name)
