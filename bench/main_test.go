package main

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const output = `goos: linux
pkg: example
BenchmarkOwn/path=in-sandbox-2   100   3000 ns/op   512 B/op
BenchmarkOwn/path=in-sandbox-2   100   1000 ns/op   512 B/op
BenchmarkOwn/path=in-sandbox-2   100   2000 ns/op   512 B/op
BenchmarkOwn/path=native-2    100   1000 ns/op   256 B/op
PASS
`

func TestClaimsAreJudgedByMedianAndRatio(t *testing.T) {
	samples, err := read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	own := claim{
		Name: "own", Benchmark: "Own/path=in-sandbox", Unit: "sec/op",
		Peer: "Own/path=native", PeerName: "native", Reach: 1.5,
	}
	rows, err := judge([]claim{own}, samples)
	if err != nil {
		t.Fatal(err)
	}
	peer, peerValue, ratio, reach, holds, spread := "native", 1e-6, 2.0, 1.5, false, 0.25
	want := []row{{
		Name: "own", Value: 2e-6, Unit: "sec/op", Spread: &spread,
		Peer: &peer, PeerValue: &peerValue, Ratio: &ratio, Reach: &reach, Holds: &holds,
	}}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) })
	if diff := cmp.Diff(want, rows, near); diff != "" {
		t.Error(diff)
	}
}

func TestOneSampleHasNoSpread(t *testing.T) {
	if value, spread := median([]float64{-3}); value != -3 || spread != nil || spreadText(spread) != "" {
		t.Errorf("one sample: %v %v", value, spread)
	}
	if _, spread := median([]float64{-4, -2}); spread == nil || spreadText(spread) != "±17%" {
		t.Errorf("the spread of a negative median is %v", spreadText(spread))
	}
}

func TestClaimWithoutSamplesIsAnError(t *testing.T) {
	if _, err := judge([]claim{{Name: "gone", Benchmark: "Gone", Unit: "sec/op"}}, nil); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("judge: %v", err)
	}
}
