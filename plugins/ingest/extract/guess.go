package extract

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

const (
	// maxGuessed is how much of a text its charset is guessed by, in bytes.
	maxGuessed = 16 << 10
	// leastPairs is how many characters of two bytes it takes to tell that they are such.
	leastPairs = 3
)

// guessCharset tells the charset of a text that is not UTF-8 and of which nothing says what it is, by which bytes follow each other and how
// often: those of two bytes for each character first, then Cyrillic, and Western where nothing else is likely. More than one in fifty bytes
// that do not fit rule a charset out.
func guessCharset(text []byte) (encoding.Encoding, string) {
	text = text[:min(len(text), maxGuessed)]
	if n := countPairs(text, isShiftJIS); n.fits() && 5*n.kana > n.pairs {
		return japanese.ShiftJIS, "shift_jis"
	}
	if n := countPairs(text, isEUC); n.fits() && n.hasLow() {
		switch {
		case 5*n.kana > n.pairs:
			return japanese.EUCJP, "euc-jp"
		case 20*n.hangul > 19*n.common:
			return korean.EUCKR, "euc-kr"
		case 2*n.common > n.pairs:
			return simplifiedchinese.GB18030, "gbk"
		}
	}
	if n := countPairs(text, isBig5); n.fits() && n.hasLow() && 10*n.common > 7*n.pairs {
		return traditionalchinese.Big5, "big5"
	}
	if n := countPairs(text, isGBK); n.fits() && n.hasLow() && 10*n.common > 7*n.pairs {
		return simplifiedchinese.GB18030, "gbk"
	}
	return guessSingle(text)
}

// pairs counts the characters of two bytes in a text.
type pairs struct {
	pairs, misfits int
	common         int // in the ranges of common characters
	kana, hangul   int
	low            int // with a byte below 0xC0, which is rare where a byte is a letter
}

func (n pairs) fits() bool { return n.pairs >= leastPairs && 50*n.misfits <= n.pairs }

func (n pairs) hasLow() bool { return 20*n.low >= n.pairs }

// A pairing tells whether two bytes are a character, and counts of which sort. single says that the first is one by itself.
type pairing func(n *pairs, first, second byte) (ok, single bool)

func countPairs(text []byte, of pairing) pairs {
	var n pairs
	for i := 0; i < len(text); i++ {
		if text[i] < utf8.RuneSelf {
			continue
		}
		if i+1 == len(text) {
			break // it may have been cut there
		}
		switch ok, single := of(&n, text[i], text[i+1]); {
		case single:
		case ok:
			n.pairs++
			if text[i] < 0xC0 || text[i+1] < 0xC0 {
				n.low++
			}
			i++
		default:
			n.misfits++
		}
	}
	return n
}

func isShiftJIS(n *pairs, first, second byte) (ok, single bool) {
	if 0xA1 <= first && first <= 0xDF {
		return true, true
	}
	if !(0x81 <= first && first <= 0x9F || 0xE0 <= first && first <= 0xFC) || second < 0x40 || second == 0x7F || second > 0xFC {
		return false, false
	}
	if first == 0x82 && second >= 0x9F || first == 0x83 && second <= 0x96 {
		n.kana++
	}
	return true, false
}

func isEUC(n *pairs, first, second byte) (ok, single bool) {
	if first < 0xA1 || second < 0xA1 || first == 0xFF || second == 0xFF {
		return false, false
	}
	switch {
	case first == 0xA4 || first == 0xA5:
		n.kana++
	case 0xB0 <= first && first <= 0xD7:
		n.common++
		if first <= 0xC8 {
			n.hangul++
		}
	}
	return true, false
}

func isBig5(n *pairs, first, second byte) (ok, single bool) {
	if first < 0xA1 || first > 0xF9 || second < 0x40 || second == 0x7F || 0x80 <= second && second <= 0xA0 || second == 0xFF {
		return false, false
	}
	if 0xA4 <= first && first <= 0xC6 || first == 0xA1 {
		n.common++
	}
	return true, false
}

func isGBK(n *pairs, first, second byte) (ok, single bool) {
	if first == 0x80 || first == 0xFF || second < 0x40 || second == 0x7F || second == 0xFF {
		return false, false
	}
	if 0xB0 <= first && first <= 0xD7 && second >= 0xA1 || 0xA1 <= first && first <= 0xA3 {
		n.common++
	}
	return true, false
}

// guessSingle tells Cyrillic from Western: in the first most letters are beyond ASCII, and few of them make half of a text.
func guessSingle(text []byte) (encoding.Encoding, string) {
	windows, koi, high, ascii := 0, 0, 0, 0
	inWord := false // with letters beyond ASCII
	for i, c := range text {
		if c < utf8.RuneSelf {
			if isLetter(c) && (inWord || i+1 < len(text) && text[i+1] >= 0xC0) {
				ascii++
			}
			inWord = false
			continue
		}
		inWord = true
		high++
		switch c {
		case 0xEE, 0xE5, 0xE0, 0xE8, 0xED, 0xF2, 0xF1, 0xF0, 0xE2, 0xEB: // оеаинтсрвл
			windows++
		case 0xCF, 0xC5, 0xC1, 0xC9, 0xCE, 0xD4, 0xD3, 0xD2, 0xD7, 0xCC:
			koi++
		}
	}
	if high < 4 || ascii > high/4 || 5*max(windows, koi) < 2*high {
		return charmap.Windows1252, charsetWestern
	}
	if koi > windows {
		return charmap.KOI8R, "koi8-r"
	}
	return charmap.Windows1251, "windows-1251"
}
