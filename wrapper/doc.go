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
// How often a job is asked for follows its progress: see [PollPolicy].
//
// A call that changes something (create, import, rename, delete) starts jobs
// and returns a handle for each. A [JobRef] is what a handle remembers; it can
// be saved as text and resumed by another process with [Client.Resume].
//
// # Promises
//
// Behind each stand the tests that hold it. TestFaults and
// TestRandomSequencesOfFaults, in tests/faults, hold the first six against
// every fault that could be thought of.
//
// Sent at most once. A call that changes something reaches the server at most
// once, whatever breaks, over HTTP/1 and HTTP/2, with the client's own transport
// or the caller's. (TestAChangeIsSentOnce, TestNothingInvitesARepeat,
// TestFaults)
//
// Four outcomes. Such a call ends in exactly one of:
//
//   - accepted: no error, and a handle for every item;
//   - rejected: an [*APIError], and nothing was changed;
//   - not sent: [ErrNotSent], it did not leave, for want of a connection or a
//     token, for instance; safe to call again;
//   - unknown: an [*OutcomeUnknownError]; it may or may not have been carried
//     out. Package reconcile looks, also in another process, and never sends
//     the change again; its EnsureImage does both. It wraps what hid the
//     outcome, which may be an [*APIError]: so look for it first.
//
// (TestOutcomes, TestOutcomeNotSent, TestReconcileACreate,
// TestReconcileInAnotherProcess, TestReconcileIsNotMisledByPages,
// TestEnsureCreatesOnce, TestEnsureRemembersAnUnknownOutcome)
//
// Reads are repeated, briefly. A list or a look at jobs that fails for a passing
// reason is attempted up to three times, with random pauses in between, or with
// the pause that the service asks for if it is short; within the context's time,
// and out of a budget that all reads of the client share. See [Retries].
// (TestReadsAreRepeated, TestReadsAreNotRepeatedInVain, TestPausesHaveFullJitter,
// TestRetryAfterIsHonoured, TestNoPauseBeyondTheDeadline, TestRetryBudget)
//
// Errors are values. errors.Is finds the sentinels ([ErrAuth], [ErrNotFound],
// ...), errors.As the types. The message of a call's error is one line of
// bounded length, without the token and without the body of a response.
// (TestAPIErrorSentinels, TestErrorsAreOneLine, TestNoBodyInErrors,
// FuzzErrorTexts)
//
// The token is a secret. It is requested from its source before each attempt,
// sent only to the host of the base URL, only over https or to a loopback
// address, never along a redirect, and shown in no error, no log, no hook and no
// formatted value, even when a response repeats it. (Tokens of less than 16 bytes
// are not searched for in responses and transport errors.) After the service
// rejected a token, the source is asked again. (TestTheTokenIsNotShown,
// TestTheTokenStaysWithItsHost, TestARejectedTokenIsAskedForAgain, TestBaseURL)
//
// Bounded. Bodies of responses are read up to a limit, after decompression, and
// closed; every call returns promptly when its context ends, one whose context
// has ended already sends nothing, and no goroutine or connection outlives its
// use. (TestResponseTooLarge, TestHugeResponsesTakeLittleMemory,
// TestACallEndsWithItsContext, TestSwitchingProtocols,
// TestADoneContextSendsNothing, TestFaults)
//
// Strict in. Input is checked before anything is sent; what cannot be right is
// an [*InputError] that names the field. (TestBadInputIsRefusedUnsent)
//
// Tolerant out, within reason. Responses may carry fields nobody listed and leave
// optional ones out. One without a proper errno, with duplicate fields or with
// extra bytes behind its end is malformed, never success, and a list without
// items is malformed, never empty. (TestMalformedEnvelopes,
// TestTolerantResponses, TestImagesErrorEndsTheLoop, FuzzEnvelope)
//
// The caller's things stay the caller's. No http.Client, transport, slice or
// global that was handed in is changed; a [Client] is safe for concurrent use.
// (TestTheCallersHTTPClientIsNotChanged, TestTheCallersConnectionsAreLeftOpen,
// TestClientIsSafeForConcurrentUse, TestManyGoroutinesShareAClient)
//
// A wait ends when the service says so. A job is done when a response says that
// it is, and every wait for it learns so once, from the first response that says
// it; a failed one is a [*JobFailedError]. A wait that ended before its jobs did
// is a [*WaitError], which carries what is needed to resume them. (TestWait,
// TestWaitFailedJob, TestWaitErrorTellsWhatIsLeft, TestRandomWaits)
//
// Waits share their polls, and nothing else. All waits of a client ask together:
// many jobs in a request, one request a second in a region, and more only above
// some 2,000 jobs. One wait's end, settings or bad id changes nothing for
// another, and when nobody waits, nothing runs. (TestWaitsShareTheirPolls,
// TestPollsKeepToTheirLimits, TestManyJobs, TestACancelledWaitDisturbsNoOther,
// TestWaitsHaveTheirOwnSettings, TestARefusedIDHoldsNobodyUp,
// TestTheLastWaitEndsThePolls)
//
// Silent unless asked. Nothing is logged without [WithLogger], which writes one
// line an attempt; [Hooks] see attempts and outcomes. Of a response's header they
// show a few listed members alone. (TestEachAttemptIsOneLineOfLog,
// TestHooksSeeEachAttempt, TestHooksSeeOutcomes)
//
// # What is not published
//
// The provider has not said how many ids one poll may carry, what an unknown
// id does, how fast one may ask, how large a page of a list may be, or how soon
// a new image is listed. These are settings with careful defaults: see
// [Polling], [WithRateLimit], [WithPageSize] and reconcile.WithVisibilityWindow.
package wrapper
