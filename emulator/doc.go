// Package emulator pretends to be DiDi Cloud's custom-image service, so that
// what calls the service can be tested and demonstrated without an account.
//
// An [Emulator] answers the six operations of the contract (openapi.yaml) as
// the service's published and captured responses do, checks the bearer token and
// checks every request against the contract. It keeps regions, snapshots,
// images and jobs in memory.
//
//	service, err := emulator.New(emulator.Options{})
//	server := httptest.NewServer(service)            // over a socket, or
//	client := &http.Client{Transport: service.Transport()} // within the process
//
// The requests that the service's pages give as examples work against it with
// only the host changed, unless [Options] says Strict.
//
// # Time
//
// Jobs take the time, and show the progress, that [Options] gives them by a
// [Plan]. Nothing runs in the background: what has happened by now is worked
// out from the clock whenever somebody looks. With a clock of its own, or
// inside a testing/synctest bubble and through [Emulator.Transport], an hour's
// job is over in an instant.
//
// # Trouble
//
// [Emulator.Inject] queues a [Fault]: a delay, a broken connection, a gateway's
// HTML, an errno, half a response. [Emulator.InjectFor] also fails the test that
// never ran into it.
//
// # What the service has not published
//
// The provider's pages leave much open. Where a client can be made to bear
// either answer, [Options] has both; for the rest the emulator chose:
//
//   - a rejection is HTTP 200 with an errno; its errmsg goes on, after the
//     published text, with what was wrong;
//   - one bad item has the whole request rejected, with nothing done;
//   - an image that is being built is listed, with the status Processing, at
//     once unless [Options] gives a ListLag, and vanishes if its job fails;
//   - a new name shows, and a deleted image vanishes, when the job succeeds;
//   - several jobs may run on one image: the list shows the youngest, and a job
//     that finds its image gone fails;
//   - an image that is still being built cannot be copied (errno 41026);
//   - names need not be unique, and a list matches them exactly;
//   - the count of a list is that of all images that match, not of the page;
//   - getJobResult keeps the order asked and returns a repeated id once.
package emulator
