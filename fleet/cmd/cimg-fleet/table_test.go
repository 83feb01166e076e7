package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/fleet"
)

// What became of each image is a line for a person, and an object for a program.
func TestWrite(t *testing.T) {
	rows := []row{
		{ID: "cimg/roll:web", Type: "Roll", Status: "Completed"},
		{ID: "cimg/fleet:a", Type: "Fleet", Status: "Running", Progress: &fleet.Progress{Counts: fleet.Counts{Total: 9, Queued: 4, Running: 2, Done: 2, Failed: 1}, Paused: true}},
		rowOfCopy(fleet.Copy{Region: "gz", Name: "web-2", Image: "i2"}),
		rowOfCopy(fleet.Copy{Region: "bj", Name: "web-2", Image: "i3", Exists: true}),
		rowOfCopy(fleet.Copy{Region: "sh", Name: "web-2", Error: "Rejected: cimg: importCIMG: errno 1"}),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}}, false),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}}, true),
		rowOfDeletion(fleet.Deletion{Region: "gz", Member: fleet.Member{UUID: "i1", Name: "web-1"}, Error: "Rejected: in use"}, true),
	}
	var out strings.Builder
	require.NoError(t, write(&out, table, rows...))
	require.Equal(t, `cimg/roll:web  Completed
cimg/fleet:a   Running  2 of 9 done, 2 running, 4 queued, 1 failed; paused
gz             web-2    done           i2
bj             web-2    exists         i3
sh             web-2    failed           Rejected: importCIMG: errno 1
gz             web-1    to be deleted  i1
gz             web-1    deleted        i1
gz             web-1    not deleted    i1  Rejected: in use
`, out.String())
	out.Reset()
	require.NoError(t, write(&out, jsonLines, rows[0], rows[4]))
	lines := strings.Split(out.String(), "\n")
	require.JSONEq(t, `{"id":"cimg/roll:web","type":"Roll","status":"Completed"}`, lines[0])
	require.JSONEq(t, `{"region":"sh","name":"web-2","state":"failed","error":"Rejected: importCIMG: errno 1"}`, lines[1])
}
