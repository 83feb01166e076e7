// Package emulator is DiDi Cloud's custom-image service in memory, for tests
// and demonstrations that need no account.
//
// An [Emulator] implements the six operations of the contract (openapi.yaml).
// It checks the bearer token, validates every request against the contract and
// responds as the service's published and captured responses do.
//
//	service, err := emulator.New(emulator.Options{})
//	server := httptest.NewServer(service)                  // over a socket, or
//	client := &http.Client{Transport: service.Transport()} // in process
//
// The service's published example requests work with only the host changed,
// unless [Options.Strict] is set.
//
// # Time
//
// [Options.Plan] sets how long each job takes and which progress it reports.
// Nothing runs in the background: each request computes the state from the
// clock. With a clock of your own ([Options.Now]), or in a testing/synctest
// bubble through [Emulator.Transport], an hour-long job takes no real time.
//
// # Faults
//
// [Emulator.Inject] queues a [Fault]: a delay, a broken connection, a gateway's
// HTML page, an errno, a truncated response, an outage of a given time.
// [Emulator.InjectFor] also fails a test that does not run into the fault.
//
// # Unpublished behaviour
//
// The provider's documentation leaves much open. Where clients have to handle
// either of two behaviours, [Options] offers both. Elsewhere the emulator
// chooses:
//
//   - A rejection is HTTP 200 with an errno. Its errmsg is the published text,
//     followed by the reason.
//   - One bad item rejects the whole request: nothing is done.
//   - An image under construction is listed as Processing, at once or after
//     [Options.ListLag]. It disappears if its job fails.
//   - A rename or a deletion takes effect when its job succeeds.
//   - Several jobs may run on one image. Lists show the newest; a job whose
//     image no longer exists fails.
//   - An image under construction cannot be copied (errno 41026).
//   - Names need not be unique. Lists match them exactly.
//   - The count of a list is the number of matching images, not of those on the
//     page.
//   - getJobResult keeps the order of the request and returns a repeated id once.
//   - A query of which only a part would be read is rejected: a repeated parameter,
//     one that the contract does not have (jobUuids[]=a), a job id with anything
//     but letters, digits, - and _.
package emulator
