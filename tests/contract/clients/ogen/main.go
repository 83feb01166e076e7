// Command ogen is an example to copy: a client that ogen generates from
// openapi.yaml, and one flow with it. It creates an image, copies it to another
// region and prints the id of the copy:
//
//	CIMG_TOKEN=... go run . BASE_URL SNAPSHOT_UUID
//
// It stops at the first error. The rules that a real program needs are in
// docs/other-languages.md: which errors of a mutating call leave its outcome
// unknown, and which errors a wait tolerates.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: CIMG_TOKEN=... go run . BASE_URL SNAPSHOT_UUID")
	}
	client, err := connect(os.Args[1], os.Getenv("CIMG_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	image, err := createAndCopy(client, "web-01", os.Args[2], "gz", "bj")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image)
}

// createAndCopy creates an image in one region, copies it to another, and
// returns the id of the copy.
func createAndCopy(client *generated.Client, name, snapshot string, from, to generated.RegionId) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	created, err := jobOf(client.CreateCIMG(ctx, &generated.CreateCIMGRequest{
		RegionId: from, Cimg: []generated.CreateCIMGInput{{Name: name, SnapUuid: snapshot}},
	}))
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	image, err := wait(ctx, client, from, created)
	if err != nil {
		return "", err
	}
	copied, err := jobOf(client.ImportCIMG(ctx, &generated.ImportCIMGRequest{
		RegionId: to, Cimg: []generated.ImportCIMGInput{{Name: name, OriginImageUuid: image, OriginRegionId: string(from)}},
	}))
	if err != nil {
		return "", fmt.Errorf("import of %s: %w", image, err)
	}
	return wait(ctx, client, to, copied)
}

// wait polls a job until it is done, and returns its image.
func wait(ctx context.Context, client *generated.Client, region generated.RegionId, job generated.Job) (string, error) {
	id := job.JobUuid // with it, another process can continue the wait
	for pause := time.Second; !job.Done; pause = min(pause*3/2, time.Minute) {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("job %s: %w", id, ctx.Err())
		case <-time.After(pause):
		}
		var err error
		job, err = jobOf(client.GetJobResult(ctx, generated.GetJobResultParams{
			RegionId: region, JobUuids: id,
		}))
		if err != nil {
			return "", fmt.Errorf("job %s: %w", id, err)
		}
	}
	if !job.Success {
		return "", fmt.Errorf("job %s failed: %s", id, job.Result.Value)
	}
	if job.ResourceUuid.Value == "" {
		return "", fmt.Errorf("job %s does not name its image", id)
	}
	return job.ResourceUuid.Value, nil
}

// jobOf returns the one job of a response. Each operation has an interface of
// its own for its responses, of the same two types: the envelope, and Gateway
// for every HTTP status but 200.
func jobOf(response any, err error) (generated.Job, error) {
	if err != nil {
		return generated.Job{}, err
	}
	switch response := response.(type) {
	case *generated.Gateway:
		return generated.Job{}, fmt.Errorf("HTTP %d", response.StatusCode)
	case *generated.JobsEnvelope:
		if response.Errno != 0 {
			return generated.Job{}, fmt.Errorf("errno %d (%s)", response.Errno, response.Errmsg)
		}
		if jobs := response.Data.Value; len(jobs) == 1 {
			return jobs[0], nil
		}
	}
	return generated.Job{}, errors.New("the response does not have exactly one job")
}
