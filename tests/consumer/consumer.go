// Package consumer uses the client as a service would: from another module,
// with only the packages wrapper and gen.
package consumer

import (
	"context"
	"fmt"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// Replicate builds an image from a snapshot in one region and copies it to
// another. It returns the copy's id.
func Replicate(ctx context.Context, client *wrapper.Client, snapshot, name, from, to string) (string, error) {
	created, err := client.CreateImage(ctx, from, wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	image, err := created.Wait(ctx)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	copied, err := client.ImportImage(ctx, to, wrapper.ImportImageInput{
		Name: name, OriginRegionID: from, OriginImageUUID: image.ResourceUUID,
	})
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", name, err)
	}
	image, err = copied.Wait(ctx)
	return image.ResourceUUID, err
}

// Count calls the generated client through the wrapper, with its connections
// and promises, to choose a page size of its own.
func Count(ctx context.Context, client *wrapper.Client, region string) (int, error) {
	response, err := client.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: region, Limit: 10})
	if err != nil {
		return 0, err
	}
	return len(response.JSON200.Data.Items), nil
}
