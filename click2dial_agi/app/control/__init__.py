"""Steering calls that are up: what the API does to them through the PBX's manager (AMI)."""
