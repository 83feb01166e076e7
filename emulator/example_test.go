package emulator_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
)

// The published create request, sent to an emulator whose clock the program
// advances: a job of ten minutes takes no time.
func Example() {
	now := time.Date(2020, 10, 27, 12, 0, 0, 0, time.UTC)
	service, err := emulator.New(emulator.Options{
		Now:  func() time.Time { return now },
		Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 10 * time.Minute} },
	})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: service.Transport()}
	send := func(method, target, body string) gen.Job {
		request, err := http.NewRequest(method, "https://open.didiyunapi.com"+target, strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var envelope gen.JobsEnvelope
		if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil || envelope.Errno != 0 {
			log.Fatal(envelope.Errmsg, err)
		}
		return envelope.Data[0]
	}

	job := send("POST", "/dicloud/i/storage/cimg/create",
		`{"cimg": {"name": "openapi自定义镜像", "snapUuid": "3fd352092a3f553cb124223f6a7f09b4"}}`)
	fmt.Println(job.Type, job.Status)

	for !job.Done {
		now = now.Add(4 * time.Minute)
		job = send("GET", "/dicloud/i/result?regionId=gz&jobUuids="+job.JobUUID, "")
		fmt.Println(job.Progress, job.Done, job.Success)
	}
	fmt.Println(service.Images("gz")[0].Name, service.Images("gz")[0].Status)
	// Output:
	// CreateCIMG Processing
	// 40 false false
	// 80 false false
	// 100 true true
	// openapi自定义镜像 Ready
}
