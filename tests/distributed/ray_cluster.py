"""Clusters of Ray nodes on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.cluster_utils import Cluster


@contextmanager
def connected(nodes: int) -> Iterator[Cluster]:
    """A cluster of nodes of 2 CPUs each, as Ray counts them, and a connection to it."""
    node = {"num_cpus": 2, "object_store_memory": 100 * 2**20}
    soon = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
    cluster = Cluster(
        initialize_head=True, head_node_args=node | {"include_dashboard": False, "_system_config": soon}
    )
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**node)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
