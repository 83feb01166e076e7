package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
)

// List are orders for many images, each in several regions.
type List struct {
	Orders    []Order
	PerRegion int      `yaml:"perRegion"` // images that are made in a region at a time. Default: 10
	Settings  Settings // of the orders that have none
	// Carried is for the workflow's own use: where an earlier run of it stopped.
	Carried *Carried `json:",omitempty" yaml:"-"`
}

// Carried is what a run of [Fleet] leaves to the next, besides the orders of which
// something waits or runs.
type Carried struct {
	Progress Progress
	Running  []Running
}

// Running is an image that an earlier run started.
type Running struct {
	Region, Name string
	Foreign      bool `json:",omitempty"` // another workflow started it, and owns it
	Order        int  // the index of its order

	order    *Order
	attended bool // it is no child of this run
}

// isOrigin reports whether the copies of its order are made of it.
func (r *Running) isOrigin() bool { return r.order.From.Image == "" }

// Progress is how far a [Fleet] is.
type Progress struct {
	Counts
	Paused   bool   `json:",omitempty"`
	Reason   string `json:",omitempty"` // why it paused itself
	Regions  map[string]Counts
	Failures Report // the first 100
}

// Counts are numbers of images.
type Counts struct{ Total, Queued, Running, Done, Failed int }

func (c Counts) plus(n Counts) Counts {
	return Counts{c.Total + n.Total, c.Queued + n.Queued, c.Running + n.Running, c.Done + n.Done, c.Failed + n.Failed}
}

const (
	defaultPerRegion = 10
	maxFailures      = 100
	maxRunning       = 1000    // Temporal's limit is 2,000 children, or activities, of a workflow
	maxStarts        = 100     // at a time: Temporal's limit is 4 MiB
	maxListBytes     = 3 << 19 // 1.5 MiB: Temporal's limit is 2 MiB, and there is state to carry
)

// Validate returns what is wrong with a list, nil if nothing is.
func (l List) Validate() error {
	if len(l.Orders) == 0 {
		return errors.New("there are no Orders")
	}
	encoded, err := json.Marshal(l.Orders)
	if err != nil {
		return err
	}
	if len(encoded) > maxListBytes {
		return fmt.Errorf("the %d Orders take %d bytes as JSON, of at most %d: divide them into several fleets", len(l.Orders), len(encoded), maxListBytes)
	}
	if err := l.Settings.validate(); err != nil {
		return err
	}
	perRegion := orDefault(l.PerRegion, defaultPerRegion)
	makers := make(map[[2]string]int)
	regions := make(map[string]bool)
	for i, order := range l.Orders {
		if err := order.Validate(); err != nil {
			return fmt.Errorf("order %d: %w", i+1, err)
		}
		for _, image := range order.all() {
			regions[image.Region] = true
			made := [2]string{image.Region, image.Name}
			if first, found := makers[made]; found {
				return fmt.Errorf("orders %d and %d make the same image, %q in %s", first+1, i+1, image.Name, image.Region)
			}
			makers[made] = i
		}
	}
	if len(regions)*perRegion > maxRunning {
		return fmt.Errorf("%d regions with a PerRegion of %d are more than %d images at a time", len(regions), perRegion, maxRunning)
	}
	return nil
}

// all are the orders for every image of an order. Of a snapshot, its id stands for that of
// the image to copy, which is not known yet.
func (o Order) all() []ImageOrder {
	if o.From.Image != "" {
		return o.copies(o.From)
	}
	return append([]ImageOrder{o.origin()}, o.copies(Source{Region: o.From.Region, Image: o.From.Snapshot})...)
}
