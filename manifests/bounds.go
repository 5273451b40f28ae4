package manifests

import "time"

// Bounds of the files, in bytes.
const (
	MaxPluginFile = 256 << 10
	MaxConfigFile = 256 << 10
	MaxLockFile   = 1 << 20
)

// Bounds of the notation, checked before the TOML parser runs: its time grows with the square of a dotted key and its
// stack with the nesting.
const (
	// MaxLine is the longest line in bytes: room for a description of MaxDescription characters.
	MaxLine = 8 << 10
	// MaxKeyParts is the most names in a dotted key or table header; the formats need three.
	MaxKeyParts = 4
	// MaxKeyPart is the longest single name of a key in bytes.
	MaxKeyPart = 64
	// MaxNesting is the deepest nesting of arrays and inline tables in a value; the formats need two.
	MaxNesting = 4
	// MaxProblems is the most problems that are reported of one file.
	MaxProblems = 20
)

// Bounds of a plugin manifest.
const (
	MaxCapabilities         = 200 // of a plugin
	MaxActions              = 100 // of a plugin
	MaxParameters           = 100 // of an action
	MaxErrors               = 30  // of an action: there are fewer codes
	MaxAliases              = 10  // of a parameter
	MaxOutputs              = 200 // of an action
	MaxCapabilitiesOfAction = 50  // in either of its lists
	MaxRequests             = 50  // of a capability
	MaxStatedPermissions    = 20  // of a capability, for each scheme
	MaxChoices              = 100 // in a parameter's one_of, and in a default that is a list
	MaxID                   = 100 // bytes of a capability's or action's id
	MaxTitle                = 100 // characters
	MaxDescription          = 1000
	MaxOutput               = 200 // characters of an output's path
	MaxChoice               = 1000
	MaxParameterLength      = 16 << 20 // characters that max_length may allow
	DefaultTextLength       = 4096     // characters, max_length of string, email and each "array of string" element
	DefaultContentLength    = 4 << 20  // characters, max_length of html, byte and binary: base64 of a 3 MB attachment
	MaxTemplate             = 512      // bytes of a path template
	MaxTemplateSegments     = 16
	MaxNumber               = 1 << 53 // largest magnitude of a numeric bound or default: beyond it JSON loses integers
	maxName                 = 63      // bytes of a plugin, connection, grant or parameter name
	maxVersion              = 64      // bytes of a version
	maxConstraint           = 128     // bytes of a version constraint
)

// Bounds and the default of the time between two runs of a trigger. The default is what the Office 365 Groups Mail
// connector allows: one poll in 60 seconds.
const (
	MinInterval     = time.Second
	MaxInterval     = 24 * time.Hour
	DefaultInterval = 60 * time.Second
)

// Bounds and defaults of what one invocation may use.
const (
	MinMemory     Size = 1 << 20
	MaxMemory     Size = 256 << 20
	DefaultMemory Size = 32 << 20

	MinFuel     = 1_000_000
	MaxFuel     = 1_000_000_000_000
	DefaultFuel = 2_000_000_000

	MinTimeout     = time.Millisecond
	MaxTimeout     = 10 * time.Minute
	DefaultTimeout = 60 * time.Second

	MinExchanges     = 1
	MaxExchanges     = 10_000
	DefaultExchanges = 500
)

// Bounds of the operator's file and the lock.
const (
	MaxConnections = 200
	MaxGrants      = 500
	MaxGrantList   = 200  // names in a grant's connections, capabilities or actions
	MaxOnlyKeys    = 20   // constrained parameters of a grant
	MaxPatterns    = 1000 // patterns of one constraint
	MaxPattern     = 512  // bytes of a pattern
	MaxPath        = 1024 // bytes of a file or folder name
	MaxModules     = 2000 // approved modules in a lock
	maxNotified    = 512  // bytes of the address of notifications, which Graph is given with a path behind it

	MaxExternalRecipients = 500    // of one body: what Exchange Online takes for a message by default
	MaxSends              = 10_000 // in the time of a grant's sends

	MaxRateCount = 1_000_000
	MinRatePer   = time.Second
	MaxRatePer   = 24 * time.Hour
)
