"""Two parties act at the same moment: one record for every call, and nothing left."""
