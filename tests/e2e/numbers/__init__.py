"""Integrators of three countries, and one of the contract, on one server and PBX."""
