// Package peers has the benchmarks of the sandbox, each beside what others offer for the same: extism/go-sdk,
// and wazero's own way to end a guest. Both sides run the same guest, compiled by the same compiler, in the same
// process. The guests are in the folder guests.
package peers
