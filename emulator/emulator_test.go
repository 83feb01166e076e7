package emulator_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
)

func TestNewRejectsBadOptions(t *testing.T) {
	image := func(uuid string) gen.CIMG { return gen.CIMG{UUID: uuid, Name: "a"} }
	for name, test := range map[string]struct {
		options emulator.Options
		reason  string
	}{
		"token with a space":   {emulator.Options{Token: "a b"}, "the Token contains a character that is not allowed in a header"},
		"token with a newline": {emulator.Options{Token: "secret\n"}, "the Token contains a character that is not allowed in a header"},
		"unknown jobs":         {emulator.Options{UnknownJobs: 7}, "UnknownJobs: 7 is neither OmitUnknownJobs nor RejectUnknownJobs"},
		"job ids":              {emulator.Options{MaxJobUUIDs: -1}, "MaxJobUUIDs: -1 is negative"},
		"page size":            {emulator.Options{MaxPageSize: -1}, "MaxPageSize: -1 is negative"},
		"list lag":             {emulator.Options{ListLag: -1}, "ListLag: -1ns is negative"},
		"no region id":         {emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{}}}}, `Stock.Regions[0]: ID "" is empty or a duplicate`},
		"region twice":         {emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{ID: "gz"}, {ID: "gz"}}}}, `Stock.Regions[1]: ID "gz" is empty or a duplicate`},
		"no image id":          {emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Images: []gen.CIMG{image("")}}}}}, `Stock.Regions[0].Images[0]: UUID "" is empty or a duplicate`},
		"image twice": {
			emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{
				{ID: "gz", Images: []gen.CIMG{image("i")}}, {ID: "bj", Images: []gen.CIMG{image("i")}},
			}}},
			`Stock.Regions[1].Images[0]: UUID "i" is empty or a duplicate`,
		},
		"image with a job": {
			emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Images: []gen.CIMG{{UUID: "i", Job: &gen.Job{}}}}}}},
			"Stock.Regions[0].Images[0]: Job must be nil: only requests start jobs",
		},
		"running job in stock": {
			emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Jobs: []gen.Job{{JobUUID: "j"}}}}}},
			"Stock.Regions[0].Jobs[0]: Done must be true: only requests start jobs",
		},
		"job id twice": {
			emulator.Options{Stock: &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Jobs: []gen.Job{{JobUUID: "j", Done: true}, {JobUUID: "j", Done: true}}}}}},
			`Stock.Regions[0].Jobs[1]: JobUUID "j" is empty or a duplicate`,
		},
		"two things": {emulator.Options{MaxJobUUIDs: -1, MaxPageSize: -1}, "MaxJobUUIDs: -1 is negative\nMaxPageSize: -1 is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := emulator.New(test.options)
			require.EqualError(t, err, "emulator: options: "+test.reason)
			require.Nil(t, e)
		})
	}
}

func TestEmptyStock(t *testing.T) {
	s := newEmulator(t, emulator.Options{Stock: &emulator.Stock{}})
	require.EqualValues(t, 16000002, s.post(createPath, createExample).Errno)
}

// JSON has no infinity, so no response could show this stock.
func TestNewRejectsUnencodableStock(t *testing.T) {
	stock := emulator.DefaultStock()
	stock.Regions[1].Images[0].Tags = []any{math.Inf(1)}
	e, err := emulator.New(emulator.Options{Stock: stock})
	require.ErrorContains(t, err, "Stock.Regions[1].Images[0]: json: unsupported value: +Inf")
	require.Nil(t, e)

	stock = emulator.DefaultStock()
	stock.Regions[0].Jobs = []gen.Job{{JobUUID: "a", Done: true, Progress: math.NaN()}, {JobUUID: "a,b", Done: true}}
	_, err = emulator.New(emulator.Options{Stock: stock})
	require.ErrorContains(t, err, "Stock.Regions[0].Jobs[0]: json: unsupported value: NaN")
	require.ErrorContains(t, err, `Stock.Regions[0].Jobs[1]: JobUUID "a,b": ids have letters, digits, - and _ only`)
}

func TestSeed(t *testing.T) {
	ids := func(seed *uint64) (ids []string) {
		s := newEmulator(t, emulator.Options{Seed: seed})
		response := s.post(createPath, createExample)
		job, image := s.jobs(response)[0], s.Images("gz")[0]
		require.Regexp(t, "^cimg-[0-9a-z]{8}$", image.ID)
		return []string{response.RequestID, job.JobUUID, image.UUID, image.ID}
	}
	seeded := ids(new(uint64(0)))
	require.Equal(t, seeded, ids(new(uint64(0))))
	require.NotEqual(t, seeded, ids(new(uint64(1))))
	random, others := ids(nil), ids(nil)
	require.NotEqual(t, random, others)
	for i, id := range seeded {
		require.NotContains(t, seeded[:i], id, "an id is used once")
	}
}

func TestConcurrentUse(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	require.NoError(t, s.Inject(emulator.Fault{Operation: "listCIMG", Errno: 2, Skip: 5, Count: 10}))
	var wg sync.WaitGroup
	for worker := range 32 {
		wg.Go(func() {
			for i := range 5 {
				name := fmt.Sprintf("%d-%d", worker, i)
				job := s.create(name)
				clock.Advance(time.Second)
				s.result("gz", job.JobUUID)
				s.post(listPath, `{"regionId":"gz","limit":3}`)
				s.Images("gz")
				s.Jobs("gz")
				s.Requests("")
				s.UnmetFaults()
				s.Violations()
			}
		})
	}
	wg.Wait()
	clock.Advance(time.Hour)
	images := s.Images("gz")
	require.Len(t, images, 160)
	seen := map[string]bool{}
	for _, image := range images {
		require.False(t, seen[image.Name])
		seen[image.Name] = true
		require.Equal(t, "Ready", image.Status)
	}
	require.Equal(t, 480, s.Requests(""))
	require.Empty(t, s.UnmetFaults())
}
