//go:build !race

package storetest

// many is how many records a store is tried with.
const many = 50_000
