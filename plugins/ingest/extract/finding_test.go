package extract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/plugins/ingest/extract"
)

// read extracts from a message of one part.
func read(t testing.TB, source string) *extract.Report {
	t.Helper()
	report, err := extract.Message(strings.NewReader(source), extract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// page is a message of one page, and plain one of one text.
func page(body string) string {
	return "Content-Type: text/html; charset=utf-8\n\n" + body
}

func plain(body string) string { return "Content-Type: text/plain; charset=utf-8\n\n" + body }

// shown writes the findings of some kinds, one to a line.
func shown(report *extract.Report, kinds ...extract.Kind) []string {
	lines := []string{}
	for _, f := range report.Findings {
		if !slices.Contains(kinds, f.Kind) {
			continue
		}
		line := fmt.Sprintf("%s %s", f.Role, f.Value)
		if f.Port != 0 {
			line += fmt.Sprintf(" port %d", f.Port)
		}
		if f.Unicode != "" {
			line += " = " + f.Unicode
		}
		if f.Original != "" {
			line += " from " + f.Original
		}
		lines = append(lines, line)
	}
	return lines
}

type findingTest struct {
	name, source string
	want         []string
}

func runFindings(t *testing.T, tests []findingTest, kinds ...extract.Kind) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want == nil {
				test.want = []string{}
			}
			if diff := cmp.Diff(test.want, shown(read(t, test.source), kinds...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestURLsInPages(t *testing.T) {
	runFindings(t, []findingTest{
		{"link", page(`<a href="https://Example.COM:443/A?b=c#d">x</a>`), []string{"link https://example.com/A?b=c#d from https://Example.COM:443/A?b=c#d"}},
		{"without a scheme", page(`<a href="//evil.example.com/p">x</a>`), []string{"link http://evil.example.com/p from //evil.example.com/p"}},
		{"without a scheme or slashes", page(`<a href="evil.example.com/p">x</a>`), []string{"link http://evil.example.com/p from evil.example.com/p"}},
		{"a file that is relative", page(`<a href="index.html">x</a><a href="a/b.php">y</a><img src="logo.png">`), nil},
		{"blanks and line ends at the edges", page("<a href=\" \n\t https://evil.example.com/p\r\n \">x</a>"), []string{"link https://evil.example.com/p"}},
		{"line ends within", page("<a href=\"https://evil.exa\nmple.com/p\">x</a>"), []string{"link https://evil.example.com/p from https://evil.exa\nmple.com/p"}},
		{"a blank within", page(`<a href="https://evil.example.com/a b">x</a>`), []string{"link https://evil.example.com/a%20b from https://evil.example.com/a b"}},
		{"backslashes", page(`<a href="https:\\evil.example.com\p">x</a>`), []string{`link https://evil.example.com/p from https:\\evil.example.com\p`}},
		{"quotes that are missing", page(`<a href=https://evil.example.com/p>x</a>`), []string{"link https://evil.example.com/p"}},
		{"entities", page(`<a href="https&#58;&#x2F;/evil.example.com/?a=1&amp;b=2&copy=3">x</a>`), []string{"link https://evil.example.com/?a=1&b=2&copy=3"}},
		{"credentials before the host", page(`<a href="https://bank.com@evil.example.com/">x</a>`), []string{"link https://evil.example.com/ from https://bank.com@evil.example.com/"}},
		{"style", page(`<td style="background:url('https://i.example.com/a.png')">`), []string{"style https://i.example.com/a.png"}},
		{"style sheet", page(`<style>@import "https://s.example.com/a.css"; b{background:URL( //i.example.com/b.png )}</style>`),
			[]string{"style https://s.example.com/a.css", "style http://i.example.com/b.png from //i.example.com/b.png"}},
		{"escapes in style", page(`<td style="background:url(https\3a //i.example.com/a\2e png)">`), []string{"style https://i.example.com/a.png"}},
		{"refresh", page(`<meta http-equiv="Refresh" content="0; URL='https://evil.example.com/'">`), []string{"refresh https://evil.example.com/"}},
		{"background", page(`<body background="https://i.example.com/b.gif">`), []string{"image https://i.example.com/b.gif"}},
		{"srcset", page(`<img srcset="https://i.example.com/1.png 1x, https://i.example.com/2.png 2x">`), []string{"image https://i.example.com/1.png", "image https://i.example.com/2.png"}},
		{"forms", page(`<form action="https://evil.example.com/f"><button formaction="//evil.example.com/g">x</button></form>`),
			[]string{"form https://evil.example.com/f", "form http://evil.example.com/g from //evil.example.com/g"}},
		{"SVG", page(`<svg><a xlink:href="https://evil.example.com/s"><text>x</text></a></svg>`), []string{"link https://evil.example.com/s"}},
		{"Outlook's conditions", page(`<!--[if mso]><v:roundrect href="https://evil.example.com/v"><v:fill src="https://i.example.com/f.png"/></v:roundrect><![endif]-->`),
			[]string{"link https://evil.example.com/v", "image https://i.example.com/f.png"}},
		{"a condition that others show", page(`<!--[if !mso]><!--><a href="https://evil.example.com/n">x</a><!--<![endif]-->`), []string{"link https://evil.example.com/n"}},
		{"comment", page(`<!-- see https://evil.example.com/c -->`), []string{"comment https://evil.example.com/c"}},
		{"pixel", page(`<img src="https://t.example.com/o.gif" width="1" height="1">`), []string{"pixel https://t.example.com/o.gif"}},
		{"namespace", page(`<html xmlns="http://www.w3.org/1999/xhtml" xmlns:o="urn:schemas-microsoft-com:office:office">`), []string{"namespace http://www.w3.org/1999/xhtml"}},
		{"doctype", page(`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><p>x`), []string{"namespace http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"}},
		{"base", page(`<base href="https://evil.example.com/a/b"><a href="c?d">x</a><a href="/e">y</a>`),
			[]string{"attribute https://evil.example.com/a/b", "link https://evil.example.com/a/c?d from c?d", "link https://evil.example.com/e from /e"}},
		{"script", page(`<script>location = "https:\/\/evil.example.com\/s"; var v = a.b.name;</script>`), []string{"script https://evil.example.com/s"}},
		{"escapes in a script", page(`<script>u="\x68ttps://evil.example.com/\u0061"</script>`), []string{"script https://evil.example.com/a"}},
		{"base64 in a script", page(`<script>go(atob("aHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2xvZ2lu"))</script>`), []string{"script https://evil.example.com/login"}},
		{"percent escapes in a script", page(`<script>document.write(unescape('%3Ca%20href%3D%22https%3A//evil.example.com/u%22%3Ex%3C/a%3E'))</script>`),
			[]string{"link https://evil.example.com/u"}},
		{"handler", page(`<div onclick="window.open('https://evil.example.com/o')">x</div>`), []string{"script https://evil.example.com/o"}},
		{"document in a URL", page(`<a href="data:text/html;base64,PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2QiPng8L2E+">x</a>`), []string{"link https://evil.example.com/d"}},
		{"text beside a link", page(`<a href="https://a.example.com/1">x</a> or https://b.example.com/2.`), []string{"link https://a.example.com/1", "text https://b.example.com/2"}},
		{"a text in several elements", page(`https://evil.exam<b>ple.com</b>/a<br>next`), []string{"text https://evil.example.com/a"}},
		{"characters that are not seen", page("https://evil.exa\u200bmple.com/a<wbr>b"), []string{"text https://evil.example.com/ab"}},
		{"one number", page(`<a href="http://3232235777/a">x</a>`), []string{"link http://192.168.1.1/a from http://3232235777/a"}},
		{"octal and hexadecimal numbers", page(`<a href="http://0300.0xA8.257/a">x</a>`), []string{"link http://192.168.1.1/a from http://0300.0xA8.257/a"}},
		{"international name", page(`<a href="https://bücher.example.com/a">x</a>`),
			[]string{"link https://xn--bcher-kva.example.com/a = https://bücher.example.com/a from https://bücher.example.com/a"}},
		{"full-width letters", page(`<a href="https://ｅvil．example.com/">x</a>`), []string{"link https://evil.example.com/ from https://ｅvil．example.com/"}},
		{"percent escapes in the host", page(`<a href="https://%65vil.example.com/">x</a>`), []string{"link https://evil.example.com/ from https://%65vil.example.com/"}},
		{"another text than the target", page(`<a href="https://evil.example.com/">https://www.bank.com/login</a>`),
			[]string{"link https://evil.example.com/", "mismatch https://evil.example.com/ from https://www.bank.com/login", "text https://www.bank.com/login"}},
		{"another text among words", page(`<a href="https://evil.example.com/">Visit https://www.bank.com/login now</a>`),
			[]string{"link https://evil.example.com/", "mismatch https://evil.example.com/ from https://www.bank.com/login", "text https://www.bank.com/login"}},
		{"pixels by style", page(`<img src="https://t.example.com/o" style="width:1px;height:1px !important"><img src="https://t.example.com/p" style="display:none"><img src="https://t.example.com/q" style="width:100%;height:1px">`),
			[]string{"pixel https://t.example.com/o", "pixel https://t.example.com/p", "image https://t.example.com/q"}},
		{"the text of the target", page(`<a href="https://www.bank.com/x">bank.com</a>`), []string{"link https://www.bank.com/x"}},
		{"a page that does not end", page(`<a href="https://a.example.com/1">x<a href="https://b.example.com/2`), []string{"link https://a.example.com/1", "text https://b.example.com/2"}},
		{"names of schemes that lead nowhere", page(`<a href="cid:a@b.com">x</a><a href="tel:1">y</a><a href="#top">z</a><a href="javascript:void(0)">w</a>`), nil},
		{"mail", page(`<a href="mailto:a@evil.example.com?cc=b@evil.example.com&body=https%3A%2F%2Fevil.example.com%2Fm">x</a>`), []string{"link https://evil.example.com/m"}},
	}, extract.URL)
}

func TestURLsInText(t *testing.T) {
	runFindings(t, []findingTest{
		{"punctuation behind", plain("See https://a.example.com/b. (https://c.example.com/d) 'https://e.example.com/f', \"https://g.example.com/h\"!"),
			[]string{"text https://a.example.com/b", "text https://c.example.com/d", "text https://e.example.com/f", "text https://g.example.com/h"}},
		{"brackets of its own", plain("https://en.wikipedia.org/wiki/Phishing_(disambiguation) x"), []string{"text https://en.wikipedia.org/wiki/Phishing_(disambiguation)"}},
		{"escaped line end", plain(`https://a.example.com/b\nhttps://c.example.com/d\r\nx`), []string{"text https://a.example.com/b", "text https://c.example.com/d"}},
		{"angle brackets with a line end", plain("<https://a.example.com/bb\n ccc?d>"), []string{"text https://a.example.com/bbccc?d"}},
		{"a line that is full", plain("https://a.example.com/0123456789012345678901234567890123456789012345678\n901234?x=1\nnext"),
			[]string{"text https://a.example.com/0123456789012345678901234567890123456789012345678901234?x=1"}},
		{"a line that is full before a date", plain("https://a.example.com/0123456789012345678901234567890123456789012345678\n2026-01-02\n"),
			[]string{"text https://a.example.com/0123456789012345678901234567890123456789012345678"}},
		{"Arabic and Thai behind it", plain("https://a.example.com/b، https://c.example.com/dคลิก"), []string{"text https://a.example.com/b", "text https://c.example.com/d"}},
		{"tags of forums", plain("[url=https://a.example.com/b]x[/url] [img]https://c.example.com/d.png[/img]"), []string{"text https://a.example.com/b", "text https://c.example.com/d.png"}},
		{"halves of brackets", plain("hxxps://a[.example.com/b hxxps://c.]example.com/d"),
			[]string{"text https://a.example.com/b from hxxps://a[.example.com/b", "text https://c.example.com/d from hxxps://c.]example.com/d"}},
		{"what was forwarded as text", plain("From: Bank <a@b.org<mailto:a@b.org>>\nClick<https://a.example.com/b>now"), []string{"text https://a.example.com/b"}},
		{"bare www", plain("go to www.example.com/a, or WWW.example.org."), []string{"text http://www.example.com/a from www.example.com/a", "text http://www.example.org from WWW.example.org"}},
		{"bare domain with a path", plain("go to evil.example.com/a now"), []string{"text http://evil.example.com/a from evil.example.com/a"}},
		{"entities that are none", plain("https://a.example.com/?a=1&copy=2&amp;c=3"), []string{"text https://a.example.com/?a=1&copy=2&amp;c=3"}},
		{"hxxp and brackets", plain("hxxps://evil[.]example[.]com/a hXXp://evil(.)example(dot)com:8080/ evil[dot]example[.]com/b"),
			[]string{"text https://evil.example.com/a from hxxps://evil[.]example[.]com/a", "text http://evil.example.com:8080/ from hXXp://evil(.)example(dot)com:8080/",
				"text http://evil.example.com/b from evil[dot]example[.]com/b"}},
		{"brackets around the colon", plain("http[:]//evil.example.com/a hxxp[://]evil.example[.]com"),
			[]string{"text http://evil.example.com/a from http[:]//evil.example.com/a", "text http://evil.example.com from hxxp[://]evil.example[.]com"}},
		{"blanks around dots", plain("hxxp://evil (dot) example (dot) com/a"), []string{"text http://evil.example.com/a from hxxp://evil(dot)example(dot)com/a"}},
		{"behind other letters", plain("Click:https://a.example.com/b;https://c.example.com/d"), []string{"text https://a.example.com/b", "text https://c.example.com/d"}},
		{"Chinese around it", plain("请访问https://a.example.com/b，谢谢。https://c.example.com/d请"), []string{"text https://a.example.com/b", "text https://c.example.com/d"}},
		{"Markdown", plain("[x](https://a.example.com/b) *https://c.example.com/d*"), []string{"text https://a.example.com/b", "text https://c.example.com/d"}},
		{"of addresses", plain("http://192.0.2.1:8080/a http://[2001:DB8::1]:443/b"), []string{"text http://192.0.2.1:8080/a", "text http://[2001:db8::1]:443/b"}},
		{"files and sentences", plain("See 2x.png, setup.py, a.zip and readme.md. End.It was System.Net or e.g. node.js; foo.bar()"), nil},
		{"text in a page that is declared as text", plain("<html><body><a href='https://a.example.com/?x=1&amp;y=2'>z</a></body></html>"), []string{"link https://a.example.com/?x=1&y=2"}},
		{"quoted-printable that is not declared", plain("<a href=3D\"https://a.example.com/?x=3D1=\n23\">z</a>=\n"), []string{"link https://a.example.com/?x=123"}},
		{"base64 that is not declared", "Subject: x\n\nR28gdG8gaHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2xvZ2luIHRvZGF5LCBwbGVhc2UuCkdvIG5v\ndy4=\n", []string{"text https://evil.example.com/login"}},
	}, extract.URL)
}

func TestRedirectsAreUnwrapped(t *testing.T) {
	target := func(name, wrapper, inner string) findingTest {
		return findingTest{name, page(`<a href="` + strings.ReplaceAll(wrapper, "&", "&amp;") + `">x</a>`),
			[]string{"link " + wrapper, "redirect target " + inner + " from " + wrapper}}
	}
	runFindings(t, []findingTest{
		target("SafeLinks", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example.com%2Fa%3Fb%3D1%26c%3D2&data=05%7C01", "https://evil.example.com/a?b=1&c=2"),
		target("Proofpoint, first form", "https://urldefense.proofpoint.com/v1/url?u=http://evil.example.com/a&k=x", "http://evil.example.com/a"),
		target("Proofpoint, second form", "https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example.com_a-3Fb-3D1&d=DwMF", "https://evil.example.com/a?b=1"),
		target("Proofpoint, third form", "https://urldefense.com/v3/__https://evil.example.com/a*b__;Iw!!abc!def$", "https://evil.example.com/a#b"),
		target("Google", "https://www.google.com/url?q=https://evil.example.com/a&sa=D", "https://evil.example.com/a"),
		target("twice encoded", "https://t.example.net/?u=https%253A%252F%252Fevil.example.com%252Fa", "https://evil.example.com/a"),
		target("base64", "https://t.example.net/c/aHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2E", "https://evil.example.com/a"),
		target("in the path", "https://x.awstrack.me/L0/https:%2F%2Fevil.example.com%2Fa/1/0100", "https://evil.example.com/a"),
		target("Bing", "https://www.bing.com/ck/a?p=1&u=a1aHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2E&ntb=1", "https://evil.example.com/a"),
		target("Check Point", "https://protect.checkpoint.com/v2/___https://evil.example.com/a___.YzJ1", "https://evil.example.com/a"),
		{"within each other", page(`<a href="https://www.google.com/url?q=https%3A%2F%2Ft.example.net%2F%3Fu%3Dhttps%253A%252F%252Fevil.example.com">x</a>`), []string{
			"link https://www.google.com/url?q=https%3A%2F%2Ft.example.net%2F%3Fu%3Dhttps%253A%252F%252Fevil.example.com",
			"redirect target https://t.example.net/?u=https%3A%2F%2Fevil.example.com from https://www.google.com/url?q=https%3A%2F%2Ft.example.net%2F%3Fu%3Dhttps%253A%252F%252Fevil.example.com",
			"redirect target https://evil.example.com from https://t.example.net/?u=https%3A%2F%2Fevil.example.com"}},
	}, extract.URL)
}

func TestAddressesOfMachines(t *testing.T) {
	runFindings(t, []findingTest{
		{"plain", plain("from 192.0.2.1, 192.0.2.2:8080 and 198.51.100.0/24."), []string{"text 192.0.2.1", "text 192.0.2.2 port 8080 from 192.0.2.2:8080", "text 198.51.100.0"}},
		{"defanged", plain("192[.]0[.]2[.]1 192.0.2[.]2"), []string{"text 192.0.2.1 from 192[.]0[.]2[.]1", "text 192.0.2.2 from 192.0.2[.]2"}},
		{"IPv6", plain("2001:DB8:0:0::1 [2001:db8::2]:443 fe80::1"), []string{"text 2001:db8::1", "text 2001:db8::2 port 443", "text fe80::1"}},
		{"versions, dates, identifiers", plain("version 1.2.3.4 v1.2.3.4 Chrome/120.0.0.0 1.3.6.1.4.1.311 2026.01.02.03 1.2.3 12:30:45 a::before 1.02.3.4 300.1.1.1"), nil},
		{"style", page("<style>a::before{b:c} .x::after{}</style>x::bef"), nil},
		{"on the way", "Received: from mail.evil.example.com (HELO x) ([192.0.2.1]) by mx.example.net (8.14.4/8.14.4) with Microsoft SMTP Server id 15.1.225.42; Thu, 1 Jan 2026\n" +
			"Received: from [IPv6:2001:db8::1] (port=25)\nX-Originating-IP: [192.0.2.3]\nX-Mailer: Foo 6.0.2.180\nAuthentication-Results: spf=pass (sender IP is 192.0.2.4) client-ip=192.0.2.5\n\nx",
			[]string{"header 192.0.2.1", "header 2001:db8::1", "header 192.0.2.3", "header 192.0.2.4", "header 192.0.2.5"}},
		{"of URLs", page(`<a href="http://0x7f.1:81/">x</a>`), []string{"link 127.0.0.1 port 81"}},
	}, extract.IPv4, extract.IPv6)
}

func TestDomainsAndMailAddresses(t *testing.T) {
	runFindings(t, []findingTest{
		{"of mail", "From: \"Doe, J\" <J.Doe@Evil.Example.COM>\nTo: soc@contoso.com\nMessage-ID: <1@id.example.com>\n\nWrite to x+y@other.co.uk, a[at]b[.]example[.]com or (z@z.org)",
			[]string{"header J.Doe@evil.example.com", "header evil.example.com", "header soc@contoso.com", "recipient contoso.com",
				"text x+y@other.co.uk", "text other.co.uk", "text a@b.example.com from a[at]b[.]example[.]com", "text b.example.com", "text z@z.org", "text z.org"}},
		{"bounces", "Return-Path: <bounce-1+ann=contoso.com@list.example.com>\n\nx", []string{"header bounce-1+ann=contoso.com@list.example.com", "header list.example.com"}},
		{"of results", "Authentication-Results: mx; spf=pass smtp.mailfrom=x@evil.example.com; dkim=pass header.d=evil.example.org\n\nx",
			[]string{"header x@evil.example.com", "header evil.example.com", "header evil.example.org"}},
		{"in text", plain("Known: evil.example.com, <gmail.com> and bücher.example; not image001.png@01D9.ABCD"), []string{"text evil.example.com", "text gmail.com"}},
		{"international", plain("write bücher.de/x"), []string{"text xn--bcher-kva.de = bücher.de"}},
		{"in a URL", page(`<a href="https://evil.example.com/?e=victim%40contoso.com#a@b.org">x</a>`),
			[]string{"link evil.example.com", "link victim@contoso.com", "link contoso.com", "link a@b.org", "link b.org"}},
		{"lists", "List-Unsubscribe: <https://l.example.com/u?a=1>, <mailto:u@l.example.com>\n\nx", []string{"unsubscribe l.example.com", "unsubscribe u@l.example.com"}},
	}, extract.Domain, extract.Email)
}

func TestHashes(t *testing.T) {
	const md5, sha1 = "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	runFindings(t, []findingTest{
		{"in text", plain("md5 " + strings.ToUpper(md5) + ", SHA1=" + sha1 + ".\nsha256:" + sha256), []string{"text " + md5 + "", "text " + sha1, "text " + sha256}},
		{"what somebody tracks by", page(`<a href="https://t.example.com/` + md5 + `?h=` + sha1 + `" id="` + sha256 + `">x</a>`), nil},
		{"in the text of a URL", plain("https://t.example.com/?a=1&b=" + md5 + " t.example.com/" + sha1), nil},
		{"numbers and words", plain("12345678901234567890123456789012 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " + md5 + "0"), nil},
		{"boundaries and identifiers in headers", "Message-ID: <" + md5 + "@x.example.com>\nX-Id: " + sha1 + "\n\nx", nil},
	}, extract.MD5, extract.SHA1, extract.SHA256)
}
