"""Input and output: sockets, files and Redis, each with its deadlines."""
