package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// file is a file that this process has locked.
type file struct {
	*os.File
	name    string
	size    int64 // up to the end of the last whole line
	entries int   // so far
}

var errLocked = errors.New("another process has locked it")

// createFile creates a file that survives a crash of the machine.
func createFile(path, name string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return nil, err
	}
	return &file{File: f, name: name}, syncDir(filepath.Dir(path))
}

// takeFile locks a file, or returns errLocked.
func takeFile(path, name string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return nil, err
	}
	return &file{File: f, name: name}, nil
}

// read reads a file from its start.
func (f *file) read() ([]Entry, error) {
	content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	f.size = int64(bytes.LastIndexByte(content, '\n') + 1)
	entries, err := parse(f.name, content)
	if err != nil {
		return nil, fmt.Errorf("journal: %s, %w", f.Name(), err)
	}
	f.entries = len(entries)
	return entries, nil
}

// append adds a line after the last whole one. After an error the file is as it
// was, or the next line replaces what was left.
func (f *file) append(r record) error {
	r.Time = time.Now().UTC().Truncate(time.Millisecond)
	var line bytes.Buffer
	encoder := json.NewEncoder(&line) // which ends it with a line break
	encoder.SetEscapeHTML(false)      // the text forms have many &
	if err := encoder.Encode(r); err != nil {
		return err
	}
	if err := f.Truncate(f.size); err != nil { // of a line that was not finished
		return err
	}
	_, err := f.WriteAt(line.Bytes(), f.size)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Truncate(f.size) //nolint:errcheck // the first error says more, and the next line tries again
		return err
	}
	f.size += int64(line.Len())
	return nil
}

// note adds a line about an entry.
func (f *file) note(number int, r record) error {
	if number < 1 || number > f.entries {
		return fmt.Errorf("journal: %s has no entry %d", f.Name(), number)
	}
	r.Entry = number
	if err := f.append(r); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (f *file) close() { f.Close() } // and unlock
