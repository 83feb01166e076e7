// Package sleep waits.
package sleep

import (
	"context"
	"time"
)

// For returns after d, or false as soon as ctx has ended.
func For(ctx context.Context, d time.Duration) bool {
	over, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-over.Done()
	return ctx.Err() == nil
}
