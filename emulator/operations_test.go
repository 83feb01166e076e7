package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
)

func TestCreate(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})

	response := s.post(createPath, `{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"`+snapshot+`","description":"first"}]}`)
	started := s.jobs(response)
	require.Len(t, started, 1)
	require.Regexp(t, "^[0-9a-f]{32}$", started[0].JobUUID)
	require.Regexp(t, "^[0-9a-f]{32}$", started[0].ResourceUUID)
	// Exactly the properties of the captured response.
	require.JSONEq(t, fmt.Sprintf(`[{"done":false,"jobUuid":%q,"progress":0,"resourceType":"cimg","resourceUuid":%q,
		"status":"Processing","success":false,"type":"CreateCIMG","uuid":%[1]q}]`,
		started[0].JobUUID, started[0].ResourceUUID), string(response.Data))

	clock.Advance(emulator.DefaultDuration / 2)
	running := s.result("gz", started[0].JobUUID)
	require.Equal(t, gen.Job{
		JobUUID: started[0].JobUUID, UUID: started[0].JobUUID, ResourceUUID: started[0].ResourceUUID,
		Type: "CreateCIMG", Progress: 50,
	}, running)

	images := s.Images("gz")
	require.Len(t, images, 1)
	require.Equal(t, "Processing", images[0].Status)
	require.Equal(t, &running, images[0].Job)

	clock.Advance(emulator.DefaultDuration / 2)
	response = s.call(http.MethodGet, resultTarget("gz", started[0].JobUUID), "")
	require.JSONEq(t, fmt.Sprintf(`[{"done":true,"jobUuid":%q,"progress":100,"resourceUuid":%q,"success":true,
		"type":"CreateCIMG","uuid":%[1]q}]`, started[0].JobUUID, started[0].ResourceUUID), string(response.Data))

	images = s.Images("gz")
	require.Len(t, images, 1)
	created := images[0]
	require.Equal(t, started[0].ResourceUUID, created.UUID)
	require.Equal(t, "web-01", created.Name)
	require.Equal(t, "first", created.Description)
	require.Equal(t, "Ready", created.Status)
	require.Nil(t, created.Job)
	require.Equal(t, []string{"gz"}, created.Regions)
	require.Equal(t, []string{"gz01", "gz02"}, created.Zones)
	require.Equal(t, "ceph-gz01-he", created.BackupStorages[0].Name)
	require.Equal(t, clock.Now().Add(-emulator.DefaultDuration).UnixMilli(), created.CreateTime)
	require.Equal(t, clock.Now().UnixMilli(), created.UpdateTime)
	require.Positive(t, created.Size)
}

func TestCreateMany(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	started := s.jobs(s.post(createPath, `{"regionId":"gz","cimg":[
		{"name":"b","snapUuid":"`+snapshot+`"},{"name":"a","snapUuid":"`+snapshot+`"},{"name":"b","snapUuid":"`+snapshot+`"}]}`))
	require.Len(t, started, 3)
	require.ElementsMatch(t, []string{"a", "b", "b"}, names(s.Images("gz")))
	jobs := s.Jobs("gz")
	require.Len(t, jobs, 3)
	for i, job := range jobs {
		require.Equal(t, started[i].JobUUID, job.JobUUID)
	}
	require.Empty(t, s.Jobs("bj"))
	require.Empty(t, s.Jobs("nowhere"))
	require.Empty(t, s.Images("nowhere"))
}

func TestImport(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	started := s.start(importPath, `{"regionId":"gz","cimg":[{"name":"copy","originRegionId":"bj","originImageUuid":"`+listedImage+`"}]}`)
	require.Equal(t, "ImportCIMG", started.Type)
	require.NotEqual(t, listedImage, started.ResourceUUID)

	clock.Advance(emulator.DefaultDuration)
	require.True(t, s.result("gz", started.JobUUID).Success)
	copied, origin := s.Images("gz")[0], s.Images("bj")[1]
	require.Equal(t, started.ResourceUUID, copied.UUID)
	require.Equal(t, "copy", copied.Name)
	require.Equal(t, "Ready", copied.Status)
	require.Equal(t, []string{"gz"}, copied.Regions)
	require.NotEqual(t, origin.ID, copied.ID)
	require.Equal(t, origin.Size, copied.Size)
	require.Equal(t, origin.OSVersion, copied.OSVersion)
	require.Equal(t, []string{"bj"}, origin.Regions, "the origin stays what it was")
}

func TestChangeName(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	started := s.start(changeNamePath, `{"regionId":"bj","cimg":[{"cimgUuid":"`+listedImage+`","name":"北京03"}]}`)
	require.Equal(t, "ChangeCIMGName", started.Type)
	require.Equal(t, listedImage, started.ResourceUUID)

	require.Equal(t, "北京02", s.Images("bj")[1].Name)
	require.Equal(t, "Ready", s.Images("bj")[1].Status)
	require.NotNil(t, s.Images("bj")[1].Job)
	clock.Advance(emulator.DefaultDuration)
	renamed := s.Images("bj")[1]
	require.Equal(t, "北京03", renamed.Name)
	require.Equal(t, clock.Now().UnixMilli(), renamed.UpdateTime)
	require.Nil(t, renamed.Job)
}

func TestDelete(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	first := s.start(deletePath, `{"regionId":"bj","cimg":[{"cimgUuid":"`+listedImage+`"}]}`)
	second := s.start(deletePath, `{"regionId":"bj","cimg":[{"cimgUuid":"`+listedImage+`"}]}`)
	require.Equal(t, "DeleteCIMG", first.Type)
	require.Len(t, s.Images("bj"), 2)
	require.Equal(t, second.JobUUID, s.Images("bj")[1].Job.JobUUID, "the youngest job shows")

	clock.Advance(emulator.DefaultDuration)
	require.Equal(t, []string{"openapi自定义镜像"}, names(s.Images("bj")))
	require.True(t, s.result("bj", first.JobUUID).Success)
	late := s.result("bj", second.JobUUID)
	require.True(t, late.Done)
	require.False(t, late.Success)
	require.Equal(t, "the image was removed by another job", late.Result)
}

func TestListAsCaptured(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	response := s.post(listPath, `{"regionId":"bj","start":0,"limit":1,"condition":{"names":["北京02"]}}`)
	require.JSONEq(t, `{"count":1,"items":[{"backupStorages":[{"bsUuid":"257ec36487cd4c36be2e2883b0363e97","diskType":"HE",
		"name":"ceph-bj01-he","state":"Enabled","status":"Connected","type":"Ceph","zone":"BJ01"}],"checkState":"uncheck",
		"cimgId":"cimg-cy58anir","cimgTags":[],"cimgUuid":"4a48f88391134a01befe88ff98b68a88","createTime":1603799470000,
		"description":"","isExternal":true,"isShared":false,"name":"北京02","osArch":"64bit","osFamily":"CentOS",
		"osVersion":"7","platform":"Linux","regions":["bj"],"requirement":{"minDiskSize":8589934592},"scenes":["base"],
		"size":549899264,"status":"Ready","type":"custom","updateTime":1603799470000,"zones":["bj01"]}]}`, string(response.Data))
}

func TestListPages(t *testing.T) {
	stock := &emulator.Stock{Regions: []emulator.Region{{ID: "gz"}}}
	for i := range 5 {
		stock.Regions[0].Images = append(stock.Regions[0].Images, gen.CIMG{
			UUID: fmt.Sprintf("id-%d", 5-i), Name: fmt.Sprintf("image-%d", i%2), CreateTime: int64(i / 2),
		})
	}
	all := []string{"id-4", "id-5", "id-2", "id-3", "id-1"}
	for name, test := range map[string]struct {
		options emulator.Options
		body    string
		count   int64
		ids     []string
	}{
		"all":         {body: `"start":0,"limit":100`, count: 5, ids: all},
		"first":       {body: `"start":0,"limit":2`, count: 5, ids: all[:2]},
		"middle":      {body: `"start":2,"limit":2`, count: 5, ids: all[2:4]},
		"last":        {body: `"start":4,"limit":2`, count: 5, ids: all[4:]},
		"beyond":      {body: `"start":9,"limit":2`, count: 5},
		"huge limit":  {body: `"start":1,"limit":9223372036854775807`, count: 5, ids: all[1:]},
		"capped":      {options: emulator.Options{MaxPageSize: 3}, body: `"start":1,"limit":100`, count: 5, ids: all[1:4]},
		"under cap":   {options: emulator.Options{MaxPageSize: 3}, body: `"start":1,"limit":1`, count: 5, ids: all[1:2]},
		"as array":    {options: emulator.Options{ListAsArray: true}, body: `"start":3,"limit":100`, ids: all[3:]},
		"by name":     {body: `"start":0,"limit":9,"condition":{"names":["image-1"]}`, count: 2, ids: []string{"id-4", "id-2"}},
		"paged names": {body: `"start":1,"limit":9,"condition":{"names":["image-1"]}`, count: 2, ids: []string{"id-2"}},
		"whole name":  {body: `"start":0,"limit":9,"condition":{"names":["image"]}`},
		"no names":    {body: `"start":0,"limit":9,"condition":{"names":[]}`, count: 5, ids: all},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Stock = stock
			s := newEmulator(t, test.options)
			response := s.post(listPath, `{"regionId":"gz",`+test.body+`}`)
			require.Zero(t, response.Errno, response.Errmsg)
			page := gen.CIMGPage{}
			into := any(&page)
			if test.options.ListAsArray {
				into = &page.Items
			}
			require.NoError(t, json.Unmarshal(response.Data, into))
			require.Equal(t, test.count, page.Count)
			require.NotNil(t, page.Items)
			var ids []string
			for _, image := range page.Items {
				ids = append(ids, image.UUID)
			}
			require.Equal(t, test.ids, ids)
		})
	}
}

// A new image is listed after the lag even if its job is done earlier. The job
// itself is found at once.
func TestListLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEmulator(t, emulator.Options{ListLag: time.Minute})
		list := func() (names []string) {
			var page gen.CIMGPage
			response := s.post(listPath, `{"regionId":"gz","start":0,"limit":9}`)
			require.NoError(t, json.Unmarshal(response.Data, &page))
			require.EqualValues(t, len(page.Items), page.Count)
			for _, image := range page.Items {
				names = append(names, image.Name)
			}
			return names
		}
		stock := list()
		job := s.create("late")
		require.Len(t, s.jobs(s.call(http.MethodGet, resultPath+"?regionId=gz&jobUuids="+job.JobUUID, "")), 1)
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, stock, list())
		time.Sleep(time.Nanosecond)
		require.Equal(t, append(stock, "late"), list())
	})
}

func TestJobResult(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	a, b := s.create("a").JobUUID, s.create("b").JobUUID
	ids := func(jobs []gen.Job) []string {
		ids := []string{}
		for _, job := range jobs {
			ids = append(ids, job.JobUUID)
		}
		return ids
	}
	require.Equal(t, []string{b, a}, ids(s.results("gz", b, a)))
	require.Equal(t, []string{b, a}, ids(s.results("gz", b, "unknown", a, b)))
	require.Empty(t, s.results("bj", a), "a job belongs to its region")
	require.Equal(t, []string{a, b}, ids(s.results("gz", a+"%2C"+b)), "an escaped comma is a comma")

	strict := newEmulator(t, emulator.Options{UnknownJobs: emulator.RejectUnknownJobs, MaxJobUUIDs: 2})
	known := strict.create("a").JobUUID
	require.Equal(t, []string{known}, ids(strict.results("gz", known, known)))
	rejected := strict.call(http.MethodGet, resultTarget("gz", known, "nobody"), "")
	require.EqualValues(t, 1, rejected.Errno)
	require.Equal(t, `请求有点问题，请反馈客服: jobUuids/1: no job "nobody" in region "gz"`, rejected.Errmsg)
	rejected = strict.call(http.MethodGet, resultTarget("gz", "1", "2", "3"), "")
	require.EqualValues(t, 1, rejected.Errno)
	require.Equal(t, `请求有点问题，请反馈客服: jobUuids: 3 ids, at most 2 are allowed`, rejected.Errmsg)
}

func TestRejectedRequestsChangeNothing(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	before := s.Images("bj")
	for path, body := range map[string]string{
		createPath:     `{"regionId":"gz","cimg":[{"name":"a","snapUuid":"` + snapshot + `"},{"name":"b","snapUuid":"none"}]}`,
		importPath:     `{"regionId":"gz","cimg":[{"name":"a","originRegionId":"bj","originImageUuid":"` + listedImage + `"},{"name":"b","originRegionId":"bj","originImageUuid":"none"}]}`,
		changeNamePath: `{"regionId":"bj","cimg":[{"cimgUuid":"` + listedImage + `","name":"a"},{"cimgUuid":"none","name":"b"}]}`,
		deletePath:     `{"regionId":"bj","cimg":[{"cimgUuid":"` + listedImage + `"},{"cimgUuid":"none"}]}`,
	} {
		require.NotZero(t, s.post(path, body).Errno, path)
	}
	require.Empty(t, s.Jobs("gz"))
	require.Empty(t, s.Jobs("bj"))
	require.Empty(t, s.Images("gz"))
	require.Equal(t, before, s.Images("bj"))
}

func TestImportWaitsForTheOrigin(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	origin := s.create("origin").ResourceUUID
	body := `{"regionId":"bj","cimg":[{"name":"copy","originRegionId":"gz","originImageUuid":"` + origin + `"}]}`
	rejected := s.post(importPath, body)
	require.EqualValues(t, 41026, rejected.Errno)
	require.Equal(t, `查询镜像失败: image "`+origin+`" is still being built; wait for its job`, rejected.Errmsg)
	clock.Advance(time.Hour)
	s.start(importPath, body)
}

func TestSharedImagesAreNotCopied(t *testing.T) {
	stock := emulator.DefaultStock()
	stock.Regions[1].Images[0].IsShared = true
	s := newEmulator(t, emulator.Options{Stock: stock})
	rejected := s.post(importPath, `{"regionId":"gz","cimg":[{"name":"copy","originRegionId":"bj","originImageUuid":"`+originImage+`"}]}`)
	require.EqualValues(t, 13, rejected.Errno)
	require.Equal(t, `调用方式有点小问题，请反馈客服: image "`+originImage+`" is shared and cannot be copied`, rejected.Errmsg)
}

func TestSnapshotsOfStateAreCopies(t *testing.T) {
	stock := emulator.DefaultStock()
	s := newEmulator(t, emulator.Options{Stock: stock})
	stock.Regions[1].Images[0].Regions[0] = "changed"
	s.Images("bj")[0].Zones[0] = "changed"
	require.Equal(t, emulator.DefaultStock().Regions[1].Images, s.Images("bj"))
}

// A finished job of the stock is found in its region, and nobody started it.
func TestStockedJobs(t *testing.T) {
	stock := emulator.DefaultStock()
	finished := gen.Job{JobUUID: "j", Type: "CreateCIMG", Done: true, Progress: 57, Result: "no space"}
	stock.Regions[0].Jobs = []gen.Job{finished}
	s := newEmulator(t, emulator.Options{Stock: stock})
	require.Equal(t, []gen.Job{finished}, s.results("gz", "j"))
	require.Empty(t, s.results("bj", "j"))
	require.Empty(t, s.Jobs("gz"))
}
