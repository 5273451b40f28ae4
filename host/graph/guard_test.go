package graph

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// pieces reads a text in pieces of a length; the last comes with its end or before it.
type pieces struct {
	text  string
	size  int
	eager bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b, p.text[:min(p.size, len(p.text))])
	if p.text = p.text[n:]; p.text == "" && p.eager {
		return n, io.EOF
	}
	return n, nil
}

// FuzzGuardFindsTheToken holds the guard against a search of the whole text: wherever reads part it, an answer is read to
// its end if and only if the token is not in it.
func FuzzGuardFindsTheToken(f *testing.F) {
	token := strings.Repeat("eyJ0.", 7) + "sig-" + strings.Repeat("ab", 10)
	for _, text := range []string{"", token, "x" + token + "x", token[1:] + token[1:], token[:len(token)-1] + token, strings.Repeat("ab", 40), "x" + token[:20]} {
		for _, size := range []uint8{1, 7, 16, 40, 255} {
			f.Add(text, token, size, size%2 == 0)
		}
	}
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", strings.Repeat("a", 20), uint8(3), true)
	f.Fuzz(func(t *testing.T, text, token string, size uint8, eager bool) {
		got, err := io.ReadAll(newGuard(&pieces{text, max(1, int(size)), eager}, token))
		if echo := len(token) >= leastToken && strings.Contains(text, token); echo != errors.Is(err, errEcho) {
			t.Fatalf("echo %v, error %v", echo, err)
		}
		if err == nil && !bytes.Equal(got, []byte(text)) {
			t.Fatalf("read %q of %q", got, text)
		}
	})
}

func FuzzUsualValuesMeetNoObjection(f *testing.F) {
	for _, value := range []string{"", ".", "..", "delta", "Delta", "a.b", "microsoft.graph.x", "soc@contoso.example", "..@", "AAMkAD=", "$value", "a/b", "a+", "é"} {
		f.Add("user", value)
		f.Add("message", value)
	}
	f.Fuzz(func(t *testing.T, parameter, value string) {
		if problem := objection(parameter, value); isUsual(value) && problem != "" {
			t.Errorf("%q is taken for a usual value and %s", value, problem)
		}
	})
}
