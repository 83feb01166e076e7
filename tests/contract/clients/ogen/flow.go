package cimgogen

import (
	"context"
	"fmt"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// CreateAndCopy creates an image, waits for it, copies it to another region,
// waits again, and returns the copy.
func CreateAndCopy(
	ctx context.Context, client *generated.Client, image generated.CreateCIMGInput, from, to generated.RegionId, waiting Waiting,
) (string, error) {
	created, err := CreateImages(ctx, client, from, image)
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	ended, err := WaitForJobs(ctx, client, from, created, waiting)
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	origin, err := imageOf(ended[0])
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}

	copied, err := ImportImages(ctx, client, to, generated.ImportCIMGInput{
		Name: image.Name, OriginImageUuid: origin, OriginRegionId: string(from),
	})
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	if ended, err = WaitForJobs(ctx, client, to, copied, waiting); err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	return imageOf(ended[0])
}

// CreateImages starts a job for each image.
func CreateImages(
	ctx context.Context, client *generated.Client, region generated.RegionId, images ...generated.CreateCIMGInput,
) ([]generated.Job, error) {
	reply, err := client.CreateCIMG(ctx, &generated.CreateCIMGRequest{RegionId: region, Cimg: images})
	return outcomeOf(len(images), reply, err)
}

// ImportImages starts a job for each copy.
func ImportImages(
	ctx context.Context, client *generated.Client, region generated.RegionId, copies ...generated.ImportCIMGInput,
) ([]generated.Job, error) {
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
	for {
		reply, err := client.ListCIMG(ctx, request)
		if err != nil {
			return nil, err
		}
		page, ok := reply.(*generated.ListCIMGReply)
		if !ok || page.Errno != 0 || !page.Data.Set || page.Data.Null {
			return nil, fmt.Errorf("cannot list: %+v", reply)
		}
		if len(page.Data.Value.Items) == 0 { // what count counts is not published
			return images, nil
		}
		for _, image := range page.Data.Value.Items {
			if image.Name == name { // whether the service's match is exact is not published
				images = append(images, image)
			}
		}
		request.Start += int64(len(page.Data.Value.Items))
	}
}

// imageOf returns the image that a job has made.
func imageOf(job generated.Job) (string, error) {
	if !job.Success {
		return "", fmt.Errorf("job %s failed: %s", job.JobUuid, job.Result.Value)
	}
	if !job.ResourceUuid.Set {
		return "", fmt.Errorf("job %s does not name its image", job.JobUuid)
	}
	return job.ResourceUuid.Value, nil
}
