// Package reconcile finds out what became of a mutating call whose outcome is
// unknown, and creates images once. It stands on the public API of package
// wrapper alone and never repeats a mutating call whose outcome is unknown.
//
//	recovery, err := reconcile.New(client)
//	findings, err := recovery.Reconcile(ctx, unknown) // of a *wrapper.OutcomeUnknownError
//	image, err := recovery.EnsureImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
//
// What it knows comes from the list of images and from the jobs that the
// response to the lost call named. How soon the service lists a new image is
// not published: see [WithVisibilityWindow].
package reconcile
