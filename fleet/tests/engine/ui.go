package engine

import (
	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves Temporal's web UI until stop is called.
func startUI(port int, frontend string) (url string, stop func()) {
	ui := server.NewServer(server_options.WithConfigProvider(&config.Config{
		TemporalGRPCAddress: frontend,
		Host:                loopback,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    namespace,
		HideLogs:            true,
		CORS:                config.CORS{CookieInsecure: true}, // there is no TLS on loopback
	}))
	go ui.Start() //nolint:errcheck // it ends the process itself on errors
	return "http://" + address(port), ui.Stop
}
