"""Benchmarks of `BatchEnv` against bare MuJoCo, of its adapters, and of GaitNet's world."""

from batchenv.bench.adapters import TABLE_HEAD as ADAPTER_TABLE_HEAD
from batchenv.bench.adapters import AdapterRow, benchmark_adapters
from batchenv.bench.gaitnet import TABLE_HEAD as GAITNET_TABLE_HEAD
from batchenv.bench.gaitnet import GaitNetRow, benchmark_gaitnet
from batchenv.bench.limit import TABLE_HEAD as LIMIT_TABLE_HEAD
from batchenv.bench.limit import LimitRow, benchmark
from batchenv.bench.measurement import as_json

__all__ = [
    "ADAPTER_TABLE_HEAD",
    "GAITNET_TABLE_HEAD",
    "LIMIT_TABLE_HEAD",
    "AdapterRow",
    "GaitNetRow",
    "LimitRow",
    "as_json",
    "benchmark",
    "benchmark_adapters",
    "benchmark_gaitnet",
]
