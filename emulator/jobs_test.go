package emulator_test

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

func always(plan emulator.Plan) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan { return plan }
}

// Whatever the curve, progress never falls and stays between 0 and 100, and the
// job is done only at its end.
func TestCurves(t *testing.T) {
	for name, test := range map[string]struct {
		curve                   emulator.Curve
		quarter, half, nearlyAt float64
	}{
		"default":     {nil, 25, 50, 99},
		"linear":      {emulator.Linear, 25, 50, 99},
		"silent":      {emulator.Silent, 0, 0, 0},
		"back-loaded": {emulator.BackLoaded, 1, 12, 99},
		"stages":      {emulator.Stages(0.8, 0.3), 0, 33, 66},
		"one stage":   {emulator.Stages(0.25), 50, 50, 50},
		"no stages":   {emulator.Stages(), 0, 0, 0},
		"too high":    {func(float64) float64 { return 1000 }, 100, 100, 100},
		"a fraction":  {func(float64) float64 { return 33.3 }, 33.3, 33.3, 33.3},
		"negative":    {func(float64) float64 { return -1 }, 0, 0, 0},
		"not numbers": {func(float64) float64 { return math.NaN() }, 0, 0, 0},
		"infinite":    {func(float64) float64 { return math.Inf(1) }, 100, 100, 100},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := newEmulator(t, emulator.Options{
				Now:  clock.Now,
				Plan: always(emulator.Plan{Duration: time.Hour, Curve: test.curve}),
			})
			id := s.create("a").JobUUID
			at, last := map[int]float64{}, 0.0
			for second := range 3600 {
				job := s.Jobs("gz")[0]
				require.False(t, job.Done)
				require.False(t, job.Success)
				require.GreaterOrEqual(t, job.Progress, last)
				require.LessOrEqual(t, job.Progress, 100.0)
				at[second], last = job.Progress, job.Progress
				clock.Advance(time.Second)
			}
			require.Equal(t, test.quarter, at[900])
			require.Equal(t, test.half, at[1800])
			require.Equal(t, test.nearlyAt, at[3599])
			job := s.result("gz", id)
			require.True(t, job.Done)
			require.True(t, job.Success)
			require.Equal(t, 100.0, job.Progress)
			require.Empty(t, job.Result)
		})
	}
}

func TestStagesKeepsItsOwnSteps(t *testing.T) {
	steps := []float64{0.5}
	curve := emulator.Stages(steps...)
	steps[0] = 0.1
	require.Zero(t, curve(0.4))
}

// A failed job has no effect, and a new image disappears with it.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		path, body string
		region     string
		during     []string
		after      []string
	}{
		"create": {
			createPath, `{"regionId":"gz","cimg":[{"name":"new","snapUuid":"` + snapshot + `"}]}`,
			"gz", []string{"new"}, []string{},
		},
		"import": {
			importPath, `{"regionId":"gz","cimg":[{"name":"new","originRegionId":"bj","originImageUuid":"` + listedImage + `"}]}`,
			"gz", []string{"new"}, []string{},
		},
		"rename": {
			changeNamePath, `{"regionId":"bj","cimg":[{"cimgUuid":"` + listedImage + `","name":"new"}]}`,
			"bj", []string{"openapi自定义镜像", "北京02"}, []string{"openapi自定义镜像", "北京02"},
		},
		"delete": {
			deletePath, `{"regionId":"bj","cimg":[{"cimgUuid":"` + listedImage + `"}]}`,
			"bj", []string{"openapi自定义镜像", "北京02"}, []string{"openapi自定义镜像", "北京02"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := newEmulator(t, emulator.Options{
				Now:  clock.Now,
				Plan: always(emulator.Plan{Duration: 10 * time.Second, Failure: "out of space", FailAt: 0.57}),
			})
			id := s.start(test.path, test.body).JobUUID
			clock.Advance(5699 * time.Millisecond)
			require.False(t, s.result(test.region, id).Done)
			require.Equal(t, test.during, names(s.Images(test.region)))

			clock.Advance(time.Millisecond)
			for range 2 {
				job := s.result(test.region, id)
				require.True(t, job.Done)
				require.False(t, job.Success)
				require.Equal(t, "out of space", job.Result)
				require.Equal(t, 57.0, job.Progress, "a failed job stays where it was")
				clock.Advance(time.Hour)
			}
			require.Equal(t, test.after, names(s.Images(test.region)))
		})
	}
}

func TestPlans(t *testing.T) {
	for name, test := range map[string]struct {
		plan           emulator.Plan
		wait           time.Duration
		done, success  bool
		progressAtWait float64
	}{
		"zero":             {emulator.Plan{}, 0, true, true, 100},
		"negative":         {emulator.Plan{Duration: -1}, 0, true, true, 100},
		"endless":          {emulator.Plan{Duration: math.MaxInt64}, 1e6 * time.Hour, false, false, 39},
		"endless to fail":  {emulator.Plan{Duration: math.MaxInt64, Failure: "x", FailAt: 1}, time.Hour, false, false, 0},
		"fails at once":    {emulator.Plan{Duration: time.Hour, Failure: "x"}, 0, true, false, 0},
		"fails at the end": {emulator.Plan{Duration: time.Hour, Failure: "x", FailAt: 1}, time.Hour, true, false, 99},
		"fails too late":   {emulator.Plan{Duration: time.Hour, Failure: "x", FailAt: 7}, time.Hour, true, false, 99},
		"fails too early":  {emulator.Plan{Duration: time.Hour, Failure: "x", FailAt: -7}, 0, true, false, 0},
		"fails at NaN":     {emulator.Plan{Duration: time.Hour, Failure: "x", FailAt: math.NaN()}, 0, true, false, 0},
		"FailAt alone":     {emulator.Plan{Duration: time.Hour, FailAt: 0.1}, time.Hour / 2, false, false, 50},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := newEmulator(t, emulator.Options{Now: clock.Now, Plan: always(test.plan)})
			id := s.create("a").JobUUID
			clock.Advance(test.wait)
			job := s.result("gz", id)
			require.Equal(t, test.done, job.Done)
			require.Equal(t, test.success, job.Success)
			require.Equal(t, test.progressAtWait, job.Progress)
		})
	}
}

// A request on which a function of the caller panics changes nothing, and the
// emulator serves the next one.
func TestAPanicOfTheCallersFunction(t *testing.T) {
	inProcessAndOverSocket(t, emulator.Options{
		Plan: func(start emulator.JobStart) emulator.Plan {
			if start.Name == "plan" {
				panic("plan")
			}
			return emulator.Plan{Duration: time.Hour, Curve: func(float64) float64 {
				if start.Name == "curve" {
					panic("curve")
				}
				return 50
			}}
		},
		StoreName: func(name string) string {
			if name == "name" {
				panic("name")
			}
			return name
		},
	}, func(t *testing.T, s *service) {
		fails := func(method, target, body string) {
			t.Helper()
			err := errors.New("panic")
			func() {
				defer func() { _ = recover() }() // in process
				_, err = s.do(method, target, body)
			}()
			require.Error(t, err)
		}
		for _, name := range []string{"plan", "name"} {
			fails(http.MethodPost, createPath, `{"regionId":"gz","cimg":[{"name":"a","snapUuid":"`+snapshot+`"},{"name":"`+name+`","snapUuid":"`+snapshot+`"}]}`)
			require.Empty(t, s.Images("gz"))
			require.Empty(t, s.Jobs("gz"))
		}
		fails(http.MethodGet, resultTarget("gz", s.create("curve").JobUUID), "")
		require.Equal(t, 50.0, s.result("gz", s.create("after").JobUUID).Progress)
	})
}

func TestPlanSeesTheJob(t *testing.T) {
	var seen []emulator.JobStart
	s := newEmulator(t, emulator.Options{Plan: func(start emulator.JobStart) emulator.Plan {
		seen = append(seen, start)
		return emulator.Plan{Duration: time.Hour}
	}})
	created := s.create("web-01")
	renamed := s.start(changeNamePath, `{"regionId":"bj","cimg":[{"cimgUuid":"`+listedImage+`","name":"new"}]}`)
	deleted := s.start(deletePath, `{"regionId":"bj","cimg":[{"cimgUuid":"`+listedImage+`"}]}`)
	require.Equal(t, []emulator.JobStart{
		{Type: "CreateCIMG", Region: "gz", JobUUID: created.JobUUID, ResourceUUID: created.ResourceUUID, Name: "web-01"},
		{Type: "ChangeCIMGName", Region: "bj", JobUUID: renamed.JobUUID, ResourceUUID: listedImage, Name: "new"},
		{Type: "DeleteCIMG", Region: "bj", JobUUID: deleted.JobUUID, ResourceUUID: listedImage, Name: "北京02"},
	}, seen)
}

// Jobs take effect in the order they finish, however late the emulator is asked.
func TestJobsTakeEffectInTheOrderTheyFinish(t *testing.T) {
	clock := newClock()
	durations := map[string]time.Duration{"slow": 2 * time.Hour, "fast": time.Hour, "tie": time.Hour}
	s := newEmulator(t, emulator.Options{Now: clock.Now, Plan: func(start emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: durations[start.Name]}
	}})
	s.jobs(s.post(changeNamePath, `{"regionId":"bj","cimg":[
		{"cimgUuid":"`+listedImage+`","name":"slow"},
		{"cimgUuid":"`+listedImage+`","name":"fast"},
		{"cimgUuid":"`+listedImage+`","name":"tie"}]}`))
	start := clock.Now()
	clock.Advance(90 * time.Minute)
	require.Equal(t, "tie", s.Images("bj")[1].Name, "started after fast, ended with it")
	clock.Advance(90 * time.Minute)
	renamed := s.Images("bj")[1]
	require.Equal(t, "slow", renamed.Name)
	require.Equal(t, start.Add(2*time.Hour).UnixMilli(), renamed.UpdateTime)
}

// A job stays done when the clock is set back.
func TestClockSetBack(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	done := s.create("done").JobUUID
	clock.Advance(emulator.DefaultDuration)
	running := s.create("running").JobUUID
	clock.Advance(-time.Hour)
	require.True(t, s.result("gz", done).Success)
	require.Zero(t, s.result("gz", running).Progress)
}

func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEmulator(t, emulator.Options{Plan: always(emulator.Plan{Duration: 3 * time.Hour})})
		s.InjectFor(t, emulator.Fault{Operation: "getJobResult", Delay: time.Minute})
		id, polls := s.create("a").JobUUID, 0
		start := time.Now()
		for !s.result("gz", id).Done {
			polls++
			time.Sleep(time.Hour)
		}
		require.Equal(t, 3, polls)
		require.Equal(t, 3*time.Hour+time.Minute, time.Since(start))
	})
}

// A new job that polls do not know yet, and one that they are rejected for.
func TestJustStarted(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now, UnknownJobs: emulator.RejectUnknownJobs, Plan: func(start emulator.JobStart) emulator.Plan {
		return map[string]emulator.Plan{
			"missing":  {MissingFor: 5 * time.Second},
			"rejected": {RejectedFor: 5 * time.Second},
			"both":     {MissingFor: 3 * time.Second, RejectedFor: 5 * time.Second},
		}[start.Name]
	}})
	missing, rejected, both := s.create("missing").JobUUID, s.create("rejected").JobUUID, s.create("both").JobUUID
	errnos := func() (errnos []int64) {
		for _, id := range []string{missing, rejected, both} {
			errnos = append(errnos, s.call(http.MethodGet, resultTarget("gz", id), "").Errno)
		}
		return errnos
	}
	require.Equal(t, []int64{1, 41026, 1}, errnos())
	clock.Advance(3 * time.Second)
	require.Equal(t, []int64{1, 41026, 41026}, errnos())
	require.NoError(t, s.Configure(emulator.Options{})) // unknown jobs are omitted
	require.Empty(t, s.results("gz", missing))
	clock.Advance(2 * time.Second)
	require.Len(t, s.results("gz", missing, rejected, both), 3)
}
