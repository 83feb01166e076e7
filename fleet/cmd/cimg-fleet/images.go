package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/cimg-go/cimg/fleet"
)

// row is a workflow in a table, or on a line of JSON.
type row struct {
	ID     string    `json:"id,omitempty"`
	Type   string    `json:"type,omitempty"`
	Status string    `json:"status,omitempty"` // the workflow's, as Temporal names it
	Region string    `json:"region,omitempty"`
	Name   string    `json:"name,omitempty"`
	State  string    `json:"state,omitempty"` // of the image
	Image  string    `json:"cimgUuid,omitempty"`
	Job    string    `json:"job,omitempty"` // that was last waited for
	Start  time.Time `json:"start,omitzero"`
	Error  string    `json:"error,omitempty"`

	Progress *fleet.Progress `json:"progress,omitempty"` // of a fleet
}

// rowOf returns what Temporal's own list says of a workflow.
func rowOf(info *workflow.WorkflowExecutionInfo) row {
	r := row{
		ID: info.GetExecution().GetWorkflowId(), Type: info.GetType().GetName(),
		Status: info.GetStatus().String(), Start: info.GetStartTime().AsTime(),
	}
	attributes, memo := info.GetSearchAttributes().GetIndexedFields(), info.GetMemo().GetFields()
	for value, payload := range map[*string]*common.Payload{
		&r.Name: attributes[fleet.AttributeImage.GetName()], &r.Region: attributes[fleet.AttributeRegion.GetName()],
		&r.State: attributes[fleet.AttributeState.GetName()], &r.Job: memo["job"],
	} {
		if payload != nil {
			converter.GetDefaultDataConverter().FromPayload(payload, value) //nolint:errcheck // empty, then
		}
	}
	return r
}

// list returns the workflows that a query of Temporal's visibility finds, the newest
// first.
func (c *connection) list(ctx context.Context, query string, args ...any) (rows []row, err error) {
	for i, arg := range args {
		args[i] = "'" + strings.ReplaceAll(fmt.Sprint(arg), "'", "''") + "'"
	}
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf(query, args...)}
	for {
		page, err := c.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("listing workflows: %w", err)
		}
		for _, info := range page.GetExecutions() {
			rows = append(rows, rowOf(info))
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return rows, nil
		}
	}
}

// write prints rows in a format.
func write(out io.Writer, format string, rows ...row) error {
	if format == jsonLines {
		for _, r := range rows {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if r.Progress != nil {
			r.State = progressText(r.Progress)
		}
		cells := []string{r.ID, r.Status, r.Region, r.Name, r.State, r.Image, r.Error}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	return columns.Flush()
}
