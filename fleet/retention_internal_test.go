package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	image := func(name string, days int, changes ...func(*wrapper.Image)) wrapper.Image {
		image := wrapper.Image{UUID: "id-" + name, Name: name, Status: "Ready", CreateTime: now.Add(-time.Duration(days) * day).UnixMilli()}
		for _, change := range changes {
			change(&image)
		}
		return image
	}
	shared := func(image *wrapper.Image) { image.IsShared = true }
	busy := func(image *wrapper.Image) { image.Job = &wrapper.Job{JobUUID: "job", Type: "ImportCIMG"} }
	unreadable := func(image *wrapper.Image) { image.Job = &wrapper.Job{} }
	nameless := func(image *wrapper.Image) { image.Job = &wrapper.Job{Type: "ImportCIMG"} }
	idle := func(image *wrapper.Image) { image.Job = &wrapper.Job{JobUUID: "job", Done: true} }
	broken := func(image *wrapper.Image) { image.Status = "Error" }
	undated := func(image *wrapper.Image) { image.CreateTime = 0 }
	five := []wrapper.Image{image("web-3", 3), image("web-1", 5), image("web-5", 0), image("web-2", 4), image("web-4", 1)}

	for name, test := range map[string]struct {
		retention Retention
		images    []wrapper.Image
		made      string // default: id-web-5
		want      []string
	}{
		"no limit":                       {Retention{}, five, "", nil},
		"no limit, at least":             {Retention{AtLeast: 1}, five, "", nil},
		"no images":                      {Retention{Keep: 1, MaxAge: 1}, nil, "", nil},
		"by number":                      {Retention{Keep: 2}, five, "", []string{"web-1", "web-2", "web-3"}},
		"by number, there are fewer":     {Retention{Keep: 6}, five, "", nil},
		"by number, there are as many":   {Retention{Keep: 5}, five, "", nil},
		"by age":                         {Retention{MaxAge: 2 * day}, five, "", []string{"web-1", "web-2", "web-3"}},
		"by age, exactly as old is kept": {Retention{MaxAge: 4 * day}, five, "", []string{"web-1"}},
		"by age, but at least":           {Retention{MaxAge: 2 * day, AtLeast: 4}, five, "", []string{"web-1"}},
		"by number, but at least":        {Retention{Keep: 2, AtLeast: 4}, five, "", []string{"web-1"}},
		"beyond either limit":            {Retention{Keep: 4, MaxAge: 7 * day / 2}, five, "", []string{"web-1", "web-2"}},
		"never the newest":               {Retention{MaxAge: 1}, []wrapper.Image{image("web-1", 900), image("web-2", 800)}, "", []string{"web-1"}},
		"never one as new as the newest": {Retention{Keep: 1}, []wrapper.Image{image("web-1", 3), image("web-2", 3), image("web-3", 4)}, "", []string{"web-3"}},
		"never the one just made":        {Retention{Keep: 1}, five, "id-web-2", []string{"web-1", "web-3", "web-4"}},
		"by time, not by version":        {Retention{Keep: 1}, []wrapper.Image{image("web-2", 9), image("web-10", 8), image("web-1.9", 1)}, "", []string{"web-2", "web-10"}},
		"shared is not counted":          {Retention{Keep: 1}, []wrapper.Image{image("web-3", 1, shared), image("web-2", 2), image("web-1", 3), image("web-0", 4, shared)}, "", []string{"web-1"}},
		"a job works on it":              {Retention{Keep: 1}, []wrapper.Image{image("web-3", 1, busy), image("web-2", 2), image("web-1", 3), image("web-0", 4, busy)}, "", []string{"web-1"}},
		"a job without an id":            {Retention{Keep: 1}, []wrapper.Image{image("web-2", 2), image("web-1", 3, unreadable)}, "", nil},
		"a job with a type only":         {Retention{Keep: 1}, []wrapper.Image{image("web-2", 2), image("web-1", 3, nameless)}, "", nil},
		"a job that has ended":           {Retention{Keep: 1}, []wrapper.Image{image("web-2", 2), image("web-1", 3, idle)}, "", []string{"web-1"}},
		"not Ready is not counted":       {Retention{Keep: 1}, []wrapper.Image{image("web-3", 1, broken), image("web-2", 2), image("web-1", 3), image("web-0", 4, broken)}, "", []string{"web-1"}},
		"excepted":                       {Retention{Keep: 2, Except: []string{"4", "1"}}, five, "", []string{"web-2"}},
		"not known when created":         {Retention{Keep: 1, MaxAge: day}, []wrapper.Image{image("web-3", 1), image("web-2", 2, undated)}, "", nil},
		"of the family":                  {Retention{Keep: 1}, []wrapper.Image{image("web-9", 0), image("web-1", 9), image("web-1.0.2", 8), image("web-20261128", 7)}, "", []string{"web-1", "web-1.0.2", "web-20261128"}},
		"of another family": {Retention{Keep: 1}, []wrapper.Image{
			image("web-9", 0), image("web-api-1", 9), image("web", 9), image("web-", 9), image("web-v1", 9), image("web-1-2", 9), image("web-1.", 9),
			image("web-1..2", 9), image("web-1\n", 9), image("web1", 9), image("my-web-1", 9), image("Web-1", 9), image("web-1-rc", 9),
		}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			made := test.made
			if made == "" {
				made = "id-web-5"
			}
			var names []string
			for _, image := range test.retention.expired(membersOf(test.images), "web", "Ready", made, now) {
				names = append(names, image.Name)
			}
			require.Equal(t, test.want, names)
		})
	}
}

func membersOf(images []wrapper.Image) (members []Member) {
	for _, image := range images {
		members = append(members, memberOf("gz", image))
	}
	return members
}
