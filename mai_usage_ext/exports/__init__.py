"""Tables written down: a file for each format, all of them behind ``ports.tables.TableFormat``."""

from mai_usage_ext.exports.csv_format import Csv
from mai_usage_ext.exports.formats import FORMATS
from mai_usage_ext.exports.json_formats import Json, JsonLines
from mai_usage_ext.exports.parquet import Parquet
from mai_usage_ext.exports.xlsx import Xlsx

__all__ = ["FORMATS", "Csv", "Json", "JsonLines", "Parquet", "Xlsx"]
