// Package wrapper is the client of DiDi Cloud's custom-image API (CIMG): it
// creates images from snapshots, copies them between regions, lists, renames
// and deletes them, and waits for the jobs that do so.
//
//	client, err := wrapper.New(wrapper.EnvToken("DIDIYUN_ACCESS_TOKEN"))
//	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
//	image, err := created.Wait(ctx)
//	copied, err := client.ImportImage(ctx, "bj", wrapper.ImportImageInput{
//		Name: "web-01", OriginRegionID: "gz", OriginImageUUID: image.ResourceUUID,
//	})
//	for job, err := range copied.Watch(ctx) { ... }
//
// A mutating call (create, import, rename, delete) starts jobs and returns a
// handle for each. Its [JobRef] can be saved as text and resumed by another
// process with [Client.Resume].
//
// The promises below are held by tests: docs/promises.md says which.
//
// # Sent at most once
//
// A mutating call reaches the server at most once, whatever breaks, over HTTP/1
// and HTTP/2, with the client's own transport or the caller's. The client's own
// transport speaks HTTP/1 only, because net/http repeats requests over HTTP/2.
// Only with [WithMutatingRetries] is a call sent again, and only one that was
// certainly not carried out: there was no connection, or HTTP 429 rejected it.
//
// # Four outcomes
//
// A mutating call ends in exactly one of:
//
//   - accepted: no error, and a handle for every item;
//   - rejected: an [*APIError], and nothing was changed;
//   - not sent: [ErrNotSent], for want of a connection or a token, for instance;
//     safe to call again;
//   - unknown: an [*OutcomeUnknownError]; it may or may not have been carried
//     out. Package reconcile finds out, also in another process. It wraps its
//     cause, which may be an [*APIError].
//
// [OutcomeOf] tells them apart.
//
// # Reads retry, briefly
//
// A read-only call that fails for a transient reason is attempted up to three
// times, with random pauses in between, or with the pause that the service asks
// for if it is short. Retries end with the context, and all calls of the client
// share a budget of them. See [Retries].
//
// # Errors are values
//
// errors.Is finds the sentinels ([ErrAuth], [ErrNotFound], ...), errors.As the
// types. The message of a call's error is one line of bounded length, without
// the token and without the body of a response.
//
// # The token is a secret
//
// The token is requested from its source before each attempt, sent only to the
// host of the base URL, only over https or to a loopback address, and never along
// a redirect. It appears in no error, log, hook or formatted value, even if a
// response repeats it: as it is, escaped in JSON (of JSON in a text, the slashes),
// in a JSON pointer, percent-encoded (once or twice, or each byte) or in base64
// without line breaks. Other forms are not recognized. The last four tokens that
// the client used are hidden. (Tokens of less than 16 bytes are not searched for in
// responses and transport errors.) After the service rejected a token, its source is
// called again; a read-only call is then repeated, a mutating one not.
//
// # Bounded
//
// Bodies of responses are read up to a limit, after decompression, and closed.
// An attempt has a limit of time, see [WithTimeouts]. Every call returns promptly
// when its context ends, and one whose context has ended sends nothing. No error
// matches context.DeadlineExceeded unless the caller's context had a deadline. No
// goroutine or connection outlives its use, except that a caller's transport or body
// which ignores its context and Close keeps a goroutine until it returns.
//
// On two busy cores, a create of 40,000 images of 1 KB took 0.8 s, and ended 0.2 s
// after its context at the latest; a response with 40,000 jobs took 0.3 s, a list of
// 10,000 images 0.1 s, and to leave 40,000 waits of one job 0.7 s.
//
// # Strict in
//
// Input is checked before anything is sent; what is invalid is an [*InputError]
// that names the field.
//
// # Tolerant out
//
// Responses may have unknown fields and lack optional ones. Text shows U+FFFD for what is
// not Unicode and for raw control characters, integers may have a fraction of zero or an
// exponent. A job or a listed image lacks what cannot be read of it; a job without what
// matters hides no other. A response without a valid errno, with a field of the envelope
// twice or with trailing bytes is malformed, never success, and a list without items is
// malformed, never empty.
//
// # Arguments are never modified
//
// No http.Client, transport, slice or global is modified; a [Client] is safe for
// concurrent use.
//
// # A wait ends when the service says so
//
// A job is done when a response says so, and every wait for it reports that once;
// a failed one is a [*JobFailedError]. A wait that ends before its jobs is a
// [*WaitError], which carries what is needed to resume them.
//
// # A wait outlives what passes
//
// An outage of some minutes, a longer pause that the service asks for, a token that
// expires while its source has a new one, and the client's own rate limit end no
// wait. One job that the service does not know yet, or that makes every poll fail
// in whatever way, is the trouble of those who wait for it, and of nobody else.
//
// # Waits share their polls
//
// All waits of a client are polled together: many jobs in a request, one request
// a second in a region, and more only if the jobs fill 20 of them. How often a job is
// polled follows its progress, see [PollPolicy]. The end, the options or the bad
// id of one wait change nothing for another, and when nothing is waited for,
// nothing runs.
//
// # Silent unless asked
//
// Nothing is logged without [WithLogger], which writes one line an attempt;
// [Hooks] see attempts and outcomes. Of a response's header they see a few listed
// fields only.
//
// # Unpublished behaviour
//
// The provider has not published how many ids one poll may carry, what an unknown
// id does, how many requests are allowed, how large a page of a list may be, or
// how soon a new image is listed. These are settings with careful defaults: see
// [Polling], [WithRateLimit], [WithPageSize] and the visibility window of package
// reconcile.
package wrapper
