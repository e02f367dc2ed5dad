"""A small Flask app with a worker beside it; the Procfile names both."""

from flask import Flask

VERSION = "1.0.0"

app = Flask(__name__)


@app.get("/")
def index() -> dict[str, str]:
    return {"hello": "Flask", "version": VERSION}
