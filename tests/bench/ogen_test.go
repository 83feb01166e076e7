//go:build ogen

package bench

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// ogen's client is generated on the way, in the module of its example: it is 6,500
// lines that nobody reads.
func init() {
	callers = append(callers, caller{"ogen", connectOgen})
}

func connectOgen(url string, transport http.RoundTripper, items int) (getJobResult, createCIMG call, err error) {
	client, err := generated.NewClient(url, bearer{}, generated.WithClient(&http.Client{Transport: transport}))
	uuids := jobUUIDs(items)
	create := images(items, func(name, snapshot string) generated.CreateCIMGInput {
		return generated.CreateCIMGInput{Name: name, SnapUuid: snapshot}
	})
	jobs := func(response any) (int, error) {
		envelope, ok := response.(*generated.JobsEnvelope)
		if !ok || envelope.Errno != 0 {
			return 0, errors.New("no success")
		}
		return len(envelope.Data.Value), nil
	}
	return func(ctx context.Context) (int, error) {
			response, err := client.GetJobResult(ctx, generated.GetJobResultParams{RegionId: region, JobUuids: strings.Join(uuids, ",")})
			if err != nil {
				return 0, err
			}
			return jobs(response)
		}, func(ctx context.Context) (int, error) {
			response, err := client.CreateCIMG(ctx, &generated.CreateCIMGRequest{RegionId: region, Cimg: create})
			if err != nil {
				return 0, err
			}
			return jobs(response)
		}, err
}

type bearer struct{}

func (bearer) BearerAuth(context.Context, generated.OperationName) (generated.BearerAuth, error) {
	return generated.BearerAuth{Token: token}, nil
}
