package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

// What became of each image is a line for a person, and an object for a program.
func TestPrintRows(t *testing.T) {
	rows := []row{
		{ID: "cimg/roll:web", Type: "Roll", Status: "Completed"},
		{ID: "cimg/fleet:a", Type: "Fleet", Status: "Running", Progress: &fleet.Progress{Counts: fleet.Counts{Total: 9, Queued: 4, Done: 2, Failed: 1}, Paused: true}},
		rowOfCopy(fleet.Copy{Region: "gz", Name: "web-2", Image: "i2"}),
		rowOfCopy(fleet.Copy{Region: "bj", Name: "web-2", Image: "i3", Exists: true}),
		rowOfCopy(fleet.Copy{Region: "sh", Name: "web-2", Error: "Rejected: cimg: importCIMG: errno 1"}),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}}, false),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}}, true),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}, Error: "Rejected: in use"}, true),
	}
	printed := func(format string, rows ...row) string {
		t.Setenv("CIMG_OUTPUT", format)
		var out strings.Builder
		root := command()
		root.Writer = &commandline.Stdout{Writer: &out}
		require.NoError(t, root.Run(t.Context(), []string{"cimg-fleet", "help"})) // which reads the flags
		out.Reset()
		printRows(root, rows...)
		return out.String()
	}
	require.Equal(t, `WORKFLOW       STATUS     PROGRESS
cimg/roll:web  Completed  -
cimg/fleet:a   Running    2 of 9 done, 4 queued, 1 failed; paused

REGION  STATE          IMAGE  NAME
gz      done           i2     web-2
bj      exists         i3     web-2
sh      failed         -      web-2: Rejected: importCIMG: errno 1
gz      to be deleted  i1     web-1
gz      deleted        i1     web-1
gz      not deleted    i1     web-1: Rejected: in use
`, printed("table", rows...))
	lines := strings.Split(printed("json", rows[0], rows[4]), "\n")
	require.JSONEq(t, `{"id":"cimg/roll:web","type":"Roll","status":"Completed"}`, lines[0])
	require.JSONEq(t, `{"region":"sh","name":"web-2","state":"failed","error":"Rejected: importCIMG: errno 1"}`, lines[1])
}
