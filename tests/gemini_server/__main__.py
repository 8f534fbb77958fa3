"""Runs the stand-in: python -m tests.gemini_server --port 8765 [--scenario NAME]"""

from __future__ import annotations

import argparse
import sys
import threading

from tests.gemini_server import SCENARIOS, GeminiServer


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gemini_server", description="A stand-in for the Gemini API."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--scenario", default="success", choices=sorted(SCENARIOS))
    parser.add_argument("--slow-s", type=float, default=3.0)
    chosen = parser.parse_args()
    server = GeminiServer(
        host=chosen.host, port=chosen.port, scenario=chosen.scenario, slow_s=chosen.slow_s
    )
    sys.stdout.write(
        f"Answering as the Gemini API at {server.url}\n"
        f"GEMINI_BASE_URL={server.url} GEMINI_API_KEY=any-key\n"
        "A prompt with [scenario:NAME] gets that scenario. Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    with server:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
