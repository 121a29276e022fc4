"""Metrics as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from streetveil.observability.metrics import Metrics


def values(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """All numbers by name and the values of their labels, sorted by the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, *labels: str) -> float | None:
    """One number, as `values` names it; None where there is none."""
    return values(metrics.expose()[0].decode()).get((name, labels))
