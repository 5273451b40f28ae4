//go:build race

package storetest

// many is how many records a store is tried with: SQLite in Go takes fifteen times as long under the race detector.
const many = 11_000
