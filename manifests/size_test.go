package manifests

import (
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0B": 0, "1B": 1, "1KiB": 1 << 10, "32MiB": 32 << 20, "3GiB": 3 << 30, "1025B": 1025} {
		s, f := parseSize(text)
		if f != nil || s != want {
			t.Errorf("%q reads as %d, %v, want %d", text, uint64(s), f, uint64(want))
		}
		if s.String() != text {
			t.Errorf("%d prints %q, want %q", uint64(s), s, text)
		}
	}
	for _, text := range []string{"", "1", "MiB", "-1B", "+1B", "01B", "1_0B", "1 MiB", "1.5MiB", "1MB", "1mib", "1TiB", "17179869184GiB", "0x1B", "1MiB "} {
		if s, f := parseSize(text); f == nil {
			t.Errorf("%q reads as %v, want an error", text, s)
		}
	}
}

func TestRates(t *testing.T) {
	for text, want := range map[string]Rate{
		"100/60s": {100, time.Minute}, "1/1s": {1, time.Second}, "5/1h": {5, time.Hour}, "5/1h30m": {5, 90 * time.Minute},
		"1000000/24h": {1_000_000, 24 * time.Hour}, "2/1.5s": {2, 1500 * time.Millisecond},
	} {
		r, f := parseRate(text)
		if f != nil || r != want {
			t.Errorf("%q reads as %+v, %v, want %+v", text, r, f, want)
		}
		if r.String() != text {
			t.Errorf("%+v prints %q, want %q", want, r, text)
		}
	}
	if got := (Rate{}).String(); got != "unlimited" {
		t.Errorf("the zero Rate prints %q", got)
	}
	for _, text := range []string{"", "/", "100", "100/", "/60s", "0/60s", "-1/60s", "1000001/60s", "1/999ms", "1/24h1s", "1/60", "1/60s/1", " 1/60s", "unlimited"} {
		if r, f := parseRate(text); f == nil {
			t.Errorf("%q reads as %v, want an error", text, r)
		}
	}
}

func TestConstraints(t *testing.T) {
	tests := []struct {
		constraint, version string
		want                bool
	}{
		{"^1", "1.9.0", true},
		{"^1", "2.0.0", false},
		{"^1", "1.9.0-rc.1", false},
		{"1.x", "1.4.0", true},
		{">=1.2, <2", "1.1.9", false},
		{"=1.0.0-rc.1", "1.0.0-rc.1", true},
	}
	for _, test := range tests {
		v, f := parseVersion(test.version)
		if f != nil {
			t.Fatal(f)
		}
		if got := constraint(t, test.constraint).Match(v); got != test.want {
			t.Errorf("%q matches %s = %t, want %t", test.constraint, test.version, got, test.want)
		}
	}
	v, _ := parseVersion("1.0.0")
	if (Constraint{}).Match(v) || constraint(t, "^1").Match(nil) {
		t.Error("the zero Constraint, or no version, matches")
	}
	for _, text := range []string{"", " ", "*", "x", "^x", "^1 || *", "^1\n", "newest", "^1; rm", "1.2.3.4"} {
		if c, err := ParseConstraint(text); err == nil {
			t.Errorf("ParseConstraint(%q) = %v, want an error", text, c)
		}
	}
}
