"""Whether calls and jobs are traced: where the operator wants it and the API is installed."""

from mai_usage_ext.guard import shielded
from mai_usage_ext.ports.tracing import NoTracing, Tracing
from mai_usage_ext.settings import Settings
from mai_usage_ext.telemetry.presence import has_opentelemetry

__all__ = ["tracing_of"]


def tracing_of(settings: Settings) -> Tracing:
    """OpenTelemetry's, else nobody's; imports nothing of it where it is switched off."""
    if settings.otel and not settings.otel_disabled and has_opentelemetry():
        # A release that is too old, or half of one, is no reason to stay out of the host.
        with shielded("setting up OpenTelemetry"):
            from mai_usage_ext.telemetry.spans import OtelTracing

            return OtelTracing()
    return NoTracing()
