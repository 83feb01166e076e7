// Package queue has a priority queue whose items know their place, so that any of
// them can be taken out.
package queue

import "container/heap"

// Queue holds items in the order of a function. Make it with [New].
type Queue[T any] struct{ items items[T] }

// New returns an empty queue. It calls moved with each item that comes to another
// index; before is the order.
func New[T any](before func(a, b T) bool, moved func(item T, index int)) Queue[T] {
	return Queue[T]{items[T]{before: before, moved: moved}}
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return len(q.items.list) }

// First returns the item that is before all others. The queue must have one.
func (q *Queue[T]) First() T { return q.items.list[0] }

// Add adds an item.
func (q *Queue[T]) Add(item T) { heap.Push(&q.items, item) }

// Remove removes the item at an index, which is 0 for the first, and returns it.
func (q *Queue[T]) Remove(index int) T { return heap.Remove(&q.items, index).(T) }

type items[T any] struct {
	list   []T
	before func(a, b T) bool
	moved  func(T, int)
}

func (s items[T]) Len() int           { return len(s.list) }
func (s items[T]) Less(a, b int) bool { return s.before(s.list[a], s.list[b]) }

func (s items[T]) Swap(a, b int) {
	s.list[a], s.list[b] = s.list[b], s.list[a]
	s.moved(s.list[a], a)
	s.moved(s.list[b], b)
}

func (s *items[T]) Push(item any) {
	s.moved(item.(T), len(s.list))
	s.list = append(s.list, item.(T))
}

func (s *items[T]) Pop() any {
	last := len(s.list) - 1
	item := s.list[last]
	clear(s.list[last:]) // let it be collected
	s.list = s.list[:last]
	return item
}
