// Package reconcile finds out what became of a mutating call whose outcome is
// unknown, and creates images once. It is built on the public API of package
// wrapper alone.
//
//	recovery, err := reconcile.New(client)
//	findings, err := recovery.Reconcile(ctx, unknown) // of a *wrapper.OutcomeUnknownError
//	image, err := recovery.EnsureImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
//
// The promises below are held by tests: docs/promises.md says which.
//
// # Never sent again
//
// [Reconciler.Reconcile] only reads. [Reconciler.EnsureImage] creates an image
// again only after an earlier create was rejected, failed or was not observed by
// the end of the visibility window.
//
// # Found only with proof
//
// An image is found if the list shows it, by its exact name and created no earlier
// than the call, or by its id; or if the service knows the job that the response to
// the lost call named. That something is not there is reported only after the whole
// region was read, at the end of the visibility window: how soon the service lists a
// new image is not published. What is neither is ambiguous.
//
// # Created once
//
// [Reconciler.EnsureImage] creates an image unless the list shows one of its name,
// or a job that may still create it is remembered. Concurrent calls for the same
// name are serialized. If the service stores another name, that is an error.
package reconcile
