import json
import os
import sys


def handle(body, method, path):
    return {"message": "Hello from Python", "method": method, "path": path, "received": body}


if __name__ == "__main__":
    answer = handle(sys.stdin.read(), os.environ.get("Http_Method"), os.environ.get("Http_Path"))
    json.dump(answer, sys.stdout)
