package mock

// Help explains scenarios and the control API to a person at a terminal.
const Help = `A scenario says how jobs go and what breaks, in YAML or JSON. Every field is optional; durations are written like 300ms, 10s or 2m:

  listLag: 10s            # a new image stays out of lists for this long
  unknownJobs: reject     # instead of omit: what getJobResult does with ids that it does not know
  maxJobUuids: 50         # ids in one getJobResult; more are rejected
  maxPageSize: 20         # images in one response to listCIMG
  listAsArray: true       # listCIMG responds with a bare array
  storeName: "acct-*"     # images are stored under another name; * is the requested one
  jobs:                   # the first rule that matches a job decides how it goes
    - operation: createCIMG
      region: gz
      name: "web-*"       # of the image; * is any text without a slash
      duration: 2m
      progress: silent    # or linear, backLoaded, or a list of percentages such as [0, 50, 100]
      fail: disk is full  # the job fails with this result
      failAt: 0.5         # after this fraction of the duration; default 1
      missingFor: 5s      # getJobResult does not know the job for this long
      rejectedFor: 5s     # getJobResult rejects requests that name the job (errno 41026)
  faults:                 # the first in the queue that a request matches decides what goes wrong with it
    - operation: createCIMG  # default: any operation
      skip: 1             # let this many requests pass
      count: 2            # then meet this many; default 1
      after: true         # carry out the request first
      delay: 2s           # then wait
      reset: true         # and break the connection, or, in its place, respond:
    - status: 503         # with this HTTP status; alone, it has no body
      body: "<html>..."   # with this body
      contentType: text/html
      header: {Retry-After: "5"}  # a list gives a header several values
      for: 30s            # this is an outage: every request for 30 s from now on
    - errno: 2            # with an envelope with this errno
    - truncate: true      # with half of the body

Faults break connections but cannot refuse them: stop the mock for that. Regions, snapshots and the first images are
fixed; only Go programs can change them (emulator.Options.Stock).

The control API changes the scenario and the faults while the mock runs. It needs no token. Requests are YAML or JSON,
responses JSON; an error is HTTP 4xx with {"error": "..."}. It serves only this machine, unless --control-from-anywhere is set.

  GET /_emulator/scenario           the scenario in force
  PUT /_emulator/scenario           replace it, with its queued faults; images and jobs stay
  DELETE /_emulator/scenario        return to that of the start
  GET /_emulator/faults             the faults that are not met often enough yet, as they were queued
  POST /_emulator/faults            queue one more
  DELETE /_emulator/faults          forget them
  GET /_emulator/requests           the number of requests by operation
  GET /_emulator/images?regionId=gz every image, however new
  GET /_emulator/jobs?regionId=gz   every job
  POST /_emulator/reset             start over: stock, scenario and counts are those of the start

For instance:

  curl -T mine.yaml http://127.0.0.1:8080/_emulator/scenario
  curl -d '{operation: createCIMG, after: true, reset: true}' http://127.0.0.1:8080/_emulator/faults
`
