package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// Register registers the workflows and the activities of this package.
func Register(w worker.Registry, activities *Activities) {
	w.RegisterWorkflow(Image)
	w.RegisterWorkflow(Replicate)
	w.RegisterWorkflow(Fleet)
	w.RegisterWorkflow(Roll)
	w.RegisterWorkflow(Delete)
	w.RegisterActivity(activities)
}

// RegisterAttributes adds the search attributes to a namespace that lacks them, and
// returns once the server knows them, which takes it some seconds. Temporal Cloud does
// not allow that: add them there as its documentation says.
func RegisterAttributes(ctx context.Context, temporal client.Client, namespace string) error {
	names, err := MissingAttributes(ctx, temporal, namespace)
	if err != nil || len(names) == 0 {
		return err
	}
	missing := make(map[string]enums.IndexedValueType)
	for _, name := range names {
		missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	query := &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, PageSize: 1, Query: strings.Join(names, " = '' OR ") + " = ''"}
	for {
		_, err := temporal.ListWorkflow(ctx, query)
		if !errors.As(err, new(*serviceerror.InvalidArgument)) {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// MissingAttributes returns the names of the search attributes that a namespace lacks.
func MissingAttributes(ctx context.Context, temporal client.Client, namespace string) (missing []string, err error) {
	present, err := temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	for _, name := range []string{AttributeImage.GetName(), AttributeRegion.GetName(), AttributeState.GetName()} {
		if _, found := present.GetCustomAttributes()[name]; !found {
			missing = append(missing, name)
		}
	}
	return missing, err
}

// Quote escapes a text for a string in a query of Temporal's visibility.
func Quote(text string) string { return strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) }
