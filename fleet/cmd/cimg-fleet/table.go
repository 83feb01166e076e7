package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
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
	r := row{Region: made.Region, Name: made.Name, State: fleet.StateDone, Image: made.Image, Error: commandline.Plain(made.Error)}
	if made.Exists {
		r.State = "exists"
	}
	if made.Error != "" {
		r.State = fleet.StateFailed
	}
	return r
}

func rowOfDeletion(deletion fleet.Deletion, applied bool) row {
	r := row{Region: deletion.Region, Name: deletion.Name, State: "to be deleted", Image: deletion.UUID, Error: commandline.Plain(deletion.Error)}
	if applied {
		r.State = "deleted"
	}
	if deletion.Error != "" {
		r.State = "not deleted"
	}
	return r
}

// cells are what a person reads of a row.
func (r row) cells() []string {
	var text []string
	if p := r.Progress; p != nil {
		counts := fmt.Sprintf("%d of %d done, %d running, %d queued, %d failed", p.Done, p.Total, p.Running, p.Queued, p.Failed)
		text = append(text, strings.NewReplacer(", 0 running", "", ", 0 queued", "", ", 0 failed", "").Replace(counts))
		if p.Paused {
			text = append(text, "paused", commandline.Plain(p.Reason))
		}
	}
	text = slices.DeleteFunc(append(text, r.Error), func(s string) bool { return s == "" })
	if r.Region != "" {
		return []string{r.Region, r.State, cmp.Or(r.Image, "-"), strings.Join(append([]string{r.Name}, text...), ": ")}
	}
	return []string{r.ID, r.Status, cmp.Or(strings.Join(text, "; "), "-")}
}

// printRows prints workflows, and then images.
func printRows(cmd *cli.Command, rows ...row) {
	images := slices.IndexFunc(append(rows, row{Region: "end"}), func(r row) bool { return r.Region != "" })
	if images > 0 {
		commandline.Print(cmd, rows[:images], []string{"WORKFLOW", "STATUS", "PROGRESS"}, row.cells)
	}
	if images > 0 && images < len(rows) && !commandline.IsJSON(cmd) {
		fmt.Fprintln(cmd.Root().Writer)
	}
	if images < len(rows) {
		commandline.Print(cmd, rows[images:], []string{"REGION", "STATE", "IMAGE", "NAME"}, row.cells)
	}
}
