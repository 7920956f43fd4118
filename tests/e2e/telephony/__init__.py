"""What phones, trunks and providers answer, and how it is told."""
