package commandline

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/cimg-go/cimg/internal/oneline"
)

// The formats of results.
const (
	table     = "table"
	jsonLines = "json"
)

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Usage: "print results as a `FORMAT`: table, or json with one object a line", Value: table, Sources: cli.EnvVars("CIMG_OUTPUT"),
		Validator: func(value string) error {
			if value != table && value != jsonLines {
				return fmt.Errorf("%q is neither table nor json", value)
			}
			return nil
		},
	}
}

// IsJSON reports whether a command prints results for a program, with one object a line.
func IsJSON(cmd *cli.Command) bool { return cmd.String("output") == jsonLines }

// Print prints items as lines of JSON, or as a table with a row for each.
func Print[T any](cmd *cli.Command, items []T, columns []string, row func(T) []string) {
	out := ResultsOf(cmd)
	if IsJSON(cmd) {
		encoder := NewEncoder(out)
		for _, item := range items {
			encoder.Encode(item) //nolint:errcheck // Stdout keeps it
		}
		return
	}
	rows := [][]string{columns}
	for _, item := range items {
		rows = append(rows, row(item))
	}
	WriteTable(out, rows)
}

// NewEncoder returns an encoder of lines of JSON, which leaves & as it is: the text
// forms of references have many.
func NewEncoder(out io.Writer) *json.Encoder {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder
}

// WriteTable aligns columns. What may have wide characters belongs in the last one:
// tabwriter takes each character for one column. On a terminal that has no room for
// the last one, each cell is on a line of its own.
func WriteTable(out *Stdout, rows [][]string) {
	for _, row := range rows {
		for column, cell := range row {
			row[column] = oneline.Escape(cell) // names come from the service
		}
	}
	aligned := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if width := terminalWidth(out.Writer); width > 0 && width <= lastColumn(rows) {
		header := rows[0]
		for _, row := range rows[1:] {
			for column, cell := range row {
				fmt.Fprintf(aligned, "%s\t%s\n", header[column], cell)
			}
			fmt.Fprintln(aligned)
		}
	} else {
		for _, row := range rows {
			fmt.Fprintln(aligned, strings.Join(row, "\t"))
		}
	}
	aligned.Flush() //nolint:errcheck // Stdout keeps it
}

// lastColumn returns where the last column of a table begins.
func lastColumn(rows [][]string) (at int) {
	for column := range len(rows[0]) - 1 {
		widest := 0
		for _, row := range rows {
			widest = max(widest, utf8.RuneCountInString(row[column]))
		}
		at += widest + 2
	}
	return at
}

// terminalWidth returns how many characters a terminal has in a row; 0 if out is none.
func terminalWidth(out io.Writer) int {
	file, isFile := out.(*os.File)
	if !isFile {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
