package extract_test

import (
	"strings"
	"testing"
	"time"
)

// TestTimeGrowsWithTheSizeAndNoFaster reads what makes patterns and parsers slow: what is eight times as long may take little more than eight
// times the time. Small times are noise, and so is what a busy machine takes once.
func TestTimeGrowsWithTheSizeAndNoFaster(t *testing.T) {
	const small, factor, noise = 128 << 10, 8, 300 * time.Millisecond
	for _, piece := range []string{
		`"`, `'`, `<`, `<a href="`, `<a href=x `, `<!--`, `<!--[if mso]>`, `(`, `[`, `[.]`, `www.`, `http://`, `http://a.com/?http://`, `a@`, `@a.com`, `1.`, `::`, `=?`, `=?utf-8?q?a?= `,
		`%25`, `&`, `&amp;`, `url(`, `<style>@import "`, `<script>atob("`, `aHR0c`, "begin 644 a\n", "--b\n", "<b>", "http://a.com/", `(dot) `, `\n`, "ff", "x,", "begin ",
	} {
		for _, head := range []string{"Content-Type: text/html\n\n", "Content-Type: text/plain\n\n", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n", "Subject: "} {
			took := func(size int) time.Duration {
				source := head + strings.Repeat(piece, size/len(piece))
				started := time.Now()
				read(t, source)
				return time.Since(started)
			}
			short, long := took(small), took(factor*small)
			isSlow := func() bool { return long > noise && long > 3*factor*short }
			for tries := 0; isSlow() && tries < 3; tries++ { // a machine that does other things is slow now and then
				short, long = min(short, took(small)), min(long, took(factor*small))
			}
			if isSlow() {
				t.Errorf("%q behind %q: %v for %d KiB, %v for %d KiB", piece, head, short, small>>10, long, factor*small>>10)
			}
		}
	}
}
