"""Plugins that are being written: a run of one formula is not taken for a run of another under the same version."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import nnexp, runs
from tests.discovery.test_installed_plugins import HUBER, install


def test_an_edited_formula_is_another_run(tmp_path: Path) -> None:
    """In an editable install the files count: reuse=true trains anew after an edit, diff names it, and resume refuses it."""
    site = tmp_path / "site"
    install(site, "nnexp-mine", {"nnexp.loss": "mine = my_mine:Huber"}, {"my_mine": HUBER})
    record = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    (site / "nnexp_mine-1.2.dist-info" / "direct_url.json").write_text(json.dumps(record))
    words = ["loss=mine", "epochs=2", "reuse=true"]
    for edited in ("", "", "# edited\n"):
        (site / "my_mine.py").write_text(f"{HUBER}{edited}")
        ended = nnexp(*words, cwd=tmp_path, PYTHONPATH=str(site))
        assert ended.code == 0, ended.err
    assert [(each / "weights.npz").exists() for each in runs(tmp_path)] == [
        True,
        False,
        True,
    ]  # the second is the first
    first, _, second = (str(each.relative_to(tmp_path)) for each in runs(tmp_path))
    differs = nnexp("diff", first, second, cwd=tmp_path, PYTHONPATH=str(site))
    assert "\nversions " in differs.out
    assert "\nsame     configuration, data, engine, commit\n" in differs.out
    refused = nnexp("resume", first, "epochs=3", cwd=tmp_path, PYTHONPATH=str(site))
    assert refused.code == 1
    assert "The run began with nnexp 0.1.0, nnexp-mine 1.2 (source " in refused.err
