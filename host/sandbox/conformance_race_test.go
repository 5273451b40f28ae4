//go:build race

package sandbox_test

// slowness is how much longer everything takes, and larger it is, under the race detector.
const slowness = 10
