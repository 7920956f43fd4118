"""The Create Call API: one FastAPI application for each integrator (CONTRACT section 3)."""
