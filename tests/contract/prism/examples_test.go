package prism

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/wrapper"
)

// calls has a call for each operation of the contract.
var calls = map[string]func(context.Context, *wrapper.Client) (any, error){
	"createCIMG": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return refOf(c.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "openapi自定义镜像", SnapUUID: snapshotUUID}))
	},
	"importCIMG": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return refOf(c.ImportImage(ctx, "gz", wrapper.ImportImageInput{Name: "copy", OriginImageUUID: imageUUID, OriginRegionID: "bj"}))
	},
	"changeNameCIMG": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return refOf(c.RenameImage(ctx, "gz", wrapper.RenameImageInput{ImageUUID: imageUUID, Name: "广州01"}))
	},
	"deleteCIMG": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return refOf(c.DeleteImage(ctx, "bj", imageUUID))
	},
	"listCIMG": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return imagesOf(ctx, c, "bj")
	},
	"getJobResult": func(ctx context.Context, c *wrapper.Client) (any, error) {
		return c.JobResults(ctx, "gz", jobUUID)
	},
}

func refOf(handle *wrapper.JobHandle, err error) (wrapper.JobRef, error) {
	if err != nil {
		return wrapper.JobRef{}, err
	}
	ref := handle.Ref
	ref.StartedAt = time.Time{}
	return ref, nil
}

// imagesOf lists as many images as a test can be about; random ones have no end.
func imagesOf(ctx context.Context, c *wrapper.Client, region string) ([]wrapper.Image, error) {
	var images []wrapper.Image
	for image, err := range c.Images(ctx, region) {
		if err != nil {
			return images, err
		}
		if images = append(images, image); len(images) == 50 {
			break
		}
	}
	return images, nil
}

func changes(operation string) bool { return operation != "listCIMG" && operation != "getJobResult" }

// sentinels has what the errnos of the contract's examples mean.
var sentinels = map[int64]error{
	2:        wrapper.ErrServer,
	4:        wrapper.ErrAuth,
	41017:    wrapper.ErrNotFound,
	41026:    wrapper.ErrNotFound,
	1000011:  wrapper.ErrArrears,
	10000001: wrapper.ErrPermission,
	16000002: wrapper.ErrNotFound,
}

// Each reply that the contract gives as an example is understood.
func TestExamples(t *testing.T) {
	p := startPrism(t, "mock", contract)
	document, err := openapi3.NewLoader().LoadFromData(cimg.Spec)
	require.NoError(t, err)
	for _, path := range document.Paths.Map() {
		for _, operation := range path.Operations() {
			id := operation.OperationID
			for name, example := range operation.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Examples {
				t.Run(id+"/"+name, func(t *testing.T) {
					client, recorded := newClient(t, p, prefer("example="+name))
					_, err := calls[id](t.Context(), client)
					require.Empty(t, recorded.violations)

					errno := int64(example.Value.Value.(map[string]any)["errno"].(float64))
					if errno == 0 {
						require.NoError(t, err)
						return
					}
					var refused *wrapper.APIError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, errno, refused.Errno)
					require.Contains(t, sentinels, errno)
					require.ErrorIs(t, err, sentinels[errno])
					var unknown *wrapper.OutcomeUnknownError
					if errno == 2 && changes(id) {
						require.ErrorAs(t, err, &unknown)
					} else {
						require.NotErrorAs(t, err, &unknown)
					}
				})
			}
		}
	}
	require.Empty(t, p.complaints(t))
}
