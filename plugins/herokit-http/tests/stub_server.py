"""An HTTP server on loopback whose responses are given by a function of the test."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StubServer:
    """Responds to POSTs with `respond(path, body)`, and records the requests.

    A response is JSON, bytes to send as they are, a (status, JSON or bytes, headers) triple, a number of seconds to wait
    before an empty response, or None to close the connection.
    """

    def __init__(self, respond):
        self.respond, self.requests, self.headers = respond, [], []
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server.lock:
                    server.requests.append((self.path, body))
                    server.headers.append(dict(self.headers))
                response = server.respond(self.path, body)
                if response is None:
                    self.close_connection = True
                    return
                if isinstance(response, float):
                    time.sleep(response)
                    response = {}
                status, content, headers = response if isinstance(response, tuple) else (200, response, {})
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                try:
                    self.send_response(status)
                    for name, value in ({"content-length": str(len(content))} | headers).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
