package fleet

import (
	"context"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// Register registers the workflows and the activities of this package.
func Register(w worker.Registry, activities *Activities) {
	w.RegisterWorkflow(Image)
	w.RegisterWorkflow(Replicate)
	w.RegisterWorkflow(Fleet)
	w.RegisterWorkflow(Roll)
	w.RegisterActivity(activities)
}

// RegisterAttributes adds the search attributes to a namespace that lacks them.
// Temporal Cloud does not allow that: add them there as its documentation says.
func RegisterAttributes(ctx context.Context, temporal client.Client, namespace string) error {
	operator := temporal.OperatorService()
	present, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	missing := make(map[string]enums.IndexedValueType)
	for _, name := range []string{AttributeImage.GetName(), AttributeRegion.GetName(), AttributeState.GetName()} {
		if _, found := present.CustomAttributes[name]; !found {
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	return err
}

// quoted escapes a text for a query of Temporal's visibility.
func quoted(text string) string { return strings.ReplaceAll(text, "'", "''") }
