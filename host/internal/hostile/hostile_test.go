package hostile_test

import (
	"testing"
	"unicode/utf8"

	"github.com/postern-dev/postern/host/internal/hostile"
)

func TestValuesAreManyAndTellApart(t *testing.T) {
	values := hostile.Values()
	if len(values) < 200 {
		t.Errorf("the corpus holds %d values only", len(values))
	}
	texts, whys := make(map[string]string), make(map[string]bool)
	for _, v := range values {
		if !utf8.ValidString(v.Text) {
			t.Errorf("%s: %q is not UTF-8", v.Why, v.Text)
		}
		if other, twice := texts[v.Text]; twice {
			t.Errorf("%s and %s are the same value", v.Why, other)
		}
		if whys[v.Why] {
			t.Errorf("two values are called %q", v.Why)
		}
		texts[v.Text], whys[v.Why] = v.Why, true
	}
}
