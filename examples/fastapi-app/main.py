"""A small FastAPI app: deployd finds `app` by itself and runs it with uvicorn."""

from fastapi import FastAPI

VERSION = "1.0.0"

app = FastAPI(title="fastapi-app", version=VERSION)


@app.get("/")
def index() -> dict[str, str]:
    return {"hello": "FastAPI", "version": VERSION}
