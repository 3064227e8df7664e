"""Run tuning sessions on Kubernetes, or on this machine."""

__version__ = "0.1.0"
