package extract_test

import (
	"strings"
	"testing"
	"time"
)

// TestTimeGrowsWithTheSizeAndNoFaster reads what makes patterns and parsers slow: what is eight times as long may take little more than eight
// times the time. Small times are noise, and so is the first that is too long on a machine that has other work: the shortest of several counts.
func TestTimeGrowsWithTheSizeAndNoFaster(t *testing.T) {
	const small, factor, noise, tries = 64 << 10, 8, 300 * time.Millisecond, 5
	const html = "Content-Type: text/html\n\n"
	heads := []string{
		html, html + "<style>", html + "<script>", html + `<img srcset="`, "Content-Type: text/plain\n\n", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n",
		"Subject: ", "Content-Type: application/pdf\n\n%PDF-1.4\x00",
	}
	for _, piece := range []string{
		`"`, `'`, `<`, `<a href="`, `<a href=x `, `<!--`, `<!--[if mso]>`, `(`, `[`, `[.]`, `www.`, `http://`, `http://a.com/?http://`, `a@`, `@a.com`, `1.`, `::`, `=?`, `=?utf-8?q?a?= `,
		`=?utf-8?q?a?=3f `, `%25`, `&`, `&amp;`, `url(`, ` url('`, `<style>@import "`, `<script>atob("`, `aHR0c`, `eyJ`, `68747470`, "begin 644 a\n", "--b\n", "<b>",
		"http://a.com/", `(dot) `, `\n`, "ff", "x,", "begin ", ",http://a.com/", "a.com/?", "a.com?x ", "IP:", "a=", "http://-", "https://a查", "https://a。", "<http\n>",
		`"//`, "60,", "/URI(", "/URI<", "../", "/*", "${", "\r", "\x00", "Message-ID: ",
	} {
		for _, head := range heads {
			took := func(size int) time.Duration {
				source := head + strings.Repeat(piece, size/len(piece))
				started := time.Now()
				read(t, source)
				return time.Since(started)
			}
			short, long := took(small), took(factor*small)
			for range tries {
				if long <= noise || long <= 3*factor*short {
					break
				}
				short, long = max(short, took(small)), min(long, took(factor*small))
			}
			if long > noise && long > 3*factor*short {
				t.Errorf("%q behind %q: %v for %d KiB, %v for %d KiB", piece, head, short, small>>10, long, factor*small>>10)
			}
		}
	}
}
