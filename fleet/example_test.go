package fleet_test

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/wrapper"
)

// A worker.
func Example() {
	cimg, err := wrapper.New(wrapper.EnvToken("DIDIYUN_ACCESS_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	temporal, err := client.Dial(client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer temporal.Close()
	activities, err := fleet.NewActivities(cimg, temporal, fleet.Options{})
	if err != nil {
		log.Fatal(err)
	}
	w := worker.New(temporal, "images", worker.Options{})
	fleet.Register(w, activities)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Print(err)
	}
}
