package wrapper

import (
	"context"
	"maps"
	"sync"
	"time"
)

// imageName is what two images should not share.
type imageName struct{ region, name string }

// turns lets one call at a time ensure an image of a name. The zero value is
// ready to use.
type turns struct {
	mu    sync.Mutex
	names map[imageName]*turn
}

// turn is the right to ensure a name, and what is remembered of it.
type turn struct {
	busy  chan struct{}
	users int // calls that have the turn or wait for it

	// For the call whose turn it is: what was started, or maybe was, and was not
	// listed yet. It is kept until the service says what became of it, however
	// long the client lives: images are few, and cost more than memory.
	started *JobHandle
	lost    *OutcomeUnknownError
	until   time.Time // by then, an image whose job has ended must be listed
}

// take waits for the turn of a name, or for the end of ctx.
func (t *turns) take(ctx context.Context, name imageName) (*turn, error) {
	mine := t.join(name)
	select {
	case mine.busy <- struct{}{}:
		return mine, nil
	case <-ctx.Done():
		t.leave(mine)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) giveBack(mine *turn) {
	<-mine.busy
	t.leave(mine)
}

func (t *turns) join(name imageName) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.names, func(_ imageName, other *turn) bool {
		return other.users == 0 && other.started == nil && other.lost == nil
	})
	if t.names == nil {
		t.names = make(map[imageName]*turn)
	}
	if t.names[name] == nil {
		t.names[name] = &turn{busy: make(chan struct{}, 1)}
	}
	t.names[name].users++
	return t.names[name]
}

func (t *turns) leave(mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.users--
}

func (t *turn) remember(started *JobHandle, lost *OutcomeUnknownError) {
	t.started, t.lost, t.until = started, lost, time.Time{}
}

func (t *turn) forget() { t.remember(nil, nil) }
