package jetstream

import "testing"

func FuzzFrame(f *testing.F) {
	p := packer{part: 100}
	p.add(recordHead{Key: "k", Blobs: []string{"sha256:00"}}, []byte(`{"a":1}`))
	for _, part := range p.parts {
		f.Add(part)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, content, rest, ok, err := frame(b)
			if !ok || err != nil {
				return
			}
			if len(content)+len(rest) >= len(b) {
				t.Fatal("a record is longer than what it was read from")
			}
			b = rest
		}
	})
}
