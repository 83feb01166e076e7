"""cimg.py against `cimg mock`, and against the responses that the examples in all
languages are tested with. Run by `make contract`: python3 -m unittest."""

import contextlib
import http.server
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

import cimg

HERE = pathlib.Path(__file__).parent
SNAPSHOT = "3fd352092a3f553cb124223f6a7f09b4"


class Mock:
    """The emulator that people run, on a free port."""

    def __init__(self, *flags):
        self.folder = tempfile.TemporaryDirectory()
        program = os.path.join(self.folder.name, "cimg")
        subprocess.run(["go", "build", "-o", program, "./cmd/cimg"], cwd=HERE.parents[3], check=True)
        self.process = subprocess.Popen([program, "mock", "--quiet", "--addr", "127.0.0.1:0", *flags], stdout=subprocess.PIPE, text=True)
        printed = ""
        for line in self.process.stdout:
            printed += line
            if line.startswith("Stop with"):
                break
        self.url, self.token = (re.search(rf"^{name} +(\S+)$", printed, re.M)[1] for name in ("Base URL", "Token"))

    def control(self, method, path, document=None):
        """Calls the control API."""
        body = document and json.dumps(document).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_emulator/{path}", body, method=method)) as response:
            return json.load(response)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()


class AgainstTheMock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mock = Mock("--strict", "--job-duration", "300ms")
        cls.addClassCleanup(cls.mock.stop)

    def setUp(self):
        self.mock.control("POST", "reset")
        self.client = cimg.Client(self.mock.url, self.mock.token)

    def names(self, region="gz"):
        return [image["name"] for image in self.mock.control("GET", f"images?regionId={region}")]

    def wait(self, region, jobs):
        return self.client.wait(region, [job["jobUuid"] for job in jobs], first_pause=0.05, interval=0.05, deadline=20)

    def test_creates_two_images_and_copies_them(self):
        created = self.wait("gz", self.client.create("gz", SNAPSHOT, ["one", "two"]))
        self.assertEqual([job["success"] for job in created], [True, True])
        copies = {name: job["resourceUuid"] for name, job in zip(("one", "two"), created)}
        self.wait("bj", self.client.copy("bj", "gz", copies))
        for region in ("gz", "bj"):
            self.assertEqual([self.names(region).count(name) for name in copies], [1, 1])

    def test_an_image_whose_response_is_lost_is_found_and_not_created_twice(self):
        fault = {"operation": "createCIMG", "after": True, "reset": True}
        self.mock.control("PUT", "scenario", {"listLag": "1s", "faults": [fault]})
        with self.assertRaises(cimg.Unknown):
            self.client.create("gz", SNAPSHOT, ["lost"])
        self.assertEqual(self.client.images_named("gz", "lost"), [], "it is not listed yet")
        [found] = self.client.look_for("gz", "lost", window=20, pause=0.1)
        self.assertEqual(found["name"], "lost")
        self.assertEqual(self.names().count("lost"), 1)
        self.assertEqual(self.mock.control("GET", "requests")["createCIMG"], 1)

    def test_a_create_with_an_unknown_snapshot_is_rejected(self):
        with self.assertRaisesRegex(cimg.Rejected, "errno 41017"):
            self.client.create("gz", "no-such-snapshot", ["rejected"])
        self.assertNotIn("rejected", self.names())

    def run_program(self, *names):
        return run_program(self.mock.url, self.mock.token, "gz", SNAPSHOT, *names)

    def test_the_program(self):
        done = self.run_program("web-01")
        self.assertEqual((done.returncode, len(done.stdout.split())), (0, 1), done.stderr)
        self.mock.control("POST", "faults", {"operation": "createCIMG", "errno": 1000011})
        rejected = self.run_program("web-02")
        self.assertEqual((rejected.returncode, rejected.stdout), (3, ""))
        self.assertRegex(rejected.stderr, "^cimg.py: rejected: .*errno 1000011")
        self.mock.control("POST", "faults", {"operation": "createCIMG", "after": True, "status": 502, "body": "<html>"})
        unknown = self.run_program("web-03")
        self.assertEqual(unknown.returncode, 5, unknown.stderr)
        self.assertRegex(unknown.stdout, "^web-03 [0-9a-f]{32}\n$")
        self.mock.control("PUT", "scenario", {"jobs": [{"fail": "no space"}]})
        failed = self.run_program("web-04")
        self.assertEqual((failed.returncode, failed.stdout), (4, ""))
        self.assertRegex(failed.stderr, "job [0-9a-f]{32} failed: no space\n$")

    def test_the_program_says_which_jobs_are_left(self):
        self.mock.control("POST", "faults", {"operation": "getJobResult", "status": 401})
        ended = self.run_program("web-05")
        self.assertEqual(ended.returncode, 5)
        self.assertRegex(ended.stderr, "^started: (.*)\ncimg.py: the poll was rejected: HTTP 401, no envelope; left: \\1\n$")


def run_program(url, token, *arguments):
    env = os.environ | {"CIMG_URL": url, "CIMG_TOKEN": token}
    return subprocess.run([sys.executable, HERE / "cimg.py", *arguments], env=env, capture_output=True, text=True)


class Program(unittest.TestCase):
    def test_wrong_usage_sends_nothing(self):
        with Scripted(envelope(0)) as server:
            url = f"http://127.0.0.1:{server.server_port}"
            for arguments in ((), ("gz",), ("gz", "s"), ("gz", "s", "")):
                result = run_program(url, "token", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
                self.assertRegex(result.stderr, "^usage: .*\n.*(required|empty)")
            self.assertEqual(server.requests, [])
        for url, token in (("", "token"), ("http://a..b", "token"), ("http://127.0.0.1/a b", "token"), ("http://127.0.0.1", ""), ("http://127.0.0.1", "secret secret")):
            result = run_program(url, token, "gz", "s", "one")
            self.assertEqual(result.returncode, 2, url)
            self.assertRegex(result.stderr, "^usage: .*\n.*error: the (token|URL) ")
            self.assertNotIn("secret", result.stderr)

    def test_interrupted(self):
        with Scripted(envelope(0, [job("a")])) as server:
            env = os.environ | {"CIMG_URL": f"http://127.0.0.1:{server.server_port}", "CIMG_TOKEN": "token"}
            # A shell starts a program in the background with this signal ignored.
            program = subprocess.Popen([sys.executable, HERE / "cimg.py", "gz", "s", "one"], env=env, stderr=subprocess.PIPE, text=True,
                                       preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            self.assertEqual(program.stderr.readline(), "started: a\n")
            program.send_signal(signal.SIGINT)
            self.assertEqual(program.stderr.read(), "cimg.py: interrupted\n")
            self.assertEqual(program.wait(), 5)
            program.stderr.close()

    def test_not_sent(self):
        result = run_program(f"http://127.0.0.1:{unused_port()}", "token", "gz", "s", "one")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "^cimg.py: not sent: no connection")

    def test_a_job_that_does_not_name_its_image(self):
        with Scripted(envelope(0, [job("a")]), envelope(0, [job("a", done=True, success=True)])) as server:
            result = run_program(f"http://127.0.0.1:{server.server_port}/", "token", "gz", "s", "one")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("does not name its image", result.stderr)
        self.assertEqual(server.requests[0], "POST /dicloud/i/storage/cimg/create")


class Scripted(http.server.ThreadingHTTPServer):
    """Sends these responses, one after the other; the last one repeats."""

    def __init__(self, *responses):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.requests.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                response = responses[min(len(self.server.requests), len(responses)) - 1]
                if response is None:  # the connection breaks
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                body = (json.dumps(response["json"]) if "json" in response else response.get("body", "")).encode()
                self.send_response(response.get("status", 200))
                for name, value in {
                    "Content-Type": response.get("contentType", "application/json"),
                    "Content-Length": response.get("length", len(body)),
                    **({"Location": response["location"]} if "location" in response else {}),
                    **response.get("headers", {}),
                }.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.client = cimg.Client(f"http://127.0.0.1:{self.server_port}", "token")

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return super().__enter__()

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def envelope(errno, data=None):
    return {"json": {"errno": errno, "errmsg": "", "requestId": "r", "data": data}}


def job(job_id="a", **change):
    return {"jobUuid": job_id, "type": "CreateCIMG", "progress": 0, "done": False, "success": False, **change}


def done(*job_ids):
    return envelope(0, [job(job_id, done=True, success=True, resourceUuid=f"image {job_id}") for job_id in job_ids])


def table(name):
    return json.loads((HERE.parent / name).read_text(encoding="utf-8"))


class Create(unittest.TestCase):
    def outcome(self, response):
        with Scripted(response) as server:
            try:
                server.client.create("gz", "s", ["one", "two"])
                return "accepted", server.requests
            except (cimg.Rejected, cimg.Unknown) as error:
                self.error = error
                return type(error).__name__.lower(), server.requests

    def test_outcomes(self):
        for response in table("outcomes.json"):
            with self.subTest(response["name"]):
                self.assertEqual(self.outcome(response), (response["kind"], ["POST /dicloud/i/storage/cimg/create"]))

    def test_a_connection_or_a_response_that_breaks(self):
        broken = {**envelope(0, [job("a"), job("b")]), "length": 10_000}
        for response in (None, broken, {"body": "[" * 100_000}, {"body": "x" * (cimg.MAX_BODY + 1)}):
            self.assertEqual(self.outcome(response)[0], "unknown")

    def test_an_unknown_outcome_keeps_the_jobs_and_the_request_id(self):
        self.outcome(envelope(0, [job("a")]))
        self.assertEqual(([job["jobUuid"] for job in self.error.jobs], self.error.request_id), (["a"], "r"))

    def test_not_sent(self):
        for url in (f"http://127.0.0.1:{unused_port()}", *table("urls.json")["right"]):
            with self.subTest(url), self.assertRaises(cimg.NotSent):
                cimg.Client(url, "token").create("gz", "s", ["one"])

    def test_invalid_input_is_rejected_before_anything_is_sent(self):
        with Scripted(envelope(0)) as server:
            self.assertRaises(ValueError, server.client.create, "gz", "s", [])
            self.assertEqual(server.requests, [])
        for url in table("urls.json")["wrong"]:
            with self.subTest(url), self.assertRaises(ValueError):
                cimg.Client(url, "token")
        for token in ("", "secret\nsecret"):
            with self.assertRaises(ValueError) as raised:
                cimg.Client("http://127.0.0.1", token)
            self.assertNotIn("secret", str(raised.exception))


class Wait(unittest.TestCase):
    def wait(self, *responses, ids=("a",), **settings):
        """Waits for jobs of a service that sends these responses."""
        with Scripted(*responses) as server:
            self.requests = server.requests
            return server.client.wait("gz", ids, **{"first_pause": 0.001, "interval": 0.001, "deadline": 20, **settings})

    def test_polls(self):
        for response in table("polls.json"):
            with self.subTest(response["name"]):
                kind = "transient"
                try:
                    self.wait(response, done("a"), grace=-1)
                except cimg.WaitEnded as error:
                    kind = "bad id" if "not found" in str(error) else "permanent"
                self.assertEqual(kind, response["kind"])

    def test_what_a_wait_tolerates(self):
        [finished] = self.wait(
            None,
            {"status": 502},
            envelope(13),
            envelope(0, []),
            envelope(0, None),
            envelope(0, [{}, job("another", done=True)]),
            envelope(0, [job(progress=100, resourceUuid="i")]),  # not done, in spite of its progress
            envelope(0, [job(done="true")]),  # not a job
            envelope(0, [job(done=True, success=True), job()]),  # reported twice, in contradiction
        )
        self.assertEqual((finished["success"], finished["resourceUuid"]), (True, "i"))
        self.assertEqual(len(self.requests), 9)

    def test_what_ends_a_wait(self):
        for responses, why, settings in (
            ([envelope(0, [])], "job a not found", {"grace": 0.01}),
            ([envelope(0, [job(progress=99)])], "gave up waiting; left: a", {"deadline": 0.1}),
            ([{"status": 429, "headers": {"Retry-After": "3600"}}], "gave up waiting", {}),
        ):
            with self.subTest(why), self.assertRaisesRegex(cimg.WaitEnded, why):
                self.wait(*responses, **settings)

    def test_a_failed_job_has_finished(self):
        [failed] = self.wait(envelope(0, [job(done=True, progress=57, result="no space")]))
        self.assertEqual((failed["success"], failed["result"]), (False, "no space"))

    def test_the_ids_of_a_rejected_poll_are_queried_one_by_one(self):
        running = envelope(0, [job("a")])
        self.wait(envelope(13), running, envelope(13), envelope(13), done("a"), done("b"), ids=("a", "b"))
        self.assertEqual([request.split("jobUuids=")[1] for request in self.requests], ["a,b", "a", "b", "b", "a", "b"])

    def test_many_jobs_are_polled_in_several_requests(self):
        ids = [f"job-{i}" for i in range(250)]
        chunks = [ids[i : i + 100] for i in range(0, 250, 100)]
        self.assertEqual(len(self.wait(*(done(*chunk) for chunk in chunks), ids=ids)), 250)
        self.assertEqual(len(self.requests), 3)


class List(unittest.TestCase):
    def images(self, *responses):
        with Scripted(*responses) as server:
            found = [image["cimgUuid"] for image in server.client.images_named("gz", "one")]
            return found, len(server.requests)

    def test_the_list_ends_even_if_every_page_is_the_first(self):
        page = [{"cimgUuid": "a", "name": "one"}, {"cimgUuid": "b", "name": "One"}]
        self.assertEqual(self.images(envelope(0, {"count": 2, "items": page})), (["a"], 2))
        self.assertEqual(self.images(envelope(0, page)), (["a"], 2))

    def test_a_list_that_cannot_be_read_is_an_error_and_not_empty(self):
        for response in (envelope(2, {"items": []}), {**envelope(0, {"items": []}), "status": 500}, {"body": "<html>"}, envelope(0), None):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaisesRegex(RuntimeError, "cannot list"):
                self.images(response)


if __name__ == "__main__":
    unittest.main()
