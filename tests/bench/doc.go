// Package bench measures waiting: the number of requests per job and the delay
// until its end is noticed, in comparison with the policies of other clients.
// Its README describes the measurements and has the figures.
package bench
