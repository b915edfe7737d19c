"""Benchmarks of `BatchEnv` on both engines against bare MuJoCo, of its adapters, of peers, and of GaitNet."""

from batchenv.bench.adapters import TABLE_HEAD as ADAPTER_TABLE_HEAD
from batchenv.bench.adapters import AdapterRow, benchmark_adapters
from batchenv.bench.gaitnet import TABLE_HEAD as GAITNET_TABLE_HEAD
from batchenv.bench.gaitnet import GaitNetRow, benchmark_gaitnet
from batchenv.bench.limit import TABLE_HEAD as LIMIT_TABLE_HEAD
from batchenv.bench.limit import LimitRow, benchmark
from batchenv.bench.measurement import as_json
from batchenv.bench.peers import PEER_RATES, PeerRow, benchmark_peers, installed_peers
from batchenv.bench.peers import TABLE_HEAD as PEER_TABLE_HEAD
from batchenv.bench.scaling import PREDICTION_HEAD, predictions
from batchenv.bench.warp import TABLE_HEAD as WARP_TABLE_HEAD
from batchenv.bench.warp import WarpRow, benchmark_warp

__all__ = [
    "ADAPTER_TABLE_HEAD",
    "GAITNET_TABLE_HEAD",
    "LIMIT_TABLE_HEAD",
    "PEER_RATES",
    "PEER_TABLE_HEAD",
    "PREDICTION_HEAD",
    "WARP_TABLE_HEAD",
    "AdapterRow",
    "GaitNetRow",
    "LimitRow",
    "PeerRow",
    "WarpRow",
    "as_json",
    "benchmark",
    "benchmark_adapters",
    "benchmark_gaitnet",
    "benchmark_peers",
    "benchmark_warp",
    "installed_peers",
    "predictions",
]
