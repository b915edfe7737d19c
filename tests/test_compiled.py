"""Compiled functions: their cache follows all their sources, and survives damage."""

import logging
from pathlib import Path

import pytest
from numba.core import caching, config

import batchenv
from batchenv.compiled import _cache_of, _warn_uncached, compiled, source_digest, sources

PACKAGE = Path(batchenv.__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the caches of functions lie that are compiled in a test."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def doubled(x):
    return 2 * x


def call():
    """Compile anew, as another process would; returns whether the cache had it."""
    function = compiled()(doubled)
    assert function(21) == 42
    return bool(function.stats.cache_hits)


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("batchenv.mdp.resets", ["batchenv.rng", "batchenv.mdp.resets"]),
        (
            "batchenv.engine.kernel",
            ["batchenv.engine.coordinators.network.layout", "batchenv.engine.constraints.active_set"],
        ),
    ],
)
def test_the_sources_of_a_module_are_those_of_all_it_imports(module, needed):
    found = sources(module)
    assert set(needed) <= found.keys() and all(file.is_file() for file in found.values())
    assert "batchenv.cli" not in found


def test_imports_of_every_form_are_followed(tmp_path):
    for name, text in {
        "a": "from batchenv.b import (\n    one,\n    two,\n)\n",
        "b": "from batchenv import c\n",
        "c": "import batchenv.d.e\n",
        "d/__init__": "",
        "d/e": "def late():\n    from batchenv import f\n",
        "f": "from batchenv import a",
        "g": "",
        "__init__": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    found = sources("batchenv.a", tmp_path)
    assert sorted(found) == ["batchenv", *(f"batchenv.{name}" for name in ("a", "b", "c", "d.e", "f"))]


def test_a_digest_differs_with_constants_and_modules():
    digests = {
        source_digest("batchenv.rng"),
        source_digest("batchenv.rng", [1]),
        source_digest("batchenv.calls"),
    }
    assert len(digests) == 3 and all(0 < digest < 2**48 for digest in digests)


def test_no_cache_of_the_package_is_numbas_own():
    users = [file for file in PACKAGE.rglob("*.py") if "cache=True" in file.read_text()]
    assert users == []


def test_a_function_is_compiled_once(folder):
    assert [call(), call(), call()] == [False, True, True]


def test_a_changed_source_is_compiled_again(folder, monkeypatch):
    call()
    monkeypatch.setattr("batchenv.compiled.stamp", lambda module: "another")
    assert [call(), call()] == [False, True]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("kept", [0, 10, 40])
def test_files_of_the_cache_that_are_empty_or_cut_are_replaced(folder, kind, kept):
    call()
    files = list(folder.rglob(f"*.{kind}"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:kept])
    assert [call(), call()] == [False, True]


def test_without_a_directory_for_its_cache_code_runs_with_one_warning(monkeypatch, caplog):
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    _warn_uncached.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [call(), call()] == [False, False]
    assert caplog.text.count("cannot be cached") == 1 and "NUMBA_CACHE_DIR" in caplog.text


def test_a_full_disk_is_no_error(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    _warn_uncached.cache_clear()
    assert not call() and "cannot be cached" in caplog.text
    assert _cache_of(doubled).cache_path
