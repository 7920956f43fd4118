"""The peer of bench.create: uvicorn and FastAPI with an answer of a given size and nothing else."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()
TEXT = "x" * (int(sys.argv[2]) - len('{"hello":""}'))


@app.post("/")
async def hello() -> dict[str, str]:
    return {"hello": TEXT}


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(app, port=port, loop="uvloop", log_level="error", access_log=False)
