"""Banks that publish rates of currencies, each behind ``ports.rates.RateSource``."""

from mai_usage_ext.rates.ecb import EcbRates
from mai_usage_ext.rates.nbp import NbpRates

__all__ = ["EcbRates", "NbpRates"]
