#!/usr/bin/env bash
set -eu

# Http_Method, Http_Path, Http_Query and Http_<Header> describe the request.
body="$(cat)"
echo "Hello from Bash: ${Http_Method:-GET} ${Http_Path:-/}"
if [ -n "$body" ]; then echo "received: $body"; fi
