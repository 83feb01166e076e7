// Package queue has a priority queue whose items know their place, so that any of
// them can be taken out.
package queue

// Queue holds items in the order of their ranks. Make it with [New].
type Queue[T any] struct {
	heap  []ranked[T] // none is before its parent, which has up to fanOut children
	rank  func(T) int64
	moved func(item T, index int)
}

const fanOut = 4 // half the levels of 2

// ranked is an item beside its rank: to look into a million items takes far longer than
// to compare their ranks.
type ranked[T any] struct {
	rank int64
	item T
}

// New returns an empty queue. An item with a lower rank, when it is added, is before
// others. The queue calls moved with each item that comes to another index.
func New[T any](rank func(T) int64, moved func(item T, index int)) Queue[T] {
	return Queue[T]{rank: rank, moved: moved}
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return len(q.heap) }

// First returns the item that is before all others. The queue must have one.
func (q *Queue[T]) First() T { return q.heap[0].item }

// Add adds an item.
func (q *Queue[T]) Add(item T) {
	q.heap = append(q.heap, ranked[T]{})
	q.fill(len(q.heap)-1, ranked[T]{q.rank(item), item})
}

// Remove removes the item at an index, which is 0 for the first, and returns it.
func (q *Queue[T]) Remove(index int) T {
	item, end := q.heap[index].item, len(q.heap)-1
	last := q.heap[end]
	clear(q.heap[end:]) // let it be collected
	if q.heap = q.heap[:end]; index < end {
		q.fill(index, last)
	}
	return item
}

// fill fills a free place: with an item or with those that must move for it.
func (q *Queue[T]) fill(free int, r ranked[T]) {
	for free > 0 && r.rank < q.heap[(free-1)/fanOut].rank {
		free = q.move((free-1)/fanOut, free)
	}
	for {
		child := q.firstChild(free)
		if child >= len(q.heap) || r.rank <= q.heap[child].rank {
			break
		}
		free = q.move(child, free)
	}
	q.put(free, r)
}

// firstChild returns the child that is before its siblings, or one beyond the end.
func (q *Queue[T]) firstChild(parent int) int {
	oldest := fanOut*parent + 1
	first := oldest
	for child := oldest + 1; child < min(oldest+fanOut, len(q.heap)); child++ {
		if q.heap[child].rank < q.heap[first].rank {
			first = child
		}
	}
	return first
}

// move moves an item to a free place, and returns its own.
func (q *Queue[T]) move(from, free int) int {
	q.put(free, q.heap[from])
	return from
}

func (q *Queue[T]) put(index int, r ranked[T]) {
	q.heap[index] = r
	q.moved(r.item, index)
}
