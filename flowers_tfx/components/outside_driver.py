"""The driver of a node that reads or writes outside the pipeline: it adds execution properties before the runner asks its cache.

Local and Beam runners call drivers; Kubeflow does not, so an executor must work without the properties that its driver adds.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.portable import base_driver as portable_driver
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2

CACHE_KEY = "cache_key"  # the execution property that alone names what such a node's result depends on


class OutsideDriver(base_driver.BaseDriver, portable_driver.BaseDriver):
    """TFX checks for the old base class and calls the new one's `run`."""

    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_driver.BaseDriver.__init__(self, metadata_handle)

    @abc.abstractmethod
    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        """Execution properties that depend on the world outside: an idempotency token, or the cache key."""

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        output = driver_output_pb2.DriverOutput()
        for name, value in {**execution_info.exec_properties, **self.observe(execution_info)}.items():
            data_types_utils.set_metadata_value(output.exec_properties[name], value)
        return output
