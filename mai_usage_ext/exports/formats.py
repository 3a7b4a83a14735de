"""Every format there is, by the name that it is asked for."""

from collections.abc import Mapping
from types import MappingProxyType

from mai_usage_ext.exports.csv_format import Csv
from mai_usage_ext.exports.json_formats import Json, JsonLines
from mai_usage_ext.exports.parquet import Parquet
from mai_usage_ext.exports.xlsx import Xlsx
from mai_usage_ext.ports.tables import TableFormat

__all__ = ["FORMATS"]

FORMATS: Mapping[str, TableFormat] = MappingProxyType(
    {
        "csv": Csv(),
        "json": Json(),
        "jsonl": JsonLines(),
        "xlsx": Xlsx(),
        "parquet": Parquet(),
    }
)
