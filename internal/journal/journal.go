// Package journal keeps on disk what a process is about to do, so that another
// one can continue when it was killed.
//
// A journal is a directory. Each process that makes mutating calls appends to a
// file of its own there, a JSON object a line, and holds a lock on it while it
// lives: what is unfinished in a file without a lock was left behind. So writers
// never share a file. While one is damaged no call is made: the line that cannot be
// read may be about the same image.
//
// A line is on the disk when the method that wrote it returns. The lines of a call:
//
//	{"time":..., "service":..., "command":[...]}   the first line of a file
//	{"time":..., "entry":1, "call":"cimg-unknown:v1?..."}   before the call
//	{"time":..., "entry":1, "job":"cimg-job:v1?..."}        it was accepted
//	{"time":..., "entry":1, "call":"cimg-unknown:v1?..."}   its outcome is unknown
//	{"time":..., "entry":1, "end":"succeeded", "image":"..."}   nothing is left to do
//	{"time":..., "entry":1, "listed":"web-01"}              the list shows its image
package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// DefaultDir returns where a user's programs keep their state, by the conventions
// of the operating system.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cimg"), nil
	}
	var dir string
	var err error
	switch runtime.GOOS {
	case "windows":
		dir, err = os.UserCacheDir() // %LocalAppData%
	case "darwin", "ios":
		dir, err = os.UserConfigDir() // ~/Library/Application Support
	default:
		if dir, err = os.UserHomeDir(); err == nil {
			dir = filepath.Join(dir, ".local", "state")
		}
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "cimg"), nil
}

// Files without unfinished calls are kept for finishedAge at least, so that a command
// knows what was made lately, and the last maxFinished of them for longer.
const (
	maxFinished = 100
	finishedAge = 24 * time.Hour
)

const suffix = ".jsonl"

// Journal is a directory, and the files in it that this process writes: its own,
// and those that others left behind and that it continues. It is safe for
// concurrent use.
type Journal struct {
	dir     string
	service string
	command []string

	mu   sync.Mutex
	own  *file            // nil before the first call
	held map[string]*file // those that this process has locked, by name

	finished map[string][]Entry // of files that do not change any more, by name
}

// New returns a journal of calls to a service (its base URL) that a command makes.
// It touches nothing; the directory is created by the first call.
func New(dir, service string, command []string) *Journal {
	return &Journal{dir: dir, service: service, command: command, held: make(map[string]*file), finished: make(map[string][]Entry)}
}

// EarlierError says that an earlier call for the same image stands in the way: it is
// unfinished, or ended a moment ago.
type EarlierError struct{ Entry Entry }

func (e *EarlierError) Error() string {
	return fmt.Sprintf("nothing was sent because of an earlier %s of %q in %s (entry %s)",
		e.Entry.Call.Op, cmp.Or(e.Entry.Name(), e.Entry.Target()), e.Entry.Call.Region, e.Entry.ID)
}

// Intend records that a call is about to be made, and returns the id of its entry.
// Unless the error is nil, the call must not be made. It is an [*EarlierError] if
// the journal has a call for the same image that is unfinished, or that is finished
// and makes this one needless. A nil function means that none does.
func (j *Journal) Intend(call *wrapper.OutcomeUnknownError, isNeedlessAfter func(Entry) bool) (id string, err error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	done, err := j.turn()
	if err != nil {
		return "", err
	}
	defer done()
	entries, err := j.read()
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if entry.Service != j.service || !entry.IsAbout(call) {
			continue
		}
		if isOpen(entry) || isNeedlessAfter != nil && isNeedlessAfter(entry) {
			return "", &EarlierError{entry}
		}
	}
	if j.own == nil {
		if err := j.create(); err != nil {
			return "", fmt.Errorf("journal: %w", err)
		}
	}
	if err := j.own.append(record{Entry: j.own.entries + 1, Call: call}); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	j.own.entries++
	return j.own.name + "-" + strconv.Itoa(j.own.entries), nil
}

// turn waits until nobody else, in this process or another, looks at the journal to
// decide what to do: two that look and then write would not see each other.
func (j *Journal) turn() (done func(), err error) {
	j.mu.Lock()
	lock, err := lockFile(filepath.Join(j.dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) { // there is no journal yet
		return j.mu.Unlock, nil
	}
	if err != nil {
		j.mu.Unlock()
		return nil, fmt.Errorf("journal: %w", err)
	}
	return func() { lock.Close(); j.mu.Unlock() }, nil
}

// create creates the own file, and removes old ones.
func (j *Journal) create() error {
	j.prune()
	name := fmt.Sprintf("%s-%07d", time.Now().UTC().Format("20060102-150405.000000"), os.Getpid())
	f, err := createFile(j.path(name), name)
	if err != nil {
		return err
	}
	if err := f.append(record{Service: j.service, Command: j.command}); err != nil {
		f.close()
		os.Remove(j.path(name)) //nolint:errcheck // nothing is in it
		return err
	}
	j.own, j.held[name] = f, f
	return nil
}

// prune removes the oldest files that no process needs. One that cannot be
// removed is tried again next time.
func (j *Journal) prune() {
	names, err := j.names()
	if err != nil || len(names) <= maxFinished {
		return
	}
	for _, name := range names[:len(names)-maxFinished] {
		if j.held[name] != nil {
			continue
		}
		f, err := takeFile(j.path(name), name)
		if err != nil {
			continue
		}
		entries, err := f.read()
		f.close()
		if err == nil && !slices.ContainsFunc(entries, isNeeded) {
			os.Remove(j.path(name)) //nolint:errcheck // see above
		}
	}
}

// Accepted records the job of a call that was accepted.
func (j *Journal) Accepted(id string, job wrapper.JobRef) error {
	return j.record(id, record{Job: &job})
}

// Unknown records what is known of a call after it was made.
func (j *Journal) Unknown(id string, call *wrapper.OutcomeUnknownError) error {
	return j.record(id, record{Call: call})
}

// End records that a call needs no more attention, why, and the id of its image, if
// it has one.
func (j *Journal) End(id, why, image string) error {
	return j.record(id, record{End: why, Image: image})
}

func (j *Journal) record(id string, r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	name, number := split(id)
	f := j.held[name]
	if f == nil {
		return fmt.Errorf("journal: no entry %q that this process may change", id)
	}
	return f.note(number, r)
}

// split returns the file of an entry, and its number there; 0 if it is none.
func split(id string) (file string, number int) {
	at := max(strings.LastIndexByte(id, '-'), 0)
	number, err := strconv.Atoi(strings.TrimPrefix(id[at:], "-"))
	if err != nil {
		return id, 0
	}
	return id[:at], number
}

func (j *Journal) holds(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	name, _ := split(id)
	return j.held[name] != nil
}

// Listed records the name by which the list has shown the image of a call. The call
// may be finished, and another process's; if that one still runs, nothing is recorded.
func (j *Journal) Listed(id, name string) error {
	line := record{Listed: name}
	if j.holds(id) {
		return j.record(id, line)
	}
	done, err := j.turn()
	if err != nil {
		return err
	}
	defer done()
	in, number := split(id)
	f, err := takeFile(j.path(in), in)
	if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer f.close()
	if _, err := f.read(); err != nil {
		return err
	}
	delete(j.finished, in)
	return f.note(number, line)
}

// Entries returns the calls that the journal has, the oldest first. If files cannot
// be read, the error names the first, and the entries are those of the others. A
// directory that may only be read is read without the lock.
func (j *Journal) Entries() ([]Entry, error) {
	done, err := j.turn()
	if err != nil {
		j.mu.Lock()
		done = j.mu.Unlock
	}
	defer done()
	return j.read()
}

// Unfinished returns the calls that this process made or took over, and that are
// unfinished.
func (j *Journal) Unfinished() ([]Entry, error) {
	entries, err := j.Entries()
	return slices.DeleteFunc(entries, func(e Entry) bool { return !isOpen(e) || !j.holds(e.ID) }), err
}

// TakeOver returns the unfinished calls that are wanted and that no living process is
// at work on, for this process to continue: until [Journal.Close], others see them, and
// what else is unfinished in their files, as its own. The calls are those to the
// journal's service, or to any if it has none.
func (j *Journal) TakeOver(isWanted func(Entry) bool) ([]Entry, error) {
	isLeft := func(e Entry) bool { return isOpen(e) && (j.service == "" || e.Service == j.service) && isWanted(e) }
	done, err := j.turn()
	if err != nil {
		return nil, err
	}
	defer done()
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var left []Entry
	for _, name := range names {
		if _, known := j.finished[name]; known {
			continue
		}
		f, isHeld := j.held[name]
		var err error
		if !isHeld {
			f, err = takeFile(j.path(name), name)
		}
		if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		entries, err := f.read()
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return !isLeft(e) })
		switch {
		case isHeld:
		case len(entries) > 0:
			j.held[name] = f
		default:
			f.close()
		}
		if err != nil {
			return nil, err
		}
		left = append(left, entries...)
	}
	return left, nil
}

// Close lets other processes continue what is unfinished.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.held {
		f.close()
	}
	j.own, j.held = nil, make(map[string]*file)
}

func (j *Journal) path(name string) string { return filepath.Join(j.dir, name+suffix) }

// names returns the names of the files, the oldest first.
func (j *Journal) names() ([]string, error) {
	files, err := os.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var names []string
	for _, f := range files {
		if name, found := strings.CutSuffix(f.Name(), suffix); found {
			names = append(names, name)
		}
	}
	return names, nil
}

// read reads all files.
func (j *Journal) read() ([]Entry, error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var all []Entry
	var firstErr error
	for _, name := range names {
		if entries, known := j.finished[name]; known {
			all = append(all, entries...)
			continue
		}
		content, err := os.ReadFile(j.path(name))
		if errors.Is(err, fs.ErrNotExist) { // another process removed it
			continue
		}
		if err != nil {
			firstErr = cmp.Or(firstErr, fmt.Errorf("journal: %w", err))
			continue
		}
		entries, err := parse(name, content)
		if err != nil {
			firstErr = cmp.Or(firstErr, fmt.Errorf("journal: %s, %w", j.path(name), err))
			continue
		}
		switch {
		case j.held[name] != nil:
		case isLocked(j.path(name)):
			for i := range entries {
				entries[i].Live = true
			}
		case !slices.ContainsFunc(entries, isOpen):
			j.finished[name] = entries
		}
		all = append(all, entries...)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	return all, firstErr
}
