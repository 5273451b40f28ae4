package manifests

import (
	"slices"
	"time"
)

// Fleet is what several hosts share their triggers through: a stream of NATS JetStream. The zero value is none, and triggers are in a file of
// the state folder.
type Fleet struct {
	// Servers are the addresses of the NATS cluster, tls://… or for a server on this machine nats://…, at most [MaxServers]. TOML: servers,
	// required.
	Servers []string
	// Stream is the stream that has all of it. It is made if it is not there. TOML: stream, default [DefaultStream].
	Stream string
	// Replicas is on how many servers the stream is kept when it is made: 1, 3 or 5. TOML: replicas, default 1.
	Replicas int
	// Credentials says where the credentials file (a user's JWT and seed) is. TOML: credentials = { file = "…" }, or another [Source], default none.
	Credentials Source
	// CAFile holds one more root certificate (PEM) to trust for the servers. TOML: ca_file, default none.
	CAFile string
	// Lease is how long a trigger stands still when the host that runs it has died, from [MinLease] to [MaxLease]. TOML: lease = "30s", default
	// [DefaultLease].
	Lease time.Duration
}

// Bounds and defaults of a fleet.
const (
	MaxServers    = 16
	DefaultStream = "POSTERN"
	MinLease      = 3 * time.Second
	MaxLease      = 5 * time.Minute
	DefaultLease  = 30 * time.Second
)

// IsZero reports whether there is none.
func (f Fleet) IsZero() bool { return len(f.Servers) == 0 }

func readFleet(t *table) Fleet {
	f := Fleet{
		Stream:      parsed(t, "stream", DefaultStream, parseStream),
		Replicas:    int(t.integer("replicas", 1, 5, 1)),
		Credentials: readSource(t, "credentials"),
		CAFile:      parsed(t, "ca_file", "", parsePath),
		Lease:       parsed(t, "lease", DefaultLease, durationWithin(MinLease, MaxLease)),
	}
	if !slices.Contains([]int{1, 3, 5}, f.Replicas) {
		t.flaw("replicas", flawf("write 1, 3 or 5", "servers that agree are an odd number"))
	}
	var ok bool
	if f.Servers, ok = list(t, "servers", MaxServers, SinkNATS.parseURL); !t.has("servers") || ok && len(f.Servers) == 0 {
		t.missing("servers", `["tls://nats.example:4222"]`)
	}
	t.finish()
	return f
}
