"""The Create Call API: one FastAPI application for each integrator (docs/contract.md)."""
