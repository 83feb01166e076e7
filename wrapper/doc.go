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
// A call that changes something (create, import, rename, delete) starts jobs
// and returns a handle for each. A [JobRef] is what a handle remembers; it can
// be saved as text and resumed by another process with [Client.Resume].
//
// # Promises
//
// Behind each stand the tests that hold it.
//
// Sent at most once. A call that changes something reaches the server at most
// once, whatever breaks, over HTTP/1 and HTTP/2. (TestAChangeIsSentOnce)
//
// Four outcomes. Such a call ends in exactly one of:
//
//   - accepted: no error, and a handle for every item;
//   - rejected: an [*APIError], and nothing was changed;
//   - not sent: [ErrNotSent], no connection was established; safe to call again;
//   - unknown: an [*OutcomeUnknownError]; it may or may not have been carried
//     out, so look (for instance with [Client.Images]) before calling again.
//
// (TestOutcomes, TestOutcomeNotSent)
//
// Strict in. Input is checked before anything is sent; what cannot be right is
// an [*InputError] that names the field. (TestBadInputIsRefusedUnsent)
//
// Tolerant out, within reason. Replies may carry fields nobody listed and leave
// optional ones out. One without a proper errno, with duplicate fields or with
// extra bytes behind its end is malformed, never success, and a list without
// items is malformed, never empty. (TestMalformedEnvelopes,
// TestTolerantReplies, TestImagesErrorEndsTheLoop)
//
// Errors are values. errors.Is finds the sentinels ([ErrAuth], [ErrNotFound],
// ...), errors.As the types. The message of a call's error is one line of
// bounded length, without the token and without the body of a reply.
// (TestAPIErrorSentinels, TestErrorsAreOneLine, TestNoBodyInErrors)
//
// The token is a secret. It is requested from its source before each request,
// sent only to the host of the base URL, only over https or to a loopback
// address, never along a redirect, and shown in no error and no formatted
// value, even when a reply repeats it. (Tokens of less than 16 bytes are not
// searched for in replies and transport errors.) (TestTheTokenIsNotShown, TestTheTokenStaysWithItsHost,
// TestBaseURL)
//
// Bounded. Bodies of replies are read up to a limit, after decompression, and
// closed; every call returns promptly when its context ends, and one whose
// context has ended already sends nothing. (TestReplyTooLarge,
// TestACallEndsWithItsContext, TestADoneContextSendsNothing)
//
// The caller's things stay the caller's. No http.Client, transport, slice or
// global that was handed in is changed; a [Client] is safe for concurrent use.
// (TestTheCallersHTTPClientIsNotChanged, TestTheCallersConnectionsAreLeftOpen,
// TestClientIsSafeForConcurrentUse)
//
// A wait ends when the service says so. A job is done when a reply says that
// it is; a failed one is a [*JobFailedError]. A wait that ended before its jobs
// did is a [*WaitError], which carries what is needed to resume them.
// (TestWait, TestWaitFailedJob, TestWaitErrorTellsWhatIsLeft)
//
// # What is not published
//
// The provider has not said how many ids one poll may carry, what an unknown
// id does, how fast one may ask, or how large a page of a list may be. These
// are settings with careful defaults: see [Polling] and [WithPageSize].
package wrapper
