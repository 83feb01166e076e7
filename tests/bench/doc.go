// Package bench measures what calls and waits cost, in comparison with other
// clients. Its README describes the measurements and has the figures.
package bench
