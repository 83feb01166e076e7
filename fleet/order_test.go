package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/fleet"
)

// An order that Temporal or the service would refuse later is invalid, also as one of a
// list.
func TestInvalidOrders(t *testing.T) {
	for problem, change := range map[string]func(*fleet.Order){
		"the order has no Name":     func(o *fleet.Order) { o.Name = "" },
		"the order takes 20":        func(o *fleet.Order) { o.Description = strings.Repeat("x", 20_000) },
		"region and name take more": func(o *fleet.Order) { o.Name = strings.Repeat("x", 500) },
		"control character":         func(o *fleet.Order) { o.Name = "web\n01" },
		"\"g z\" is not an id":      func(o *fleet.Order) { o.Regions = []string{"bj", "g z"} },
		"30ns in the Settings is":   func(o *fleet.Order) { o.Settings.HeartbeatTimeout = 30 },
		"5ns in the Settings is":    func(o *fleet.Order) { o.Settings.MaxPause = 5 },
		"1ms in the Settings is":    func(o *fleet.Order) { o.Settings.CallTimeout = time.Millisecond },
		"a CallTimeout of 4m0s is":  func(o *fleet.Order) { o.Settings.CallTimeout = 4 * time.Minute },
		"MaxCalls is negative":      func(o *fleet.Order) { o.Settings.MaxCalls = -1 },
	} {
		t.Run(problem, func(t *testing.T) {
			for _, from := range []fleet.Source{snapshot, {Region: "sh", Image: "golden"}} {
				order := fleet.Order{Name: "web-01", From: from, Regions: []string{"bj", "gz"}}
				require.NoError(t, order.Validate())
				change(&order)
				require.ErrorContains(t, order.Validate(), problem)
				require.ErrorContains(t, fleet.List{Orders: []fleet.Order{order}}.Validate(), problem)
			}
		})
	}
	list := fleet.List{Orders: []fleet.Order{{Name: "web-01", From: snapshot, Regions: []string{"bj"}}}, Settings: fleet.Settings{MaxPause: 5}}
	require.ErrorContains(t, list.Validate(), "5ns in the Settings is")
}
