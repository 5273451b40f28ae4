package manifests

import (
	"fmt"
	"strings"
	"time"
)

// Rate bounds how often something may happen: at most Count times in any window of Per. The zero Rate is no bound. As
// text it is "100/60s"; Count is from 1 to [MaxRateCount], Per from [MinRatePer] to [MaxRatePer].
type Rate struct {
	Count int
	Per   time.Duration
}

// Unlimited is the text of the zero Rate.
const Unlimited = "unlimited"

// String writes "100/60s", and [Unlimited] for the zero Rate.
func (r Rate) String() string {
	if r == (Rate{}) {
		return Unlimited
	}
	return fmt.Sprintf("%d/%s", r.Count, formatDuration(r.Per))
}

// parseRate reads "100/60s". It does not read "unlimited": leave the key out instead.
func parseRate(text string) (Rate, *flaw) {
	const example = `write a number of requests and a time, for example "100/60s"`
	count, per, ok := strings.Cut(text, "/")
	n, whole := parseWhole(count)
	if !ok || !whole || n < 1 || n > MaxRateCount {
		return Rate{}, flawf(example, "%q is not a rate of 1 to %d in a time", shorten(text), MaxRateCount)
	}
	window, f := durationWithin(MinRatePer, MaxRatePer)(per)
	if f != nil {
		return Rate{}, flawf(example, "%s", f.problem)
	}
	return Rate{int(n), window}, nil
}

// durationWithin parses a duration as Go writes it ("90s", "1m30s") and checks its bounds.
func durationWithin(low, high time.Duration) func(string) (time.Duration, *flaw) {
	return func(text string) (time.Duration, *flaw) {
		example := fmt.Sprintf(`write a time from "%s" to "%s"`, formatDuration(low), formatDuration(high))
		const longest = 32 // bytes; enough for every unit once
		if len(text) > longest {
			return 0, flawf(example, "%q is not a time", shorten(text))
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, flawf(example, "%q is not a time", text)
		}
		if d < low || d > high {
			return 0, flawf(example, "%q is out of bounds", text)
		}
		return d, nil
	}
}

// formatDuration writes "60s" where time.Duration writes "1m0s".
func formatDuration(d time.Duration) string {
	if d%time.Second == 0 && d < time.Hour {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
