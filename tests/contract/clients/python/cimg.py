"""Creates images on DiDi Cloud and waits for them, with the standard library alone.

    export CIMG_URL=http://127.0.0.1:8080 CIMG_TOKEN=...
    python3 cimg.py gz 3fd352092a3f553cb124223f6a7f09b4 web-01

It prints the id of each image, and after an unknown outcome what it finds. One file
to copy: create() ends in one of four outcomes, wait() waits for jobs, look_for()
finds out after an unknown outcome.

Exit status, as of cimg: 0 done; 1 not sent, or another error; 2 wrong usage; 3 rejected;
4 a job failed; 5 unknown: the call may have been carried out, or jobs may still run;
6 timed out, the jobs may still run.
"""

import argparse
import email.utils
import http.client
import json
import os
import re
import sys
import time
import traceback
import urllib.parse

# The errnos that mean: nothing was changed.
REJECTIONS = {1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002}
# What is transient: the server failed, and may have done so after the work was done.
TRANSIENT_ERRNOS, TRANSIENT_STATUSES = {2, 3, 40000}, {408, 425} | set(range(500, 600))
# What one bad id may cause, or too many: how the service handles an unknown id is not published.
BAD_ID_ERRNOS, BAD_ID_STATUSES = {1, 13, 41017, 41026, 16000002}, {400, 404, 413, 414, 431, 494}
# What http.client cannot send to must not look like a call whose outcome is unknown.
URL_OF_SERVICE = re.compile(r"https?://([\w-]{1,63}(\.[\w-]{1,63})*\.?|\[[\da-f:.]+\])(:\d+)?(/[!-\"$->@-~]*)?", re.ASCII | re.IGNORECASE)
MAX_BODY = 4 << 20  # bytes
IDS_PER_POLL = 100


class Rejected(Exception):
    """Nothing was changed: fix the cause, then call again."""


class NotSent(Exception):
    """There was no connection, so nothing was changed: call again later."""


class Unknown(Exception):
    """The call may have been carried out: look for the images before you send it again."""

    def __init__(self, why, jobs=(), request_id=None):
        super().__init__(why)
        self.jobs = list(jobs)  # those in the response all the same
        self.request_id = request_id  # for the provider's support


class WaitEnded(Exception):
    """The wait ended before its jobs, which may still run: with their ids it can be resumed."""

    def __init__(self, why, left):
        super().__init__(f"{why}; left: {','.join(left)}")
        self.left = left


class WaitTimedOut(WaitEnded):
    """The wait reached its deadline."""


class Response:
    """What came back: a status of 0 means nothing."""

    def __init__(self, status=0, headers=None, body=b"", error=None):
        self.status, self.headers, self.error = status, headers or {}, error
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):  # a gateway's page, or nothing
            parsed = None
        self.envelope = parsed if isinstance(parsed, dict) else {}
        errno = self.envelope.get("errno")
        self.errno = errno if type(errno) is int else None  # not a bool
        self.data = self.envelope.get("data")

    def __str__(self):
        if self.error:
            return str(self.error)
        if self.errno is None:
            return f"HTTP {self.status}, no envelope"
        return f"HTTP {self.status}, errno {self.errno} ({self.envelope.get('errmsg')})"

    def is_success(self):
        return self.status == 200 and self.errno == 0

    def jobs(self):
        """The jobs of a response with errno 0, None if there are none to read."""
        items = [] if self.data is None else self.data
        if not self.is_success() or not isinstance(items, list):
            return None
        return [job for job in items if is_job(job)]

    def retry_after(self):
        """Seconds to wait before the next request; mostly 0."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return min(int(value), 10**9)
        try:
            return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0)
        except (TypeError, ValueError):
            return 0


def is_job(job):
    return (
        isinstance(job, dict)
        and isinstance(job.get("jobUuid"), str)
        and job["jobUuid"] != ""
        and "," not in job["jobUuid"]
        and isinstance(job.get("done"), bool)
        and isinstance(job.get("success"), bool)
    )


class Client:
    def __init__(self, url, token):
        try:
            self._url = urllib.parse.urlsplit(url)
            is_valid = URL_OF_SERVICE.fullmatch(url) and self._url.port != 0
        except ValueError:  # of the port, for instance
            is_valid = False
        if not is_valid:
            raise ValueError("the URL is not that of a service")
        if not token or any(not "!" <= c <= "~" for c in token):
            raise ValueError("the token is empty, or has a character that is invalid in a header")
        self._token = token

    def _send(self, method, path, body=None, timeout=30):
        """Sends one request on a connection of its own. http.client neither repeats
        requests nor follows redirects. Raises NotSent if there is no connection."""
        https = self._url.scheme == "https"
        connect = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = connect(self._url.hostname, self._url.port, timeout=timeout)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise NotSent(f"no connection: {error}") from error
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(method, self._url.path.rstrip("/") + path, body and json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read(MAX_BODY + 1)
            if len(content) > MAX_BODY:
                raise http.client.HTTPException("the response is too large")
            if response.length:  # read(n) does not complain about a body that breaks off
                raise http.client.IncompleteRead(content, response.length)
            return Response(response.status, response.headers, content)
        except (OSError, http.client.HTTPException) as error:
            return Response(error=error)
        finally:
            connection.close()

    def create(self, region, snapshot, names):
        """Starts an image of each name and returns the jobs: save their ids. Sent once.
        Raises Rejected, NotSent or Unknown."""
        if not names:
            raise ValueError("a mutating call needs at least one item")
        items = [{"name": name, "snapUuid": snapshot} for name in names]
        return self._mutate("create", region, items)

    def copy(self, region, origin_region, images):
        """Copies images, a dict of names and ids, into region; otherwise like create."""
        items = [{"name": name, "originImageUuid": image, "originRegionId": origin_region} for name, image in images.items()]
        return self._mutate("import", region, items)

    def _mutate(self, operation, region, items):
        response = self._send("POST", f"/dicloud/i/storage/cimg/{operation}", {"regionId": region, "cimg": items})
        jobs = response.jobs() or []
        if response.is_success() and len(items) == len(jobs) == len(response.data) == len({job["jobUuid"] for job in jobs}):
            return jobs
        has_data = isinstance(response.data, (list, dict)) and len(response.data) > 0
        if not has_data and (
            response.status in (401, 403, 429)
            or response.errno in REJECTIONS and response.status not in TRANSIENT_STATUSES
        ):
            raise Rejected(str(response))
        raise Unknown(f"{response}, {len(jobs)} jobs for {len(items)} items", jobs, response.envelope.get("requestId"))

    def images_named(self, region, name):
        """The images of exactly this name. A list that cannot be read raises: an empty
        one would mean that nothing was created."""
        images = {}
        start = 0
        while True:
            condition = {"names": [name]}
            page = self._send("POST", "/dicloud/i/storage/cimg/list", {"regionId": region, "start": start, "limit": 100, "condition": condition})
            # The provider's table has a bare array where the captured response has a page.
            items = page.data.get("items") if isinstance(page.data, dict) else page.data
            if not page.is_success() or not isinstance(items, list):
                raise RuntimeError(f"cannot list: {page}")
            known = len(images)
            images.update((image["cimgUuid"], image) for image in items)
            if len(images) == known:  # what `count` counts is not published
                return [image for image in images.values() if image["name"] == name]
            start += len(items)

    def look_for(self, region, name, window=300, pause=5):
        """Looks for the image of a call whose outcome is unknown, until the window
        closes: how soon a new image is listed is not published. [] proves nothing:
        let a person decide before a second create."""
        closes = time.monotonic() + window
        while True:
            try:
                found = self.images_named(region, name)
            except (NotSent, RuntimeError):
                found = []
            if found or time.monotonic() + pause > closes:
                return found
            time.sleep(pause)

    def wait(self, region, job_ids, *, first_pause=1.0, interval=1.0, grace=30.0, deadline=3600.0):
        """Returns the jobs once all have finished, successfully or not. All times are in
        seconds: before the first poll, between two requests, for which the service may
        not know a job yet, and after which the wait gives up."""
        ends = time.monotonic() + deadline
        jobs = dict.fromkeys(job_ids)
        missing_since = {}
        alone = set()  # the ids of a rejected request, until a response has each
        not_before = 0.0  # from the last Retry-After
        pause_between_polls = first_pause

        def left():
            return [job_id for job_id, job in jobs.items() if not (job and job["done"])]

        while left():
            pause = pause_between_polls
            for ids in requests_for(left(), alone):
                pause = max(pause, not_before - time.monotonic())
                if time.monotonic() + pause > ends:
                    raise WaitTimedOut("gave up waiting", left())
                time.sleep(pause)
                pause = interval
                query = urllib.parse.urlencode({"regionId": region, "jobUuids": ",".join(ids)}, safe=",")
                try:
                    response = self._send("GET", f"/dicloud/i/result?{query}", timeout=max(min(30, ends - time.monotonic()), 0.001))
                except NotSent as error:
                    response = Response(error=error)
                not_before = time.monotonic() + response.retry_after()
                seen = response.jobs()
                if seen is None:
                    kind = classify(response)
                    if kind == "permanent":
                        raise WaitEnded(f"the poll was rejected: {response}", left())
                    if kind == "transient":
                        continue
                    alone.update(ids)  # one of them may be the bad id
                    if len(ids) > 1:
                        continue
                    seen = []  # the service may not know it yet
                else:
                    alone.difference_update(ids)
                for job in seen:
                    job_id = job["jobUuid"]
                    missing_since.pop(job_id, None)
                    before = jobs.get(job_id) or {}
                    if job_id in ids and not before.get("done"):
                        # A later response may lack what an earlier one had.
                        jobs[job_id] = job | {"resourceUuid": job.get("resourceUuid") or before.get("resourceUuid")}
                for job_id in set(ids) - {job["jobUuid"] for job in seen}:
                    since = missing_since.setdefault(job_id, time.monotonic())
                    if time.monotonic() - since > grace:
                        raise WaitEnded(f"job {job_id} not found: {response}", left())
            pause_between_polls = min(pause_between_polls * 1.5, 60)
        return list(jobs.values())


def requests_for(ids, alone):
    """Distributes ids over requests: many in each, those in alone one by one."""
    others = [job_id for job_id in ids if job_id not in alone]
    chunks = [others[i : i + IDS_PER_POLL] for i in range(0, len(others), IDS_PER_POLL)]
    return [[job_id] for job_id in ids if job_id in alone] + chunks


def classify(response):
    """What a poll without jobs means: poll again, query the ids one by one, or give up."""
    status, errno = response.status, response.errno
    if response.error or status == 429 or status in TRANSIENT_STATUSES or errno in TRANSIENT_ERRNOS:
        return "transient"
    if status == 401 or errno == 4:
        return "permanent"  # whatever the other of the two
    if status in BAD_ID_STATUSES or errno in BAD_ID_ERRNOS:
        return "bad id"
    # Without an errno it is a gateway's, whose other responses may pass.
    return "permanent" if status == 403 or errno else "transient"


def run(client, region, snapshot, names):
    """Creates images and waits for them. Returns the exit status."""
    try:
        started = client.create(region, snapshot, names)
    except NotSent as error:
        return fail(1, f"not sent: {error}")
    except Rejected as error:
        return fail(3, f"rejected: {error}")
    except Unknown as unknown:
        fail(5, f"unknown: {unknown}, request {unknown.request_id}; jobs", *(job["jobUuid"] for job in unknown.jobs))
        for name in names:
            found = client.look_for(region, name)
            print(name, *(image["cimgUuid"] for image in found) if found else ["not observed"])
        return 5
    ids = [job["jobUuid"] for job in started]
    print("started:", *ids, file=sys.stderr)  # save them: wait() can be resumed with them
    try:
        finished = client.wait(region, ids)
    except WaitTimedOut as error:
        return fail(6, error)
    except WaitEnded as error:
        return fail(5, error)
    status = 0
    for job in finished:
        if not job["success"]:
            status = fail(4, f"job {job['jobUuid']} failed: {job.get('result') or 'no reason given'}")
        elif not job["resourceUuid"]:
            status = status or fail(1, f"job {job['jobUuid']} succeeded, but does not name its image")
        else:
            print(job["resourceUuid"])
    return status


def fail(status, *message):
    print("cimg.py:", *message, file=sys.stderr)
    return status


def main():
    parser = argparse.ArgumentParser(prog="cimg.py", description="Creates images and waits for them.", epilog="CIMG_URL and CIMG_TOKEN name the service.")

    def filled(text):
        if not text:
            raise argparse.ArgumentTypeError("it is empty")
        return text

    parser.add_argument("region", type=filled)
    parser.add_argument("snapshot", type=filled)
    parser.add_argument("names", type=filled, nargs="+")
    arguments = parser.parse_args()
    try:
        client = Client(os.environ.get("CIMG_URL", ""), os.environ.get("CIMG_TOKEN", ""))
    except ValueError as error:
        parser.error(str(error))
    try:
        return run(client, **vars(arguments))
    except KeyboardInterrupt:  # something may have been sent
        return fail(5, "interrupted")
    except Exception:
        traceback.print_exc()
        return 5


if __name__ == "__main__":
    sys.exit(main())
