package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/fleet"
)

// A list says the same in YAML and in JSON.
func TestReadOrder(t *testing.T) {
	expected := fleet.List{
		PerRegion: 5,
		Settings:  fleet.Settings{HeartbeatTimeout: 90 * time.Second, MaxCalls: 2},
		Orders: []fleet.Order{
			{Name: "web-01", From: fleet.Source{Region: "gz", Snapshot: "s1"}, Regions: []string{"gz", "bj"}},
			{Name: "北京02", Description: "golden", From: fleet.Source{Region: "bj", Image: "i1"}, Regions: []string{"gz"}, Settings: fleet.Settings{MaxPause: time.Minute}},
		},
	}
	for format, text := range map[string]string{
		"YAML": `
perRegion: 5
settings: {heartbeatTimeout: 90s, maxCalls: 2}
orders:
  - {name: web-01, from: {region: gz, snapshot: s1}, regions: [gz, bj]}
  - name: 北京02
    description: golden
    from: {region: bj, image: i1}
    regions: [gz]
    settings: {maxPause: 1m}
`,
		"JSON": `{"perRegion": 5, "settings": {"heartbeatTimeout": "90s", "maxCalls": 2}, "orders": [
			{"name": "web-01", "from": {"region": "gz", "snapshot": "s1"}, "regions": ["gz", "bj"]},
			{"name": "北京02", "description": "golden", "from": {"region": "bj", "image": "i1"}, "regions": ["gz"], "settings": {"maxPause": "1m"}}]}`,
	} {
		t.Run(format, func(t *testing.T) {
			order, err := readOrder(strings.NewReader(text))
			require.NoError(t, err)
			require.Equal(t, expected, order)
		})
	}
}

// The lists that people see are right.
func TestListsOfThePages(t *testing.T) {
	for _, page := range []string{"../../../docs/fleet.md", "../../../docs/fleet.zh-CN.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		_, list, _ := strings.Cut(string(text), "```yaml\n")
		list, _, _ = strings.Cut(list, "```")
		order, err := readOrder(strings.NewReader(list))
		require.NoError(t, err)
		require.Len(t, order.Orders, 1)
	}
	help := startFleetCommand().Description
	_, list, _ := strings.Cut(help, "weekly.yaml:\n")
	list, _, _ = strings.Cut(list, "  cimg-fleet")
	order, err := readOrder(strings.NewReader(list))
	require.NoError(t, err)
	require.Len(t, order.Orders, 2)
}

// What is wrong with a list is said before anything is started.
func TestReadOrderRejects(t *testing.T) {
	for text, problem := range map[string]string{
		"":                                      "it is empty",
		"orders:\n  - {name: a, regoins: [gz]}": "line 2: field regoins not found",
		"orders: [{name: a, from: {region: gz, image: i}, regions: bj}]":           "line 1: cannot unmarshal",
		"orders: [{name: a, from: {region: gz, image: i}, regions: [bj]}]\n---\na": "it has more than one document",
		"carried: {}": "field carried not found",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := readOrder(strings.NewReader(text))
			require.ErrorContains(t, err, problem)
		})
	}
}
