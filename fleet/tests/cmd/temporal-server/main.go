// Command temporal-server runs a Temporal server on loopback until it is
// interrupted. Started again with the same file, it goes on where it ended, even
// if it was killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cimg-go/cimg/fleet/tests/engine"
)

func main() {
	var options engine.Options
	flag.StringVar(&options.File, "file", "temporal.db", "database `file`; created if missing")
	flag.IntVar(&options.Port, "port", 7233, "`port` for clients; 0: a free one")
	flag.IntVar(&options.UIPort, "ui-port", 0, "`port` of the web UI; 0: none")
	flag.StringVar(&options.LogFile, "log", "", "`file` for errors; empty: none is written")
	flag.Parse()
	if err := run(options); err != nil {
		fmt.Fprintln(os.Stderr, "temporal-server:", err)
		os.Exit(1)
	}
}

func run(options engine.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := engine.Start(options)
	if err != nil {
		return err
	}
	ready := "listening on " + server.Address
	if server.UI != "" {
		ready += ", web UI on " + server.UI
	}
	fmt.Println(ready)
	<-ctx.Done()
	stop() // a second signal ends it at once
	return server.Stop()
}
