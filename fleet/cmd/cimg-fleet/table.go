package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"github.com/cimg-go/cimg/fleet"
)

// row is a workflow or an image, in a table or on a line of JSON.
type row struct {
	ID     string    `json:"id,omitempty"` // of the workflow
	Type   string    `json:"type,omitempty"`
	Status string    `json:"status,omitempty"` // as Temporal names it
	Start  time.Time `json:"start,omitzero"`

	Region string `json:"region,omitempty"` // of an image
	Name   string `json:"name,omitempty"`
	State  string `json:"state,omitempty"`
	Image  string `json:"cimgUuid,omitempty"`
	Job    string `json:"job,omitempty"` // that was last waited for

	Progress *fleet.Progress `json:"progress,omitempty"` // of a fleet
	Error    string          `json:"error,omitempty"`
}

// rowOf returns what Temporal's own list says of a workflow.
func rowOf(info *workflow.WorkflowExecutionInfo) row {
	r := row{
		ID: info.GetExecution().GetWorkflowId(), Type: info.GetType().GetName(),
		Status: info.GetStatus().String(), Start: info.GetStartTime().AsTime(),
	}
	attributes := info.GetSearchAttributes().GetIndexedFields()
	decode(attributes[fleet.AttributeImage.GetName()], &r.Name)
	decode(attributes[fleet.AttributeRegion.GetName()], &r.Region)
	decode(attributes[fleet.AttributeState.GetName()], &r.State)
	decode(info.GetMemo().GetFields()["job"], &r.Job)
	return r
}

// decode decodes a text that may be absent.
func decode(payload *common.Payload, value *string) {
	if payload != nil {
		converter.GetDefaultDataConverter().FromPayload(payload, value) //nolint:errcheck // empty, then
	}
}

func rowOfCopy(made fleet.Copy) row {
	state := fleet.StateDone
	switch {
	case made.Error != "":
		state = fleet.StateFailed
	case made.Exists:
		state = "exists"
	}
	return row{Region: made.Region, Name: made.Name, State: state, Image: made.Image, Error: plain(made.Error)}
}

func rowOfDeletion(deletion fleet.Deletion, applied bool) row {
	state := "to be deleted"
	switch {
	case deletion.Error != "":
		state = "not deleted"
	case applied:
		state = "deleted"
	}
	return row{Region: deletion.Region, Name: deletion.Name, State: state, Image: deletion.UUID, Error: plain(deletion.Error)}
}

// cells are what a person reads of a row.
func (r row) cells() []string {
	switch {
	case r.Region != "":
		return []string{r.Region, r.Name, r.State, r.Image, r.Error}
	case r.Progress != nil:
		return []string{r.ID, r.Status, progressText(r.Progress), r.Error}
	}
	return []string{r.ID, r.Status, r.Error}
}

func progressText(p *fleet.Progress) string {
	text := fmt.Sprintf("%d of %d done, %d running, %d queued, %d failed", p.Done, p.Total, p.Running, p.Queued, p.Failed)
	if p.Paused {
		text += "; paused"
	}
	return text
}

// write prints rows in a format.
func write(out io.Writer, format string, rows ...row) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		var err error
		if format == jsonLines {
			err = encoder.Encode(r)
		} else {
			_, err = fmt.Fprintln(columns, strings.TrimRight(strings.Join(r.cells(), "\t"), "\t"))
		}
		if err != nil {
			return err
		}
	}
	return columns.Flush()
}
