package reconcile

import (
	"fmt"
	"testing"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// BenchmarkMatch matches a call for many images with a region that has as many: the
// time per image must not grow with their number.
func BenchmarkMatch(b *testing.B) {
	client, err := wrapper.New(wrapper.StaticToken("9a609744ad675e8fbfcdbf14511b24e6"))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1_000, 10_000, 40_000} {
		b.Run(fmt.Sprint(n, " images"), func(b *testing.B) {
			m := &matcher{client: client, images: make(map[string]wrapper.Image), unknown: &wrapper.OutcomeUnknownError{
				Op: "createCIMG", Region: "gz", SentAt: time.Now(),
			}}
			for i := range n {
				name, uuid := fmt.Sprint("web-", i), fmt.Sprint("i", i)
				m.images[uuid] = wrapper.Image{UUID: uuid, Name: name, CreateTime: time.Now().UnixMilli()}
				m.unknown.Names = append(m.unknown.Names, name)
				m.jobs = append(m.jobs, wrapper.JobRef{Region: "gz", JobUUID: fmt.Sprint("j", i), ResourceUUID: uuid})
			}
			for b.Loop() {
				if findings, settled := m.match(); len(findings) != n || !settled {
					b.Fatal("not all were found")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/image")
		})
	}
}
