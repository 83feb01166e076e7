// Package bench measures waiting: how many requests it takes to see a job end,
// and how late its end is seen, beside the policies that other clients use. Its
// README tells what is measured and shows the figures.
package bench
