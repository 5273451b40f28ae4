package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

func TestNotificationsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string // subscription, clientState, and whether it is about the subscription
	}{
		"of a change": {`{"value":[{"subscriptionId":"a","clientState":"s","changeType":"created","resourceData":{"id":"x"}}]}`, []string{"a s false"}},
		"of several subscriptions": {
			`{"value":[{"subscriptionId":"a","clientState":"s"},{"subscriptionId":"b","clientState":"t"}],"validationTokens":[]}`,
			[]string{"a s false", "b t false"},
		},
		"a removed subscription":   {`{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"subscriptionRemoved"}]}`, []string{"a s true"}},
		"a token that gets old":    {`{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"reauthorizationRequired"}]}`, []string{"a s true"}},
		"missed ones":              {`{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"missed"}]}`, []string{"a s false"}},
		"an event of a later time": {`{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"tired"}]}`, []string{"a s false"}},
		"without a state":          {`{"value":[{"subscriptionId":"a","clientState":null}]}`, []string{"a  false"}},
		"of nobody":                {`{"value":[{},1,null,"x",[]]}`, slices.Repeat([]string{"  false"}, 5)},
		"of nothing":               {`{"value":[]}`, []string{}},
	} {
		notices, err := parse(new(fastjson.Parser), []byte(test.body))
		got := []string{}
		for _, n := range notices {
			got = append(got, fmt.Sprintf("%s %s %v", n.subscription, n.clientState, n.lifecycle))
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWhatIsNoNotificationIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                ``,
		"no JSON":                `value`,
		"a list":                 `[{"subscriptionId":"a","clientState":"s"}]`,
		"no list":                `{"value":{"subscriptionId":"a","clientState":"s"}}`,
		"the same key twice":     `{"value":[{"subscriptionId":"a","subscriptionId":"b","clientState":"s"}]}`,
		"two documents":          `{"value":[]}{"value":[]}`,
		"a deep one":             `{"value":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`,
		"one too many":           `{"value":[0` + strings.Repeat(",0", maxNotices) + `]}`,
		"more than it may be":    `{"value":[],"x":"` + strings.Repeat("x", maxBody) + `"}`,
		"bytes that are no text": "{\"value\":[],\"x\":\"\xff\"}",
	} {
		if notices, err := parse(new(fastjson.Parser), []byte(body)); err == nil || notices != nil {
			t.Errorf("%s: %d notices, %v", name, len(notices), err)
		}
	}
	if _, err := parse(new(fastjson.Parser), []byte(`{"value":[0`+strings.Repeat(",0", maxNotices-1)+`]}`)); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"value":[{"subscriptionId":"a","clientState":"s","lifecycleEvent":"missed"}]}`))
	f.Add([]byte(`{"value":[{},1,null,"x",[]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		notices, err := parse(new(fastjson.Parser), body)
		if err != nil && notices != nil || len(notices) > maxNotices {
			t.Errorf("%d notices, %v", len(notices), err)
		}
		for _, n := range notices {
			if len(n.subscription)+len(n.clientState) > len(body) {
				t.Error("more was read than there was")
			}
		}
	})
}
