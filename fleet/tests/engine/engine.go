// Package engine runs a Temporal server in this process, for tests and for the
// demo: all of its services on loopback, and all of its state in one SQLite
// database. A server that is stopped or killed goes on from that database, in
// this process or another.
package engine

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
	namespace   = "default" // the one that Temporal's clients use by default
	shards      = 4         // fixed when the database is created
	unlimited   = 1_000_000 // a second: SQLite is the limit
)

// Options say where a server keeps its state and where it listens.
type Options struct {
	File    string // database; created if missing, and SQLite's FILE-wal and FILE-shm beside it
	Port    int    // for clients; 0: a free one
	UIPort  int    // for browsers; 0: no web UI
	LogFile string // for errors; empty: only what ends the process is said, on stderr
}

// Server is a running server.
type Server struct {
	Address string // host:port for clients
	UI      string // URL of the web UI, empty without one

	server temporal.Server
	stopUI func()
}

// Start starts a server with the namespace "default". It returns when clients can
// connect, and an error if a port is taken. A file belongs to one server at a time.
func Start(options Options) (*Server, error) {
	if options.File == "" {
		return nil, errors.New("engine: no database file")
	}
	if options.Port == 0 {
		options.Port = freeport.MustGetFreePort()
	}
	// Temporal itself ends the process if a port is taken.
	if err := errors.Join(tryListen(options.Port), tryListen(options.UIPort)); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	database := &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: options.File,
		ConnectAttributes: map[string]string{
			"mode":  "rwc",
			"setup": "true", // create the tables unless they exist
			// What is committed survives the process, though not the machine.
			"journal_mode": "wal",
			"synchronous":  "off",
		},
	}
	if err := createNamespace(database); err != nil {
		return nil, fmt.Errorf("engine: database %s: %w", options.File, err)
	}

	services, hosts := services(options.Port)
	s := &Server{Address: address(options.Port), stopUI: func() {}}
	var err error
	s.server, err = temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithConfig(&config.Config{
			Persistence: config.Persistence{
				DefaultStore:     sqliteplugin.PluginName,
				VisibilityStore:  sqliteplugin.PluginName,
				NumHistoryShards: shards,
				DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: database}},
			},
			ClusterMetadata: &cluster.Config{
				FailoverVersionIncrement: 10,
				MasterClusterName:        clusterName,
				CurrentClusterName:       clusterName,
				ClusterInformation: map[string]cluster.ClusterInformation{
					clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: s.Address},
				},
			},
			Services:     services,
			PublicClient: config.PublicClient{HostPort: s.Address},
		}),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(settings),
		temporal.WithLogger(logger(options.LogFile)),
	)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := s.server.Start(); err != nil {
		return nil, fmt.Errorf("engine: %w", errors.Join(err, s.server.Stop()))
	}
	if options.UIPort != 0 {
		s.UI, s.stopUI = startUI(options.UIPort, s.Address)
	}
	return s, nil
}

// Stop ends the server. Workflows go on when it is started again.
func (s *Server) Stop() error {
	s.stopUI()
	return s.server.Stop()
}

// settings suit one server with a local database and two cores.
var settings = dynamicconfig.StaticClient{
	// It asks a server on the internet.
	dynamicconfig.EnableServerVersionCheck.Key(): false,

	dynamicconfig.FrontendRPS.Key():                                         unlimited,
	dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():                  unlimited,
	dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():        unlimited,
	dynamicconfig.FrontendPersistenceMaxQPS.Key():                           unlimited,
	dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(): unlimited,
	dynamicconfig.HistoryRPS.Key():                                          unlimited,
	dynamicconfig.HistoryPersistenceMaxQPS.Key():                            unlimited,
	dynamicconfig.MatchingRPS.Key():                                         unlimited,
	dynamicconfig.MatchingPersistenceMaxQPS.Key():                           unlimited,

	// One partition finds a waiting worker at once; more are for many servers.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

	// A new search attribute is known within this time.
	dynamicconfig.NamespaceCacheRefreshInterval.Key(): "1s",
}

// logger leaves errors to a file: a worker that is killed causes many.
func logger(file string) log.Logger {
	level := "error"
	if file == "" {
		level = "fatal"
	}
	return log.NewZapLogger(log.BuildZapLogger(log.Config{Level: level, Format: "console", OutputFile: file}))
}

// createNamespace creates the tables and the namespace unless they exist.
func createNamespace(database *config.SQL) error {
	n, err := sqlite.NewNamespaceConfig(clusterName, namespace, false, nil)
	if err != nil {
		return err
	}
	return sqlite.CreateNamespaces(database, n)
}

// services gives each service a port, and names it to the others.
func services(frontendPort int) (map[string]config.Service, map[primitives.ServiceName]static.Hosts) {
	services := make(map[string]config.Service)
	hosts := make(map[primitives.ServiceName]static.Hosts)
	for _, name := range temporal.DefaultServices {
		port := frontendPort
		if name != string(primitives.FrontendService) {
			port = freeport.MustGetFreePort()
		}
		services[name] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(address(port))
	}
	return services, hosts
}

func tryListen(port int) error {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return err
	}
	return listener.Close()
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
