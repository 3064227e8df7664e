"""Workloads that come with the product: plain files that run in a stock Python image."""
