// Package fleet copies custom images on Temporal: work that survives crashes,
// deployments and outages of hours, on several machines, with a history to look at.
//
// Five workflows do it: [Image] makes one image in one region, [Replicate] one in
// several regions, [Fleet] thousands of these, and [Roll] replaces the images of a
// family by a new one, with [Delete] for each that goes. A worker runs them: see the
// example.
//
// # Never twice
//
// A mutating call is an activity of one attempt, and its intent stands in the
// workflow's history before it is sent. What became of a lost call is found out by
// reading; it is made again only if the image was not observed over the whole
// visibility window. The file once.go has this rule, and nothing else. An image has
// one workflow at a time, because the workflow's id is made of the task queue, the
// region and the name: see [ImageID].
//
// # Credentials stay on the workers
//
// A worker's [wrapper.Client] has the token. It is in no input, result, heartbeat,
// memo or failure of a workflow. One task queue is for one account.
package fleet
