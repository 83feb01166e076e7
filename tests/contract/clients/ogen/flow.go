package cimgogen

import (
	"context"
	"fmt"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// CreateAndCopy creates an image, waits for it, copies it to another region,
// waits again, and returns the copy. Save is given the jobs as soon as they run:
// whoever keeps their ids can go on in another process.
func CreateAndCopy(
	ctx context.Context, client *generated.Client, image generated.CreateCIMGInput, from, to generated.RegionId, waiting Waiting,
	save func(region generated.RegionId, jobs []generated.Job) error,
) (string, error) {
	created, err := CreateImages(ctx, client, from, image)
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	origin, err := follow(ctx, client, from, created, waiting, save)
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}

	copied, err := ImportImages(ctx, client, to, generated.ImportCIMGInput{
		Name: image.Name, OriginImageUuid: origin, OriginRegionId: string(from),
	})
	if err != nil {
		return "", fmt.Errorf("import of %s: %w", origin, err)
	}
	imported, err := follow(ctx, client, to, copied, waiting, save)
	if err != nil {
		return "", fmt.Errorf("import of %s: %w", origin, err)
	}
	return imported, nil
}

// follow saves and waits for the job of one image.
func follow(
	ctx context.Context, client *generated.Client, region generated.RegionId, started []generated.Job, waiting Waiting,
	save func(generated.RegionId, []generated.Job) error,
) (image string, err error) {
	if err := save(region, started); err != nil {
		return "", err
	}
	ended, err := WaitForJobs(ctx, client, region, started, waiting)
	if err != nil {
		return "", err
	}
	return imageOf(ended[0])
}

var errNothing = fmt.Errorf("%w: a change of nothing", ErrNotSent)

// CreateImages starts a job for each image. An error but for that of an empty
// list is a *[ChangeError].
func CreateImages(
	ctx context.Context, client *generated.Client, region generated.RegionId, images ...generated.CreateCIMGInput,
) ([]generated.Job, error) {
	if len(images) == 0 {
		return nil, errNothing
	}
	reply, err := client.CreateCIMG(ctx, &generated.CreateCIMGRequest{RegionId: region, Cimg: images})
	return outcomeOf(len(images), reply, err)
}

// ImportImages starts a job for each copy, see [CreateImages].
func ImportImages(
	ctx context.Context, client *generated.Client, region generated.RegionId, copies ...generated.ImportCIMGInput,
) ([]generated.Job, error) {
	if len(copies) == 0 {
		return nil, errNothing
	}
	reply, err := client.ImportCIMG(ctx, &generated.ImportCIMGRequest{RegionId: region, Cimg: copies})
	return outcomeOf(len(copies), reply, err)
}

// ImagesNamed is what [ErrUnknown] calls for. Without an error, the images it
// returns are all that are listed yet.
func ImagesNamed(ctx context.Context, client *generated.Client, region generated.RegionId, name string) ([]generated.CIMG, error) {
	request := &generated.ListCIMGRequest{
		RegionId:  region,
		Limit:     100,
		Condition: generated.NewOptListCIMGCondition(generated.ListCIMGCondition{Names: []string{name}}),
	}
	var images []generated.CIMG
	seen := map[string]bool{}
	for {
		reply, err := client.ListCIMG(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("cannot list: %w", err)
		}
		page, ok := reply.(*generated.ListCIMGEnvelope)
		if !ok || page.Errno != 0 || !page.Data.Set || page.Data.Null {
			return nil, fmt.Errorf("cannot list: %+v", reply)
		}
		known := len(seen)
		for _, image := range page.Data.Value.Items {
			// Whether the service's match is exact is not published.
			if !seen[image.CimgUuid] && image.Name == name {
				images = append(images, image)
			}
			seen[image.CimgUuid] = true
		}
		if len(seen) == known { // what count counts is not published
			return images, nil
		}
		request.Start += int64(len(page.Data.Value.Items))
	}
}

// imageOf returns the image that a job has made.
func imageOf(job generated.Job) (string, error) {
	if !job.Success {
		return "", fmt.Errorf("job %s failed: %s", job.JobUuid, job.Result.Value)
	}
	if job.ResourceUuid.Value == "" {
		return "", fmt.Errorf("job %s does not name its image", job.JobUuid)
	}
	return job.ResourceUuid.Value, nil
}
