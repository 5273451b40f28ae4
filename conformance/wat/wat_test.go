package wat_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/conformance/wat"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

const header = "0061736d01000000"

func assemble(t *testing.T, text string) []byte {
	t.Helper()
	binary, err := wat.Assemble([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return binary
}

// The binaries are those that the assembler of the WebAssembly Binary Toolkit makes,
// without the header.
func TestModulesAreWrittenAsTheirBinary(t *testing.T) {
	for _, test := range []struct{ name, text, binary string }{
		{"nothing", `(module)`,
			""},
		{"fields without a module around them", `(func) (memory 1)`,
			"0104016000000302010005030100010a040102000b"},
		{"types, imports and exports", `(module $m
  (type $t (func (param $a i32) (param i64 f32) (result f64 v128)))
  (import "a" "f" (func $f (type $t)))
  (import "a" "g" (func (param i32) (result i32)))
  (import "a" "t" (table 1 2 funcref))
  (import "a" "m" (memory 1))
  (import "a" "x" (global $x (mut i64)))
  (func (export "f") (export "g") (type $t) (unreachable))
  (export "again" (func $f)) (export "t" (table 0)) (export "m" (memory 0)) (export "x" (global $x)))`,
			"010e0260037f7e7d027c7b60017f017f0224050161016600000161016700010161017401700101020161016d02000101610178037e0103020100071d06016600020167000205616761696e000001740100016d0200017803000a05010300000b"},
		{"inline imports", `(func $f (import "a" "b") (param i32)) (table $t (export "t") (import "a" "t") 3 externref)
  (memory (import "a" "m") 1 2) (global $g (import "a" "g") f32) (func (call $f (i32.const 1)))`,
			"01080260017f00600000021e0401610162000001610174016f00030161016d0201010201610167037d0003020101070501017401000a08010600410110000b"},
		{"blocks with labels and types", `(func (result i32)
  block $a (result i32)
    loop $b
      i32.const 1
      br_if $b
      block $c
        br $c
      end $c
      i32.const 2
      br $a
    end
    unreachable
  end
  if (param i32) (result i32 i64)
    i64.const 3
  else
    i64.const 4
  end
  drop)`,
			"010b026000017f60017f027f7e030201000a21011f00027f034041010d0002400c000b41020c010b000b040142030542040b1a0b"},
		{"folded instructions", `(func (param $p i32) (result i32)
  (block $out (result i32)
    (if $i (i32.eqz (local.get $p)) (then (br $out (i32.const 1))) (else (br $i)))
    (loop (br_table 0 1 $out 2 (i32.const 5) (local.get $p)))
    (select (i32.const 1) (i32.const 2) (i32.const 3))
    (drop (select (result i64) (i64.const 1) (i64.const 2) (i32.const 3)))))`,
			"01060160017f017f030201000a32013000027f200045044041010c01050c000b0340410520000e03000101020b4101410241031b4201420241031c017e1a0b0b"},
		{"locals", `(func (param $a i32) (local $b i64) (local i64 f32) (local $c v128) (local.set $c (v128.const i64x2 1 -1)) (local.set 2 (local.tee $b (i64.const 0))))`,
			"01050160017f00030201000a24012203027e017d017bfd0c0100000000000000ffffffffffffffff21044200220121020b"},
		{"memory arguments", `(memory 1) (func (drop (i64.load32_u offset=0xff align=2 (i32.const 0))) (i32.store8 (i32.const 1) (i32.const 2))
  (v128.store64_lane offset=3 align=4 1 (i32.const 0) (v128.const i32x4 1 2 3 4)) (drop (v128.load8_lane 15 (i32.const 0) (v128.const f64x2 1 -0x1p-3))))`,
			"0104016000000302010005030100010a4501430041003501ff011a410141023a00004100fd0c01000000020000000300000004000000fd5b0203014100fd0c000000000000f03f000000000000c0bffd5400000f1a0b"},
		{"tables and segments", `(type $t (func)) (table $a 1 2 funcref) (table $b externref (elem (ref.null extern) (ref.null extern))) (table funcref (elem $f $f))
  (elem $act (i32.const 1) $f 0) (elem (table $a) (offset (i32.const 2)) func $f) (elem $pas func $f) (elem declare func 0) (elem $e externref (item ref.null extern) (ref.null extern))
  (func $f (call_indirect $a (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0))
    (table.init $b $e (i32.const 0) (i32.const 0) (i32.const 1)) (table.init 1 (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $pas)
    (table.copy $a $a (i32.const 0) (i32.const 0) (i32.const 1)) (table.copy (i32.const 0) (i32.const 0) (i32.const 1))
    (drop (table.grow $b (ref.null extern) (table.size $b))) (table.set $a (i32.const 0) (ref.func $f)) (drop (ref.is_null (table.get $b (i32.const 0)))) (table.fill $a (i32.const 0) (ref.null func) (i32.const 1)))`,
			"01040160000003020100040d03700101026f01020270010202093507060141000b6f02d06f0bd06f0b020241000b000200000041010b0200000041020b01000100010003000100056f02d06f0bd06f0b0a5701550041001100004100110000410041004101fc0c0601410041004101fc0c0100fc0d04410041004101fc0e0000410041004101fc0e0000d06ffc1001fc0f011a4100d200260041002501d11a4100d0704101fc11000b"},
		{"data", `(memory $m 1) (data $a "a\00\ff\t\n\r\"\'\\\u{1F600}" "b") (data (memory $m) (offset (i32.const 1)) "c") (data (i32.const 2))
  (func (memory.init $a (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $a) (memory.copy (i32.const 0) (i32.const 0) (i32.const 1)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)) (drop (memory.grow (memory.size))))`,
			"0104016000000302010005030100010c01030a29012700410041004101fc080000fc0900410041004101fc0a0000410041004101fc0b003f0040001a0b0b1c03010e6100ff090a0d22275cf09f9880620041010b01630041020b00"},
		{"a memory with its contents", `(memory (export "m") (data "abc" "def"))`,
			"050401010101070501016d02000b0c010041000b06616263646566"},
		{"globals and a start function", `(global $a i32 (i32.const 42)) (global $b (mut funcref) (ref.func $f)) (global v128 (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 -1)) (func $f (global.set $b (ref.null func))) (start $f)`,
			"010401600000030201000620037f00412a0b7001d2000b7b00fd0c000102030405060708090a0b0c0d0eff0b0801000a08010600d07024010b"},
		{"comments", `;; line
(; block (; within ;) ;) (func (; ( ;) nop ;; )
)`,
			"010401600000030201000a05010300010b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(header+test.binary, hex.EncodeToString(assemble(t, test.text))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSpellingsOfTheSameModule(t *testing.T) {
	for _, test := range []struct{ name, one, other string }{
		{"folded and plain", "(func (drop (i32.add (i32.const 1) (i32.const 2))))", "(func i32.const 1 i32.const 2 i32.add drop)"},
		{"folded and plain if", "(func (if (result i32) (i32.const 1) (then (i32.const 2)) (else (i32.const 3))) (drop))", "(func i32.const 1 if (result i32) i32.const 2 else i32.const 3 end drop)"},
		{"names and numbers", "(func $f (param $a i32) (local $b i32) (block $l (br $l)) (local.set $b (local.get $a)) (call $f (i32.const 0)))", "(func (param i32) (local i32) (block (br 0)) (local.set 1 (local.get 0)) (call 0 (i32.const 0)))"},
		{"the inner of two labels of one name", "(func (block $l (block $l (br $l))))", "(func (block (block (br 0))))"},
		{"inline and own export", `(func (export "f"))`, `(func $f) (export "f" (func $f))`},
		{"inline and own import", `(func (import "a" "b"))`, `(import "a" "b" (func))`},
		{"a type by name and by form", "(type $t (func (param i32))) (func (type $t))", "(func (param i32))"},
		{"a type by name and form", "(type $t (func (param i32))) (func (type $t) (param $x i32) (drop (local.get $x)))", "(func (param i32) (drop (local.get 0)))"},
		{"a module around it", "(module $name (func))", "(func)"},
		{"repeated fields", "(@repeat 3 (func))", "(func) (func) (func)"},
		{"repeated instructions", "(func (@repeat 2 i32.const 1 drop))", "(func i32.const 1 drop i32.const 1 drop)"},
		{"repeated strings", `(memory 1) (data (i32.const 0) "a" (@repeat 3 "bc"))`, `(memory 1) (data (i32.const 0) "abcbcbc")`},
		{"repetition in repetition", "(func (@repeat 2 (@repeat 3 nop) drop))", "(func nop nop nop drop nop nop nop drop)"},
		{"repetition of nothing", "(func (@repeat 0 what) (@repeat 5))", "(func)"},
		{"index of the turn", "(func) (func) (func) (func (@repeat 3 (call (@index 0))))", "(func) (func) (func) (func call 0 call 1 call 2)"},
		{"index with a base", "(func) (func) (func) (func (@repeat 2 (call (@index 1))))", "(func) (func) (func) (func call 1 call 2)"},
		{"index in a name", `(func $f) (@repeat 2 (export (@index "e") (func $f)))`, `(func $f) (export "e0" (func $f)) (export "e1" (func $f))`},
		{"index of the inner turn", "(func (@repeat 2 (@repeat 2 i32.const (@index 5)) i32.const (@index 0)))", "(func i32.const 5 i32.const 6 i32.const 0 i32.const 5 i32.const 6 i32.const 1)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if one, other := assemble(t, test.one), assemble(t, test.other); !bytes.Equal(one, other) {
				t.Errorf("%x\n%x", one, other)
			}
		})
	}
}

func TestBytesAreTakenAsTheyAre(t *testing.T) {
	got := assemble(t, `(module binary "\00asm" (@repeat 2 "\ff") "x")`)
	if want := []byte("\x00asm\xff\xffx"); !bytes.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// constant assembles one instruction and reads it from the binary.
func constant(text string) (wasm.Instruction, error) {
	binary, err := wat.Assemble([]byte("(func " + text + ")"))
	if err != nil {
		return wasm.Instruction{}, err
	}
	var ins wasm.Instruction
	body := wasm.NewInstructions(onlyBody(binary))
	if !body.Next(&ins) {
		return ins, body.Err()
	}
	return ins, nil
}

// onlyBody returns the instructions of a module that has one function, without
// parameters and locals. They stand behind 8 bytes of header, 6 of types, 4 of functions,
// 3 of segments' count if there is one, and 5 of the code section.
func onlyBody(binary []byte) []byte {
	if wasm.SectionID(binary[18]) == wasm.SectionDataCount {
		return binary[26:]
	}
	return binary[23:]
}

func TestNumbers(t *testing.T) {
	f32 := func(f float32) uint64 { return uint64(math.Float32bits(f)) }
	f64 := math.Float64bits
	for _, test := range []struct {
		text string
		want uint64
	}{
		{"i32.const 0", 0},
		{"i32.const +7", 7},
		{"i32.const 4294967295", math.MaxUint64},
		{"i32.const -2147483648", 0xffffffff80000000},
		{"i32.const 0x7fff_FFFF", 0x7fffffff},
		{"i32.const -0x1", math.MaxUint64},
		{"i32.const 1_000_000", 1000000},
		{"i64.const 0xffff_ffff_ffff_ffff", math.MaxUint64},
		{"i64.const -9223372036854775808", 1 << 63},
		{"f32.const 0", 0},
		{"f32.const -0", 1 << 31},
		{"f32.const 1.", f32(1)},
		{"f32.const 1e3", f32(1000)},
		{"f32.const -1.5E-3", f32(-1.5e-3)},
		{"f32.const 0x1.8p1", f32(3)},
		{"f32.const 0xA.b", f32(10.6875)},
		{"f32.const 0x1.000001p0", f32(1)}, // ties to even
		{"f32.const 0x1.00000100001p0", 0x3f800001},
		{"f32.const 3.4028234e38", f32(math.MaxFloat32)},
		{"f32.const 0x1p-149", 1},
		{"f32.const 1_0.2_5", f32(10.25)},
		{"f32.const inf", 0x7f800000},
		{"f32.const -inf", 0xff800000},
		{"f32.const nan", 0x7fc00000},
		{"f32.const -nan:0x200000", 0xffa00000},
		{"f64.const nan", 0x7ff8000000000000},
		{"f64.const +nan:0xf_ffff_ffff_ffff", 0x7fffffffffffffff},
		{"f64.const 0x1.fffffffffffffp1023", f64(math.MaxFloat64)},
		{"f64.const 0.1", f64(0.1)},
		{"f64.const 5e-324", 1},
	} {
		t.Run(test.text, func(t *testing.T) {
			if got, err := constant(test.text); err != nil || got.Value != test.want {
				t.Errorf("%#x, %v; want %#x", got.Value, err, test.want)
			}
		})
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	for _, text := range []string{
		"i32.const 4294967296", "i32.const -2147483649", "i32.const 1.0", "i32.const 0x", "i32.const 1__0", "i32.const _1",
		"i32.const 1_", "i32.const --1", "i32.const 08x", "i32.const", `i32.const "1"`, "i32.const (nop)",
		"i64.const 18446744073709551616", "f32.const .5", "f32.const 1e", "f32.const 0x1p", "f32.const 1p3", "f32.const 0x1e+3",
		"f32.const 3.4028236e38", "f32.const nan:0x0", "f32.const nan:0x800000", "f32.const nan:1", "f32.const Inf", "f32.const infinity",
		"f64.const 1e309", "f64.const 1_.5", "f64.const 0x_1",
		"v128.const i32x4 1 2 3", "v128.const i8x16 256 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "v128.const i4x32 1",
		"i32.load align=3", "i32.load align=0", "i32.load offset=-1", "i32.load offset=4294967296", "i32.load align=1 offset=1",
		"i8x16.extract_lane_s 256", "i8x16.shuffle 0 1 2",
	} {
		if got, err := constant(text); err == nil {
			t.Errorf("%s was taken as %#x", text, got.Value)
		}
	}
}

// operands spells immediates for every kind of instruction.
func operands(op wasm.Op) string {
	switch op.Immediate() {
	case wasm.ImmediateLabelTable:
		return "0 1 2"
	case wasm.ImmediateTableTable, wasm.ImmediateElementTable:
		return "3 4"
	case wasm.ImmediateMemoryArgument:
		return "offset=5 align=1"
	case wasm.ImmediateMemoryLane:
		return "offset=5 align=1 1"
	case wasm.ImmediateLanes:
		return "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31"
	case wasm.ImmediateV128:
		return "i16x8 1 2 3 4 5 6 7 8"
	case wasm.ImmediateReferenceType:
		return "extern"
	case wasm.ImmediateTypeTable:
		return "2 (type 1)"
	case wasm.ImmediateNone, wasm.ImmediateMemory, wasm.ImmediateMemoryMemory, wasm.ImmediateBlockType:
		return ""
	}
	return "1"
}

func TestEveryInstructionHasItsName(t *testing.T) {
	tested := 0
	for _, group := range []wasm.Op{0, 0xfc00, 0xfd0000} {
		for op := group; op < group+0x100; op++ {
			if op.Immediate() == 0 || op == wasm.OpElse || op == wasm.OpEnd || op == wasm.OpSelectTyped {
				continue
			}
			text := op.String() + " " + operands(op)
			if op.Immediate() == wasm.ImmediateBlockType {
				text += " end"
			}
			tested++
			got, err := constant(text)
			if err != nil || got.Op != op {
				t.Errorf("%s: %v, %v; want %v", text, got.Op, err, op)
				continue
			}
			again := wasm.AppendInstruction(nil, &got)
			if binary := assemble(t, "(func "+text+")"); !bytes.HasPrefix(onlyBody(binary), again) {
				t.Errorf("%s: %x; want %x", text, binary, again)
			}
		}
	}
	if tested < 400 {
		t.Errorf("%d instructions; WebAssembly 2.0 has more", tested)
	}
}

func TestProblemsNameTheirPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown field", "(module\n  (what))", "2:3: what is not a field of a module"},
		{"unknown instruction", "(func\n  i32.plus)", "2:3: i32.plus is not an instruction"},
		{"unknown folded instruction", "(func (i32.plus))", "1:8: i32.plus is not an instruction"},
		{"unknown function", "(func (call $f))", "1:13: no function of this module is named $f"},
		{"unknown local", "(func local.get $x)", "1:17: no parameter or local"},
		{"unknown label", "(func (br $x))", "1:11: no block around this is labelled $x"},
		{"label out of its block", "(func (block $x) (br $x))", "1:22: no block"},
		{"unknown type", "(func (type $t))", "1:13: no type"},
		{"unknown annotation", "(func (@name nop))", "1:7: unknown annotation @name"},
		{"index outside a repetition", "(func i32.const (@index 0))", "1:17: an index has the form"},
		{"repetition without a number", "(@repeat (func))", "1:1: a repetition has the form"},
		{"repetition of a negative number", "(@repeat -1 (func))", "1:10: \"-1\" is not a number of turns"},
		{"two of one name", "(func $f) (func $f)", "1:17: another function is named $f"},
		{"two parameters of one name", "(func (param $x i32) (local $x i32))", "1:29: another parameter or local"},
		{"two start functions", "(func) (start 0) (start 0)", "1:18: another start function"},
		{"an import behind a function", `(func) (import "a" "b" (func))`, "1:8: imports stand before"},
		{"an inline import behind a memory", `(memory 1) (func (import "a" "b"))`, "1:18: imports stand before"},
		{"other parameters than the type has", "(type $t (func (param i32))) (func (type $t) (param i64))", "1:36: the parameters and results differ"},
		{"named parameters of a block", "(func (block (param $x i32)))", "names"},
		{"left over", "(start 0 1)", "1:10: 1 has no meaning here"},
		{"left over behind a module", "(module) (func)", "1:10: this list has no meaning here"},
		{"missing", "(start)", "1:1: the index of a function is missing"},
		{"no end of a list", "(func (nop)", "1:1: this list has no closing parenthesis"},
		{"too many parentheses", "(func))", "1:7: this parenthesis closes nothing"},
		{"no end of a block", "(func block)", "1:1: block has no end"},
		{"an end too many", "(func end)", "1:7: no block in this list is there for this end"},
		{"else in a loop", "(func loop else end)", "1:12: no block in this list is there for this else"},
		{"else twice", "(func i32.const 0 if else else end)", "1:27: no block"},
		{"end of another label", "(func block $a end $b)", "1:20: the innermost block is not $b"},
		{"then missing", "(func (if (i32.const 0)))", "1:7: an if that is folded has the form"},
		{"no end of a string", `(data "abc`, "1:7: this string has no end"},
		{"no end of a comment", "(func (; (; ;))", "1:7: this comment has no end"},
		{"a line break in a string", "(data \"a\nb\")", "1:9: a control character must be escaped"},
		{"unknown escape", `(data "\x")`, "1:8: unknown escape"},
		{"half an escape", `(data "\0")`, "1:8: unknown escape"},
		{"a surrogate", `(data "\u{d800}")`, "1:8: a character is escaped"},
		{"no end of a character", `(data "\u{41")`, "1:8: a character is escaped"},
		{"strings without a space", `(data "a""b")`, "1:10: white space"},
		{"a name that is not UTF-8", `(func (export "\ff"))`, "1:15: names of imports and exports are UTF-8"},
		{"a character that has no meaning", "(func é)", "1:7: 'é' has no meaning here"},
		{"a dollar alone", "(func $)", "1:7: a name needs"},
		{"a type that is none", "(func (param i33))", "1:14: i33 is not a type of values"},
		{"a table without a type", "(table 1)", "1:1: the type of the table's entries is missing"},
		{"a segment with its table but no offset", "(elem (table 0) func)", "1:7: a segment that names its table has an offset"},
		{"a segment without a type", "(elem)", "1:1: the type of the segment's entries is missing"},
		{"a word for a field", "func", "1:1: func is not a field"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := wat.Assemble([]byte(test.text))
			var problem *wat.Error
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %s", err, test.want)
			}
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	nested := func(depth int) string {
		return "(func " + strings.Repeat("(block ", depth-1) + strings.Repeat(")", depth)
	}
	for _, test := range []struct {
		name, most, more, says string
	}{
		{"nesting", nested(500), nested(501), "nested 500 deep at most"},
		{"repetition", "(func (@repeat 8000000 nop))", "(func (@repeat 9000000 nop))", "8388608 words"},
		{"repetition in repetition", "(func (@repeat 1000 (@repeat 1000 nop)))", "(func (@repeat 1000 (@repeat 1000 (@repeat 1000 nop))))", "8388608 words"},
		{"text", "(func) " + strings.Repeat(" ", 4<<20-7), strings.Repeat(" ", 4<<20+1), "at most 4194304"},
		{"strings", dataOf(64), dataOf(65), "67108864 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := wat.Assemble([]byte(test.most)); err != nil {
				t.Error(err)
			}
			if _, err := wat.Assemble([]byte(test.more)); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %s", err, test.says)
			}
		})
	}
}

func dataOf(mebibytes int) string {
	return fmt.Sprintf(`(module binary (@repeat %d "%s"))`, mebibytes, strings.Repeat("x", 1<<20))
}

func FuzzAssemble(f *testing.F) {
	for _, seed := range []string{
		"", "(module)", "(", ")", `(module binary "\00asm")`, "(@repeat 3 (func (call (@index 0))))", "(@repeat 99999999 (@repeat 99999999 x))",
		"(func block $a end $a if else end (if (then) (else)) (br_table 0 1))", "(func (select (result i32)) (call_indirect 0 (type 0) (param i32)))",
		`(type $t (func (param i32))) (import "a" "b" (func $f (type $t))) (table funcref (elem $f)) (memory (data "x")) (global $g (mut i32) (i32.const 1)) (elem declare func $f) (start $f)`,
		"(func v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 f64.const 0x1.8p+3 i64.load offset=1 align=8)",
		"(; (; ;) ;) ;; x\n(func)", `(data "\u{41}\ff\n")`, "(elem (table 0) (offset (i32.const 0)) funcref (item ref.null func))",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		binary, err := wat.Assemble(text)
		var problem *wat.Error
		if err != nil && (!errors.As(err, &problem) || problem.Line < 1 || problem.Column < 1 || binary != nil) {
			t.Errorf("%x, %v", binary, err)
		}
	})
}
