package extract_test

import (
	"strings"
	"testing"
)

// TestTextsOfManyCharsets has texts whose charset is called by its names, by wrong ones, or not at all.
func TestTextsOfManyCharsets(t *testing.T) {
	for _, test := range []struct{ name, source, text string }{
		{"gb2312 gbk", "Content-Type: text/plain; charset=gb2312\n\n\xc4\xe3\xba\xc3\xa3\xac\xd6\xec\xe9F\xbb\xf9 ", "你好，朱镕基 "},
		{"gb2312 gb18030", "Content-Type: text/plain; charset=gb2312\n\n\xc4\xe3\xba\xc3 \x952\x826 \xe9F", "你好 𠀀 镕"},
		{"ks_c_5601-1987 cp949", "Content-Type: text/plain; charset=ks_c_5601-1987\n\n\xbe\xc8\xb3\xe7 \x8cc\xb9\xe6\xb0\xa2\xc7\xcf", "안녕 똠방각하"},
		{"euc-kr cp949", "Content-Type: text/plain; charset=euc-kr\n\n\x8cc \xbe\xc8\xb3\xe7\xc7\xcf\xbc\xbc\xbf\xe4", "똠 안녕하세요"},
		{"windows-874 cp874", "Content-Type: text/plain; charset=windows-874\n\n\xca\xc7\xd1\xca\xb4\xd5", "สวัสดี"},
		{"tis-620 cp874", "Content-Type: text/plain; charset=tis-620\n\n\xca\xc7\xd1\xca\xb4\xd5", "สวัสดี"},
		{"iso-2022-jp iso2022_jp", "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BF|K\\8l%F%9%H\x1b(B", "日本語テスト"},
		{"iso-2022-kr iso2022_kr", "Content-Type: text/plain; charset=iso-2022-kr\n\n\x1b$)C\x0e>H3gGO<<?d\x0f", "안녕하세요"},
		{"shift_jis cp932", "Content-Type: text/plain; charset=shift_jis\n\n\x87@\x93\xfa\x96{\x8c\xea\xc3\xbd\xc4", "①日本語ﾃｽﾄ"},
		{"x-sjis cp932", "Content-Type: text/plain; charset=x-sjis\n\n\x87@\x93\xfa\x96{\x8c\xea", "①日本語"},
		{"big5 cp950", "Content-Type: text/plain; charset=big5\n\n\xa7A\xa6n\xa5@\xac\xc9\xf9\xd6\xf9\xd7", "你好世界碁銹"},
		{"big5 big5hkscs", "Content-Type: text/plain; charset=big5\n\n\xa7A\xa6n\x9d\xef\x9d\xee", "你好嘅㗎"},
		{"koi8-r koi8-r", "Content-Type: text/plain; charset=koi8-r\n\n\xf0\xd2\xc9\xd7\xc5\xd4 \xcd\xc9\xd2", "Привет мир"},
		{"koi8-u koi8-u", "Content-Type: text/plain; charset=koi8-u\n\n\xf0\xd2\xc9\xd7\xa6\xd4 \xa7\xd6\xc1\xcb", "Привіт їжак"},
		{"windows-1251 cp1251", "Content-Type: text/plain; charset=windows-1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"cp1251 cp1251", "Content-Type: text/plain; charset=cp1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"iso-8859-2 iso-8859-2", "Content-Type: text/plain; charset=iso-8859-2\n\nZa\xbf\xf3\xb3\xe6 g\xea\xb6l\xb1", "Zażółć gęślą"},
		{"iso-8859-15 iso-8859-15", "Content-Type: text/plain; charset=iso-8859-15\n\n\xa4 \xbduf", "€ œuf"},
		{"iso-8859-1 cp1252", "Content-Type: text/plain; charset=iso-8859-1\n\n\x93smart\x94 \x80", "“smart” €"},
		{"latin1 latin-1", "Content-Type: text/plain; charset=latin1\n\nGr\xfc\xdfe", "Grüße"},
		{"iso8859-1 latin-1", "Content-Type: text/plain; charset=iso8859-1\n\nGr\xfc\xdfe", "Grüße"},
		{"macintosh mac-roman", "Content-Type: text/plain; charset=macintosh\n\nGr\x9f\xa7e", "Grüße"},
		{"windows-1255 cp1255", "Content-Type: text/plain; charset=windows-1255\n\n\xf9\xec\xe5\xed", "שלום"},
		{"iso-8859-8-i iso-8859-8", "Content-Type: text/plain; charset=iso-8859-8-i\n\n\xf9\xec\xe5\xed", "שלום"},
		{"windows-1256 cp1256", "Content-Type: text/plain; charset=windows-1256\n\n\xe3\xd1\xcd\xc8\xc7", "مرحبا"},
		{"iso-8859-7 iso-8859-7", "Content-Type: text/plain; charset=iso-8859-7\n\n\xc3\xe5\xe9\xdc", "Γειά"},
		{"windows-1253 cp1253", "Content-Type: text/plain; charset=windows-1253\n\n\xc3\xe5\xe9\xdc", "Γειά"},
		{"cp866 cp866", "Content-Type: text/plain; charset=cp866\n\n\x8f\xe0\xa8\xa2\xa5\xe2", "Привет"},
		{"ibm850 cp850", "Content-Type: text/plain; charset=ibm850\n\nGr\x81\xe1e", "Grüße"},
		{"ansi_x3.110-1983 cp1252", "Content-Type: text/plain; charset=ansi_x3.110-1983\n\nGr\xfc\xdfe", "Grüße"},
		{"utf8 utf-8", "Content-Type: text/plain; charset=utf8\n\nGrüße", "Grüße"},
		{"UTF-8; utf-8", "Content-Type: text/plain; charset=UTF-8;\n\nGrüße", "Grüße"},
		{`"utf-8 utf-8`, "Content-Type: text/plain; charset=\"utf-8\n\nGrüße", "Grüße"},
		{"'utf-8' utf-8", "Content-Type: text/plain; charset='utf-8'\n\nGrüße", "Grüße"},
		{`utf-8" utf-8`, "Content-Type: text/plain; charset=utf-8\"\n\nGrüße", "Grüße"},
		{"us-ascii utf-8", "Content-Type: text/plain; charset=us-ascii\n\nGrüße", "Grüße"},
		{"ascii cp1252", "Content-Type: text/plain; charset=ascii\n\nGr\xfc\xdfe", "Grüße"},
		{"_iso-2022-jp$ESC iso2022_jp", "Content-Type: text/plain; charset=_iso-2022-jp$ESC\n\n\x1b$BF|K\\8l\x1b(B", "日本語"},
		{"cp-1252 cp1252", "Content-Type: text/plain; charset=cp-1252\n\nGr\xfc\xdfe \x93x\x94", "Grüße “x”"},
		{"windows1252 cp1252", "Content-Type: text/plain; charset=windows1252\n\nGr\xfc\xdfe \x93x\x94", "Grüße “x”"},
		{"win-1251 cp1251", "Content-Type: text/plain; charset=win-1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"x-windows-949 cp949", "Content-Type: text/plain; charset=x-windows-949\n\n\x8cc \xbe\xc8\xb3\xe7", "똠 안녕"},
		{"iso-10646/utf8 utf-8", "Content-Type: text/plain; charset=iso-10646/utf8\n\nGrüße", "Grüße"},
		{"unicode utf-8", "Content-Type: text/plain; charset=unicode\n\nGrüße", "Grüße"},
		{"utf-8-sig utf-8", "Content-Type: text/plain; charset=utf-8-sig\n\nGrüße", "Grüße"},
		{"x-gbk gbk", "Content-Type: text/plain; charset=x-gbk\n\n\xc4\xe3\xba\xc3", "你好"},
		{"hz-gb-2312 hz", "Content-Type: text/plain; charset=hz-gb-2312\n\n~{Dc:C~}", "你好"},
		{"euc-cn gbk", "Content-Type: text/plain; charset=euc-cn\n\n\xc4\xe3\xba\xc3", "你好"},
		{"eucgb2312_cn gbk", "Content-Type: text/plain; charset=eucgb2312_cn\n\n\xc4\xe3\xba\xc3", "你好"},
		{"chinesebig5 big5", "Content-Type: text/plain; charset=chinesebig5\n\n\xa7A\xa6n", "你好"},
		{"cp1252 cp1252", "Content-Type: text/plain; charset=cp1252\n\n\x80", "€"},
		{"iso-8859-6 iso-8859-6", "Content-Type: text/plain; charset=iso-8859-6\n\n\xe5\xd1\xcd\xc8\xc7", "مرحبا"},
		{"x-mac-cyrillic mac_cyrillic", "Content-Type: text/plain; charset=x-mac-cyrillic\n\n\x8f\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"viscii utf-8", "Content-Type: text/plain; charset=viscii\n\nGrüße", "Grüße"},
		{"jp halfwidth kana", "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b(IC=D\x1b(B abc", "ﾃｽﾄ abc"},
		{"jp halfwidth kana SO", "Content-Type: text/plain; charset=iso-2022-jp\n\n\x0eC=D\x0f abc", "ﾃｽﾄ abc"},
		{"jp 8bit kana", "Content-Type: text/plain; charset=iso-2022-jp\n\n\xc3\xbd\xc4 abc", "ﾃｽﾄ abc"},
		{"jp circled", "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B-!\x1b(B abc", "① abc"},
		{"missing gbk", "Content-Type: text/plain\n\n\xc4\xfa\xb5\xc4\xd5\xcb\xbb\xa7\xd2\xd1\xb1\xbb\xcb\xf8\xb6\xa8\xa3\xac\xc7\xeb\xc1\xa2\xbc\xb4\xb5\xe3\xbb\xf7\xd2\xd4\xcf\xc2\xc1\xb4\xbd\xd3\xd1\xe9\xd6\xa4\xc4\xfa\xb5\xc4\xc9\xed\xb7\xdd\xa1\xa3",
			"您的账户已被锁定"},
		{"missing sjis", "Content-Type: text/plain\n\n\x82\xa8\x8bq\x97l\x82\xcc\x83A\x83J\x83E\x83\x93\x83g\x82\xcd\x88\xea\x8e\x9e\x93I\x82\xc9\x92\xe2\x8e~\x82\xb3\x82\xea\x82\xdc\x82\xb5\x82\xbd\x81B\x88\xc8\x89\xba\x82\xcc\x83\x8a\x83\x93\x83N\x82\xf0\x83N\x83\x8a\x83b\x83N\x82\xb5\x82\xc4\x82\xad\x82\xbe\x82\xb3\x82\xa2\x81B",
			"お客様のアカウント"},
		{"missing eucjp", "Content-Type: text/plain\n\n\xa4\xaa\xb5\xd2\xcd\xcd\xa4\xce\xa5\xa2\xa5\xab\xa5\xa6\xa5\xf3\xa5\xc8\xa4\xcf\xb0\xec\xbb\xfe\xc5\xaa\xa4\xcb\xc4\xe4\xbb\xdf\xa4\xb5\xa4\xec\xa4\xde\xa4\xb7\xa4\xbf\xa1\xa3\xb0\xca\xb2\xbc\xa4\xce\xa5\xea\xa5\xf3\xa5\xaf\xa4\xf2\xa5\xaf\xa5\xea\xa5\xc3\xa5\xaf\xa4\xb7\xa4\xc6\xa4\xaf\xa4\xc0\xa4\xb5\xa4\xa4\xa1\xa3",
			"お客様のアカウント"},
		{"missing koi8", "Content-Type: text/plain\n\n\xf7\xc1\xdb\xc1 \xd5\xde\xc5\xd4\xce\xc1\xd1 \xda\xc1\xd0\xc9\xd3\xd8 \xda\xc1\xc2\xcc\xcf\xcb\xc9\xd2\xcf\xd7\xc1\xce\xc1. \xf0\xcf\xd6\xc1\xcc\xd5\xca\xd3\xd4\xc1, \xd0\xc5\xd2\xc5\xca\xc4\xc9\xd4\xc5 \xd0\xcf \xd3\xd3\xd9\xcc\xcb\xc5.",
			"Ваша учетная"},
		{"missing 1251", "Content-Type: text/plain\n\n\xc2\xe0\xf8\xe0 \xf3\xf7\xe5\xf2\xed\xe0\xff \xe7\xe0\xef\xe8\xf1\xfc \xe7\xe0\xe1\xeb\xee\xea\xe8\xf0\xee\xe2\xe0\xed\xe0. \xcf\xee\xe6\xe0\xeb\xf3\xe9\xf1\xf2\xe0, \xef\xe5\xf0\xe5\xe9\xe4\xe8\xf2\xe5 \xef\xee \xf1\xf1\xfb\xeb\xea\xe5.",
			"Ваша учетная"},
		{"missing euckr", "Content-Type: text/plain\n\n\xb1\xcd\xc7\xcf\xc0\xc7 \xb0\xe8\xc1\xa4\xc0\xcc \xc0\xe1\xb0\xe5\xbd\xc0\xb4\xcf\xb4\xd9. \xbe\xc6\xb7\xa1 \xb8\xb5\xc5\xa9\xb8\xa6 \xc5\xac\xb8\xaf\xc7\xcf\xbf\xa9 \xc8\xae\xc0\xce\xc7\xcf\xbd\xca\xbd\xc3\xbf\xc0.",
			"귀하의 계정이"},
		{"missing big5", "Content-Type: text/plain\n\n\xb1z\xaa\xba\xb1b\xa4\xe1\xa4w\xb3Q\xc2\xea\xa9w\xa1A\xbd\xd0\xa5\xdf\xa7Y\xc2I\xc0\xbb\xa5H\xa4U\xb3s\xb5\xb2\xc5\xe7\xc3\xd2\xb1z\xaa\xba\xa8\xad\xa5\xf7\xa1C",
			"您的帳戶已被鎖定"},
		{"missing 1252", "Content-Type: text/plain\n\nSehr geehrte Damen und Herren, f\xfcr Ihre R\xfcckmeldung \x93danke\x94 sch\xf6n",
			"für Ihre Rückmeldung “danke” schön"},
		{"utf8 declared gbk", "Content-Type: text/plain; charset=utf-8\n\n\xc4\xfa\xb5\xc4\xd5\xcb\xbb\xa7\xd2\xd1\xb1\xbb\xcb\xf8\xb6\xa8\xa3\xac\xc7\xeb\xc1\xa2\xbc\xb4\xb5\xe3\xbb\xf7\xd2\xd4\xcf\xc2\xc1\xb4\xbd\xd3\xd1\xe9\xd6\xa4\xc4\xfa\xb5\xc4\xc9\xed\xb7\xdd\xa1\xa3",
			"您的账户已被锁定"},
		{"utf8 declared 1251", "Content-Type: text/plain; charset=utf-8\n\n\xc2\xe0\xf8\xe0 \xf3\xf7\xe5\xf2\xed\xe0\xff \xe7\xe0\xef\xe8\xf1\xfc \xe7\xe0\xe1\xeb\xee\xea\xe8\xf0\xee\xe2\xe0\xed\xe0. \xcf\xee\xe6\xe0\xeb\xf3\xe9\xf1\xf2\xe0, \xef\xe5\xf0\xe5\xe9\xe4\xe8\xf2\xe5 \xef\xee \xf1\xf1\xfb\xeb\xea\xe5.",
			"Ваша учетная"},
		{"meta gbk", "Content-Type: text/html\n\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=gb2312\"><p>\xc4\xfa\xb5\xc4\xd5\xcb\xbb\xa7",
			"您的账户"},
		{"ct wins over meta", "Content-Type: text/html; charset=windows-1251\n\n<meta charset=utf-8><p>\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"ct wrong, meta right", "Content-Type: text/html; charset=us-ascii\n\n<meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0 \xe4\xee\xf0\xee\xe3\xee\xe9",
			"Привет"},
		{"utf8 with bad byte", "Content-Type: text/plain; charset=utf-8\n\nGr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln \xa0 \xc3\xbcber", "Grüße aus Köln"},
		{"mojibake iso decl utf8", "Content-Type: text/plain; charset=iso-8859-1\n\n日本語 Grüße", "日本語 Grüße"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bodies := read(t, test.source).Bodies
			if len(bodies) != 1 || !strings.Contains(bodies[0].Text, test.text) {
				t.Errorf("%+v", bodies)
			}
		})
	}
}

func TestSubjectsAreDecoded(t *testing.T) {
	for _, test := range []struct{ name, source, subject string }{
		{"adjacent", "Subject: =?utf-8?B?5pel5pys?= =?utf-8?B?6Kqe?=", "日本語"},
		{"folded", "Subject: =?utf-8?Q?A=20b?=\n =?utf-8?Q?_c?= d", "A b c d"},
		{"split mb", "Subject: =?utf-8?B?5pel5pw=?=\n =?utf-8?B?rOiqng==?=", "日本語"},
		{"split mb q", "Subject: =?utf-8?Q?=E6=97?= =?utf-8?Q?=A5?=", "日"},
		{"split jp", "Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\n =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"},
		{"split jp raw midway", "Subject: =?iso-2022-jp?B?GyRCRnxL?= =?iso-2022-jp?B?XDhsGyhC?=", "日本語"},
		{"around", "Subject: [EXT] =?utf-8?q?Gr=C3=BC=C3=9Fe?= (=?utf-8?q?x?=)", "[EXT] Grüße (x)"},
		{"no space", "Subject: =?utf-8?q?a?==?utf-8?q?b?=", "ab"},
		{"glued", "Subject: abc=?utf-8?q?d?=ef", "abcdef"},
		{"wrong charset name", "Subject: =?utf8?q?Gr=C3=BC?= =?UTF-8-SIG?B?w7w=?=", "Grüü"},
		{"unknown charset", "Subject: =?x-unknown?q?Gr=C3=BC?=", "Grü"},
		{"bad b64", "Subject: =?utf-8?B?5pel5pys6Kqe?", "=?utf-8?B?5pel5pys6Kqe?"},
		{"b64 no pad", "Subject: =?utf-8?B?w7w?=", "ü"},
		{"q with spaces", "Subject: =?utf-8?Q?Hello World?=", "Hello World"},
		{"q with ?", "Subject: =?utf-8?Q?What?=3F?=", "What??"},
		{"q question", "Subject: =?utf-8?Q?Really? Yes?=", "Really? Yes"},
		{"lower", "Subject: =?UTF-8?b?w7w=?=", "ü"},
		{"raw utf8", "Subject: Grüße", "Grüße"},
		{"raw header in body charset", "Subject: \xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0\nContent-Type: text/plain; charset=windows-1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2", "Привет мир"},
		{"raw header koi8 multipart", "Subject: \xf0\xd2\xc9\xd7\xc5\xd4 \xcd\xc9\xd2\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=koi8-r\n\n\xf0\xd2\xc9\xd7\xc5\xd4\n--b--\n", "Привет мир"},
		{"raw header gbk none", "Subject: \xc4\xfa\xb5\xc4\xd5\xcb\xbb\xa7\xd2\xd1\xb1\xbb\xcb\xf8\xb6\xa8\xa3\xac\xc7\xeb\xc1\xa2\xbc\xb4\xd1\xe9\xd6\xa4\n\nx", "您的账户已被锁定，请立即验证"},
		{"tabs fold", "Subject: =?utf-8?Q?A?=\n\t=?utf-8?Q?B?=", "AB"},
		{"quoted", `Subject: "=?utf-8?Q?A?=" x`, `"A" x`},
		{"latin1 q", "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße"},
		{"iso-8859-1 really cp1252", "Subject: =?iso-8859-1?Q?=93x=94?=", "“x”"},
		{"windows-1252 lang", "Subject: =?windows-1252*en?Q?=80?=", "€"},
		{"gb2312", "Subject: =?gb2312?B?6UY=?=", "镕"},
		{"utf-7", "Subject: =?utf-7?Q?+AOQ-?=", "ä"},
		{"mixed charset", "Subject: =?utf-8?Q?=C3=BC?= =?iso-8859-1?Q?=FC?=", "üü"},
		{"nested", "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=", "=?utf-8?Q?a?="},
		{"trailing ws inside", "Subject: =?utf-8?Q?a_?= b", "a  b"},
		{"encoded newline", "Subject: =?utf-8?Q?a=0Ab?=", "a\nb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := read(t, test.source+"\n\nx").First("subject"); got != test.subject {
				t.Errorf("%q, not %q", got, test.subject)
			}
		})
	}
}

// TestALinkIsFoundInBrokenMail has one link in messages that are broken, or encoded, in one way each.
func TestALinkIsFoundInBrokenMail(t *testing.T) {
	for _, test := range []struct{ name, source string }{
		{"noboundary", "Content-Type: multipart/mixed\n\n--x\nContent-Type: text/html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>\n--x--"},
		{"wrong boundary", "Content-Type: multipart/mixed; boundary=\"y\"\n\n--x\nContent-Type: text/html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>\n--x--"},
		{"boundary trailing blanks", "Content-Type: multipart/mixed; boundary=\"x  \"\n\n--x\nContent-Type: text/html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>\n--x--  "},
		{"dup boundary param", "Content-Type: multipart/mixed; boundary=x; boundary=z\n\n--x\nContent-Type: text/html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>\n--x--"},
		{"CR only", "Content-Type: multipart/mixed; boundary=x\r\r--x\rContent-Type: text/html\r\r<html><body><a href=\"https://evil.com/a\">x</a></body></html>\r--x--"},
		{"CRLF", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>\r\n--x--"},
		{"mixed CR", "Content-Type: text/html\rSubject: x\r\r<html><body><a href=\"https://evil.com/a\">x</a></body></html>\nmore\n"},
		{"CR CR LF", "Content-Type: text/html\r\r\nSubject: x\r\r\n\r\r\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"BOM", "\ufeffContent-Type: text/html\nSubject: x\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"mbox", "From a@b Mon Jan  1 00:00:00 2020\nContent-Type: text/html\nSubject: x\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"empty lines first", "\n\n\r\nContent-Type: text/html\nSubject: x\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"no header", `<html><body><a href="https://evil.com/a">x</a></body></html>`},
		{"only text", "see https://evil.com/a"},
		{"charset quotes", "Content-Type: text/html; charset=\"utf-8\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"html as text/plain", "Content-Type: text/plain\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"content-type no slash", "Content-Type: html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"ct comment", "Content-Type: text/html (comment); charset=utf-8\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"two ct", "Content-Type: text/plain\nContent-Type: text/html\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"cte in caps space", "Content-Type: text/html\nContent-Transfer-Encoding: BASE64 \n\nPGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48L2h0bWw+"},
		{"cte junk", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!PGh0bWw+PGJvZHk+PGEg\n #$ aHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48L2h0bWw+"},
		{"b64 footer", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48L2h0bWw+\n\n_______________\nlist footer https://evil.com/footer"},
		{"b64 declared qp", "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\nPGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48L2h0\nbWw+PGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48\nL2h0bWw+PGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9k\neT48L2h0bWw+\n"},
		{"b64 declared 7bit html", "Content-Type: text/html\nContent-Transfer-Encoding: 7bit\n\nPGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48L2h0\nbWw+PGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9keT48\nL2h0bWw+PGh0bWw+PGJvZHk+PGEgaHJlZj0iaHR0cHM6Ly9ldmlsLmNvbS9hIj54PC9hPjwvYm9k\neT48L2h0bWw+\n"},
		{"qp declared none", "Content-Type: text/html\n\n<a href=3D\"https://evil.com/=\na\">x</a>"},
		{"qp bad", "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<a href=3d\"https://evil.com/a\">=ZZ x = y =\n</a>=3"},
		{"qp lower", "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<a href=3d\"https:=2f=2fevil.com=2fa\">x</a>"},
		{"qp not encoded", "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<a href=\"https://evil.com/a\">x</a>"},
		{"8bit enc unknown", "Content-Type: text/html\nContent-Transfer-Encoding: foo\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"nul in body", "Content-Type: text/html\n\n\x00<p>\x00</p><html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"html in utf16 b64", "Content-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: base64\n\n//48AGgAdABtAGwAPgA8AGIAbwBkAHkAPgA8AGEAIABoAHIAZQBmAD0AIgBoAHQAdABwAHMAOgAvAC8AZQB2AGkAbAAuAGMAbwBtAC8AYQAiAD4AeAA8AC8AYQA+ADwALwBiAG8AZAB5AD4APAAvAGgAdABtAGwAPgA="},
		{"utf16 nobom", "Content-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: base64\n\nPABoAHQAbQBsAD4APABiAG8AZAB5AD4APABhACAAaAByAGUAZgA9ACIAaAB0AHQAcABzADoALwAvAGUAdgBpAGwALgBjAG8AbQAvAGEAIgA+AHgAPAAvAGEAPgA8AC8AYgBvAGQAeQA+ADwALwBoAHQAbQBsAD4A"},
		{"utf16le", "Content-Type: text/html; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nPABoAHQAbQBsAD4APABiAG8AZAB5AD4APABhACAAaAByAGUAZgA9ACIAaAB0AHQAcABzADoALwAvAGUAdgBpAGwALgBjAG8AbQAvAGEAIgA+AHgAPAAvAGEAPgA8AC8AYgBvAGQAeQA+ADwALwBoAHQAbQBsAD4A"},
		{"utf16be", "Content-Type: text/html; charset=utf-16be\nContent-Transfer-Encoding: base64\n\nADwAaAB0AG0AbAA+ADwAYgBvAGQAeQA+ADwAYQAgAGgAcgBlAGYAPQAiAGgAdAB0AHAAcwA6AC8ALwBlAHYAaQBsAC4AYwBvAG0ALwBhACIAPgB4ADwALwBhAD4APAAvAGIAbwBkAHkAPgA8AC8AaAB0AG0AbAA+"},
		{"utf16 undeclared", "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPABoAHQAbQBsAD4APABiAG8AZAB5AD4APABhACAAaAByAGUAZgA9ACIAaAB0AHQAcABzADoALwAvAGUAdgBpAGwALgBjAG8AbQAvAGEAIgA+AHgAPAAvAGEAPgA8AC8AYgBvAGQAeQA+ADwALwBoAHQAbQBsAD4A"},
		{"utf7", "Content-Type: text/html; charset=utf-7\n\n+ADw-a href=+ACI-https://evil.com/a+ACI-+AD4-x+ADw-/a+AD4-"},
		{"ct folded", "Content-Type:\n text/html;\n\tcharset=utf-8\n\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
		{"lone dots", "Content-Type: text/html\n\n..\n<html><body><a href=\"https://evil.com/a\">x</a></body></html>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := values(read(t, test.source), "url"); len(got) == 0 || got[0] != "https://evil.com/a" {
				t.Errorf("%q", got)
			}
		})
	}
}
