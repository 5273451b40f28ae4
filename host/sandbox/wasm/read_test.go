package wasm_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

func TestReadGivesTheFields(t *testing.T) {
	start := uint32(1)
	want := &wasm.Module{
		Types: []wasm.FuncType{{}, {Params: []wasm.ValueType{wasm.I32, wasm.V128}, Results: []wasm.ValueType{wasm.ExternRef}}},
		Imports: []wasm.Import{
			{Module: "m", Name: "f", Kind: wasm.ExternFunction, Type: 1},
			{Module: "m", Name: "t", Kind: wasm.ExternTable, Table: wasm.TableType{Type: wasm.ExternRef, Limits: wasm.Limits{Min: 1}}},
			{Module: "m", Name: "g", Kind: wasm.ExternGlobal, Global: wasm.GlobalType{Type: wasm.I32}},
			{Module: "", Name: "é", Kind: wasm.ExternMemory, Memory: wasm.Limits{Min: 1, Max: 2, HasMax: true}},
		},
		Functions: []uint32{0, 1},
		Tables:    []wasm.TableType{{Type: wasm.FuncRef, Limits: wasm.Limits{Max: 9, HasMax: true}}},
		Globals: []wasm.Global{
			{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: wasm.Expr{byte(wasm.OpGlobalGet), 0, end}},
			{Type: wasm.GlobalType{Type: wasm.FuncRef}, Init: wasm.Expr{byte(wasm.OpRefFunc), 2, end}},
		},
		Exports:   []wasm.Export{{Name: "a", Kind: wasm.ExternFunction, Index: 2}, {Name: "", Kind: wasm.ExternTable, Index: 1}},
		Start:     &start,
		DataCount: true,
		Elements: []wasm.Element{
			{Mode: wasm.Active, Table: 1, Offset: zero(), Type: wasm.FuncRef, Functions: []uint32{1, 0}},
			{Mode: wasm.Active, Offset: zero(), Type: wasm.ExternRef, Exprs: []wasm.Expr{{byte(wasm.OpRefNull), externref, end}}},
			{Mode: wasm.Passive, Type: wasm.FuncRef, Functions: []uint32{2}},
			{Mode: wasm.Passive, Type: wasm.ExternRef, Exprs: []wasm.Expr{}},
			{Mode: wasm.Declarative, Type: wasm.FuncRef, Functions: []uint32{2}},
			{Mode: wasm.Declarative, Type: wasm.FuncRef, Exprs: []wasm.Expr{{byte(wasm.OpRefFunc), 0, end}}},
		},
		Code: []wasm.Code{
			{Body: []byte{end}},
			{Locals: []wasm.Local{{Count: 300, Type: wasm.F64}, {Count: 0, Type: wasm.I32}}, Body: []byte{byte(wasm.OpUnreachable), end}},
		},
		Data: []wasm.Data{
			{Mode: wasm.Active, Offset: zero(), Bytes: []byte("text")},
			{Mode: wasm.Passive, Bytes: []byte{}},
		},
	}
	got, err := wasm.Read(want.Bytes(), wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameFields()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := got.ImportCount(wasm.ExternGlobal); n != 1 {
		t.Errorf("%d globals are imported; want 1", n)
	}
}

// refusals are modules that break one rule each, the offset of the byte that an
// error must name, and words of it.
func refusals() map[string]struct {
	binary []byte
	offset int
	says   string
} {
	type refusal = struct {
		binary []byte
		offset int
		says   string
	}
	const first = 8 // offset of the first section
	importOf := func(kind ...byte) []byte {
		return binary(oneType, section(wasm.SectionImport, entries(slices.Concat([]byte{0, 0}, kind))))
	}
	globalOf := func(t byte, init ...byte) []byte {
		return binary(section(wasm.SectionGlobal, entries(slices.Concat([]byte{t, 0}, init))))
	}
	elementOf := func(bytes ...byte) []byte {
		return binary(oneTable, section(wasm.SectionElement, entries(bytes)))
	}
	dataOf := func(bytes ...byte) []byte {
		return binary(oneMemory, section(wasm.SectionData, entries(bytes)))
	}
	codeOf := func(code []byte) []byte {
		return binary(oneType, oneFunction, section(wasm.SectionCode, entries(code)))
	}
	return map[string]refusal{
		"empty":                             {nil, 0, "magic"},
		"other magic":                       {[]byte("\x00ASM\x01\x00\x00\x00"), 0, "magic"},
		"short":                             {[]byte("\x00asm\x01\x00\x00"), 0, "magic"},
		"component":                         {[]byte("\x00asm\x0d\x00\x01\x00"), 4, "version"},
		"unknown section":                   {binary([]byte{13, 0}), first, "no section 13"},
		"section without size":              {binary([]byte{1}), first + 1, "end too early"},
		"section longer than the module":    {binary([]byte{1, 2, 0}), first, "size of 2 bytes, but 1 are left"},
		"section with bytes left over":      {binary([]byte{1, 2, 0, 0}), first + 3, "1 bytes too many"},
		"section that ends early":           {binary([]byte{1, 2, 1, 0x60}), first + 2, "only 1 bytes are left"},
		"size that does not fit":            {binary([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x10}), first + 1, "does not fit 32 bits"},
		"size of six bytes":                 {binary([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), first + 1, "more bytes than 32 bits need"},
		"sections out of order":             {binary(oneMemory, oneType), first + len(oneMemory), "out of order"},
		"section twice":                     {binary(oneType, oneType), first + len(oneType), "there twice"},
		"data count behind code":            {binary(oneType, oneFunction, emptyCode, section(wasm.SectionDataCount, []byte{0})), first + len(oneType) + len(oneFunction) + len(emptyCode), "out of order"},
		"custom section without name":       {binary(section(wasm.SectionCustom)), first + 2, "end too early"},
		"custom section's name too long":    {binary(section(wasm.SectionCustom, []byte{2, 'a'})), first + 2, "1 bytes are left"},
		"custom section's name not UTF-8":   {binary(section(wasm.SectionCustom, []byte{1, 0xff})), first + 3, "UTF-8"},
		"type that is no function":          {binary(section(wasm.SectionType, entries([]byte{0x5e, 0, 0}))), first + 3, "form 0x5e"},
		"recursive types":                   {binary(section(wasm.SectionType, entries([]byte{0x4e, 0, 0}))), first + 3, "form 0x4e"},
		"unknown value type":                {binary(section(wasm.SectionType, entries([]byte{0x60, 1, 0x40, 0}))), first + 5, "no value type"},
		"typed reference as value type":     {binary(section(wasm.SectionType, entries([]byte{0x60, 1, 0x64, 0}))), first + 5, "no value type"},
		"more types than bytes":             {binary(section(wasm.SectionType, []byte{0x90, 0x4e})), first + 2, "10000 types are announced"},
		"import of unknown kind":            {importOf(4, 0), 19, "no import of kind 0x4"},
		"import of a missing type":          {importOf(0, 1), 20, "type 1 does not exist; there are 1"},
		"imported table of numbers":         {importOf(1, i32, 0, 0), 20, "no reference type"},
		"imported name not UTF-8":           {binary(section(wasm.SectionImport, entries([]byte{1, 0x80, 0, 2, 0, 0}))), first + 4, "UTF-8"},
		"imported global of odd mutability": {importOf(3, i32, 2), 21, "mutability must be 0 or 1"},
		"function of a missing type":        {binary(oneType, section(wasm.SectionFunction, entries([]byte{1}))), 17, "type 1 does not exist"},
		"functions without code":            {binary(oneType, oneFunction), 18, "1 functions are declared, but 0 have code"},
		"code without functions":            {binary(oneType, emptyCode), 16, "0 functions are declared, but 1 have code"},
		"table of numbers":                  {binary(section(wasm.SectionTable, entries([]byte{i32, 0, 0}))), first + 3, "no reference type"},
		"table with initial value":          {binary(section(wasm.SectionTable, entries([]byte{0x40, 0, funcref, 0, 0}))), first + 3, "no reference type"},
		"table's maximum below minimum":     {binary(section(wasm.SectionTable, entries([]byte{funcref, 1, 2, 1}))), first + 4, "a table of at least 2 but at most 1"},
		"shared memory":                     {binary(section(wasm.SectionMemory, entries([]byte{3, 0, 1}))), first + 3, "flag of limits"},
		"memory of 64 bits":                 {binary(section(wasm.SectionMemory, entries([]byte{4, 0}))), first + 3, "flag of limits"},
		"flag of limits of two bytes":       {binary(section(wasm.SectionMemory, entries([]byte{0x80, 0, 0}))), first + 3, "flag of limits"},
		"memory beyond 4 GiB":               {binary(section(wasm.SectionMemory, entries([]byte{0, 0x81, 0x80, 4}))), first + 3, "65536 pages"},
		"memory's maximum beyond 4 GiB":     {binary(section(wasm.SectionMemory, entries([]byte{1, 0, 0x81, 0x80, 4}))), first + 3, "65536 pages"},
		"two memories":                      {binary(section(wasm.SectionMemory, entries([]byte{0, 1}, []byte{0, 1}))), first + 5, "two memories"},
		"imported memory and another":       {binary(section(wasm.SectionImport, entries([]byte{0, 0, 2, 0, 1})), oneMemory), 19, "two memories"},
		"global without value":              {globalOf(i32, end, end), first + 5, "end is not a constant instruction"},
		"global with two values":            {globalOf(i32, byte(wasm.OpI32Const), 0, byte(wasm.OpI32Const), 0, end), first + 7, "one constant instruction"},
		"global's value of another type":    {globalOf(i64, zero()...), first + 5, "gives i32 where i64 is needed"},
		"global with extended constant":     {globalOf(i32, byte(wasm.OpI32Add), end), first + 5, "i32.add is not a constant"},
		"global from its own":               {globalOf(i32, byte(wasm.OpGlobalGet), 0, end), first + 5, "not an imported immutable one"},
		"global from an imported mutable":   {binary(section(wasm.SectionImport, entries([]byte{0, 0, 3, i32, 1})), section(wasm.SectionGlobal, entries([]byte{i32, 0, byte(wasm.OpGlobalGet), 0, end}))), 21, "not an imported immutable one"},
		"global from a missing function":    {globalOf(funcref, byte(wasm.OpRefFunc), 0, end), first + 5, "function 0 does not exist"},
		"global of a typed null":            {globalOf(funcref, byte(wasm.OpRefNull), 0, end), first + 6, "no reference type"},
		"global's value cut off":            {globalOf(i32, byte(wasm.OpF64Const), 0, 0), first + 8, "end too early"},
		"export of unknown kind":            {binary(section(wasm.SectionExport, entries([]byte{0, 4, 0}))), first + 4, "no export of kind 0x4"},
		"export of a missing function":      {binary(section(wasm.SectionExport, entries([]byte{0, 0, 0}))), first + 5, "function 0 does not exist; there are 0"},
		"export of a missing table":         {binary(section(wasm.SectionExport, entries([]byte{0, 1, 0}))), first + 5, "table 0 does not exist"},
		"export of a missing memory":        {binary(section(wasm.SectionExport, entries([]byte{0, 2, 0}))), first + 5, "memory 0 does not exist"},
		"export of a missing global":        {binary(section(wasm.SectionExport, entries([]byte{0, 3, 0}))), first + 5, "global 0 does not exist"},
		"export's name not UTF-8":           {binary(oneMemory, section(wasm.SectionExport, entries([]byte{2, 0xc0, 0x80, 2, 0}))), 17, "UTF-8"},
		"two exports of a name":             {binary(oneMemory, section(wasm.SectionExport, entries([]byte{1, 'm', 2, 0}, []byte{1, 'm', 2, 0}))), 20, `two exports are named "m"`},
		"missing start function":            {binary(section(wasm.SectionStart, []byte{0})), first + 2, "function 0 does not exist"},
		"start function with parameters":    {binary(section(wasm.SectionType, entries([]byte{0x60, 1, i32, 0})), section(wasm.SectionImport, entries([]byte{0, 0, 0, 0})), section(wasm.SectionStart, []byte{0})), 24, "start function takes or gives"},
		"element segment of unknown form":   {elementOf(8, 0, 0), 17, "form 8"},
		"elements for no table":             {binary(section(wasm.SectionElement, entries(slices.Concat([]byte{0}, zero(), entries())))), first + 3, "no table"},
		"elements for a missing table":      {elementOf(slices.Concat([]byte{2, 1}, zero(), []byte{0, 0})...), 18, "table 1 does not exist"},
		"elements of unknown kind":          {elementOf(1, 1, 0), 18, "kind of elements 0x1"},
		"elements of another type":          {elementOf(slices.Concat([]byte{6, 0}, zero(), []byte{externref, 0})...), 17, "elements of externref for a table of funcref"},
		"elements at a wide offset":         {elementOf(0, byte(wasm.OpI64Const), 0, end, 0), 18, "gives i64 where i32"},
		"element that is missing":           {elementOf(1, 0, 1, 0), 20, "function 0 does not exist"},
		"element of another type":           {elementOf(5, funcref, 1, byte(wasm.OpRefNull), externref, end), 20, "gives externref where funcref"},
		"element of numbers":                {elementOf(5, i32, 0), 18, "no reference type"},
		"more elements than bytes":          {elementOf(1, 0, 0xff, 0x3f), 19, "8191 elements in element segments are announced"},
		"data segment of unknown form":      {dataOf(3, 0), 16, "form 3"},
		"data for no memory":                {binary(section(wasm.SectionData, entries(slices.Concat([]byte{0}, zero(), []byte{0})))), first + 3, "no memory"},
		"data for a missing memory":         {dataOf(slices.Concat([]byte{2, 1}, zero(), []byte{0})...), 17, "memory 1 does not exist"},
		"data at a wide offset":             {dataOf(0, byte(wasm.OpI64Const), 0, end, 0), 17, "gives i64 where i32"},
		"data cut off":                      {dataOf(1, 2, 'a'), 19, "end too early"},
		"data count without data":           {binary(section(wasm.SectionDataCount, []byte{1})), first + 3, "says 1, but there are 0"},
		"data count below data":             {binary(section(wasm.SectionDataCount, []byte{0}), section(wasm.SectionData, entries([]byte{1, 0}))), 16, "says 0, but there are 1"},
		"body longer than the section":      {codeOf([]byte{3, 0, end}), 21, "only 2 bytes are left"},
		"empty body":                        {codeOf([]byte{0, 0, 0}), 22, "end too early"},
		"body without instructions":         {codeOf([]byte{1, 0, 0}), 23, "lacks 1 ends"},
		"locals of unknown type":            {codeOf(functionWith(entries([]byte{1, 0x40}), end)), 24, "no value type"},
		"more declarations than bytes":      {codeOf(functionWith([]byte{9}, end)), 22, "9 declarations of locals are announced"},
	}
}

// bodies are function bodies that break one rule each, the offset in the body, and
// words of the error. They stand in the module that withBody makes.
func bodies() map[string]struct {
	body   []byte
	offset int
	says   string
} {
	return map[string]struct {
		body   []byte
		offset int
		says   string
	}{
		"no end":                             {[]byte{byte(wasm.OpNop)}, 1, "lacks 1 ends"},
		"block without end":                  {[]byte{byte(wasm.OpBlock), 0x40, end}, 3, "lacks 1 ends"},
		"instructions behind the end":        {[]byte{end, byte(wasm.OpNop), end}, 1, "goes on behind its end"},
		"else without if":                    {[]byte{byte(wasm.OpElse), end}, 0, "else stands without an if"},
		"else in a block":                    {[]byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpElse), end, end}, 2, "without an if"},
		"two elses":                          {[]byte{byte(wasm.OpIf), 0x40, byte(wasm.OpElse), byte(wasm.OpElse), end, end}, 3, "without an if"},
		"block of unknown type":              {[]byte{byte(wasm.OpBlock), 0x41, end, end}, 1, "no type of a block"},
		"block of padded value type":         {[]byte{byte(wasm.OpBlock), 0xff, 0x7f, end, end}, 1, "no type of a block"},
		"block of padded empty type":         {[]byte{byte(wasm.OpBlock), 0xc0, 0x7f, end, end}, 1, "no type of a block"},
		"block of a missing type":            {[]byte{byte(wasm.OpBlock), 1, end, end}, 0, "names type 1"},
		"block type beyond 33 bits":          {[]byte{byte(wasm.OpBlock), 0x80, 0x80, 0x80, 0x80, 0x10, end, end}, 1, "does not fit 33 bits"},
		"branch to a missing label":          {[]byte{byte(wasm.OpBr), 1, end}, 0, "br names label 1, which does not exist; there are 1"},
		"conditional branch beyond":          {[]byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpBrIf), 2, end, end}, 2, "names label 2"},
		"table branch to a missing label":    {[]byte{byte(wasm.OpBrTable), 1, 1, 0, end}, 0, "names label 1"},
		"table branch to a missing default":  {[]byte{byte(wasm.OpBrTable), 0, 1, end}, 0, "names label 1"},
		"more labels than bytes":             {[]byte{byte(wasm.OpBrTable), 9, 0, end}, 1, "names 10 labels, but 2 bytes are left"},
		"call of a missing function":         {[]byte{byte(wasm.OpCall), 2, end}, 0, "names function 2, which does not exist; there are 2"},
		"indirect call of a missing type":    {[]byte{byte(wasm.OpCallIndirect), 1, 0, end}, 0, "names type 1"},
		"indirect call by a missing table":   {[]byte{byte(wasm.OpCallIndirect), 0, 2, end}, 0, "names table 2"},
		"indirect call by a table of others": {[]byte{byte(wasm.OpCallIndirect), 0, 1, end}, 0, "does not hold functions"},
		"missing local":                      {[]byte{byte(wasm.OpLocalGet), 2, end}, 0, "names local 2, which does not exist; there are 2"},
		"missing global":                     {[]byte{byte(wasm.OpGlobalGet), 2, end}, 0, "names global 2"},
		"immutable global set":               {[]byte{byte(wasm.OpGlobalSet), 0, end}, 0, "global 0, which is not mutable"},
		"missing table":                      {[]byte{byte(wasm.OpTableGet), 2, end}, 0, "names table 2"},
		"reference to undeclared function":   {[]byte{byte(wasm.OpRefFunc), 1, end}, 0, "declares"},
		"reference to a missing function":    {[]byte{byte(wasm.OpRefFunc), 2, end}, 0, "names function 2, which does not exist"},
		"missing data segment":               {[]byte{0xfc, 9, 1, end}, 0, "data.drop names data segment 1"},
		"missing data segment to copy":       {[]byte{0xfc, 8, 1, 0, end}, 0, "memory.init names data segment 1"},
		"missing element segment":            {[]byte{0xfc, 13, 2, end}, 0, "elem.drop names element segment 2"},
		"missing element segment to copy":    {[]byte{0xfc, 12, 2, 0, end}, 0, "table.init names element segment 2"},
		"table.init of another type":         {[]byte{0xfc, 12, 0, 1, end}, 0, "copies funcref into a table of externref"},
		"table.copy of another type":         {[]byte{0xfc, 14, 0, 1, end}, 0, "copies externref into a table of funcref"},
		"table.copy from a missing table":    {[]byte{0xfc, 14, 0, 2, end}, 0, "names table 2"},
		"alignment beyond the natural":       {[]byte{byte(wasm.OpI32Load), 3, 0, end}, 1, "alignment of 2^3 bytes; the largest is 2^2"},
		"alignment of a huge number":         {[]byte{byte(wasm.OpI32Load), 0xff, 0xff, 0xff, 0xff, 0x0f, 0, end}, 1, "alignment"},
		"second memory":                      {[]byte{byte(wasm.OpMemorySize), 1, end}, 1, "must be one byte, zero"},
		"memory's index padded":              {[]byte{byte(wasm.OpMemoryGrow), 0x80, 0, end}, 1, "must be one byte, zero"},
		"memory.copy's second memory":        {[]byte{0xfc, 10, 0, 1, end}, 3, "must be one byte, zero"},
		"i32.const too wide":                 {[]byte{byte(wasm.OpI32Const), 0xff, 0xff, 0xff, 0xff, 0x0f, end}, 1, "does not fit 32 bits"},
		"i32.const of six bytes":             {[]byte{byte(wasm.OpI32Const), 0x80, 0x80, 0x80, 0x80, 0x80, 0, end}, 1, "more bytes than 32 bits"},
		"i64.const too wide":                 {[]byte{byte(wasm.OpI64Const), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, end}, 1, "does not fit 64 bits"},
		"f64.const cut off":                  {[]byte{byte(wasm.OpF64Const), 0, 0, 0, end}, 5, "end too early"},
		"select of two types":                {[]byte{byte(wasm.OpSelectTyped), 2, i32, i32, end}, 1, "must have one"},
		"select of an unknown type":          {[]byte{byte(wasm.OpSelectTyped), 1, 0x64, end}, 2, "no value type"},
		"null of a number":                   {[]byte{byte(wasm.OpRefNull), i32, end}, 1, "no reference type"},
		"lane beyond the vector":             {[]byte{0xfd, 0x1b, 4, end}, 2, "lane 4 of a vector with 4 lanes"},
		"loaded lane beyond the vector":      {[]byte{0xfd, 0x57, 0, 0, 2, end}, 4, "lane 2 of a vector with 2 lanes"},
		"shuffled lane beyond both":          {append([]byte{0xfd, 0x0d}, append(make([]byte, 15), 32, end)...), 17, "lane 32"},
		"unknown opcode":                     {[]byte{0xff, end}, 0, "opcode 0xff"},
		"tail call":                          {[]byte{0x12, 0, end}, 0, "opcode 0x12"},
		"exception":                          {[]byte{0x08, 0, end}, 0, "opcode 0x8"},
		"atomic access":                      {[]byte{0xfe, 0x10, 2, 0, end}, 0, "opcode 0xfe"},
		"unknown opcode behind 0xfc":         {[]byte{0xfc, 0x12, end}, 0, "opcode 0xfc 0x12"},
		"unknown vector opcode":              {[]byte{0xfd, 0x9a, 1, end}, 0, "opcode 0xfd 0x9a"},
		"relaxed vector opcode":              {[]byte{0xfd, 0x80, 2, end}, 0, "opcode behind 0xfd"},
		// The engine would take this v128.const for i16x8.shr_s and unreachable.
		"vector opcode in a longer form": {append([]byte{0xfd, 0x8c, 0x00}, append(make([]byte, 16), end)...), 0, "shortest form"},
	}
}

func wantSyntaxError(t *testing.T, binary []byte, offset int, says string) {
	t.Helper()
	_, err := wasm.Read(binary, wasm.DefaultBounds())
	syntax, ok := errors.AsType[*wasm.SyntaxError](err)
	if !ok {
		t.Fatalf("error %v; want a SyntaxError that says %q", err, says)
	}
	if syntax.Offset != offset || !strings.Contains(syntax.Problem, says) {
		t.Errorf("at %d: %s; want at %d: %q", syntax.Offset, syntax.Problem, offset, says)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, refused := range refusals() {
		t.Run(name, func(t *testing.T) { wantSyntaxError(t, refused.binary, refused.offset, refused.says) })
	}
}

func TestReadRefusesBodies(t *testing.T) {
	intact := withBody(end)
	if _, err := wasm.Read(intact, wasm.DefaultBounds()); err != nil {
		t.Fatal(err)
	}
	for name, refused := range bodies() {
		t.Run(name, func(t *testing.T) {
			module := withBody(refused.body...)
			// The body stands behind the declarations of locals: one, of two i64.
			at := strings.Index(string(module), string(append([]byte{1, 2, i64}, refused.body...))) + 3
			wantSyntaxError(t, module, at+refused.offset, refused.says)
		})
	}
}

func TestReadRefusesWhatABodyNeedsButTheModuleLacks(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		says string
	}{
		"memory":         {[]byte{byte(wasm.OpMemorySize), 0, end}, "memory.size names memory 0"},
		"memory to load": {[]byte{0xfd, 0x54, 0, 0, 0, end}, "v128.load8_lane names memory 0"},
		"memory to copy": {[]byte{0xfc, 10, 0, 0, end}, "memory.copy names memory 0"},
		"data count":     {[]byte{0xfc, 9, 0, end}, "data.drop needs a data count section"},
		"table":          {[]byte{byte(wasm.OpCallIndirect), 0, 0, end}, "call_indirect names table 0"},
		"declaration":    {[]byte{byte(wasm.OpRefFunc), 0, end}, "declares"},
	} {
		t.Run(name, func(t *testing.T) {
			module := binary(oneType, oneFunction, section(wasm.SectionCode, entries(function(test.body...))))
			wantSyntaxError(t, module, len(module)-len(test.body), test.says)
		})
	}
}

func TestReadAdmitsWhatABoundAdmitsAndNoMore(t *testing.T) {
	module := binary(
		section(wasm.SectionType, entries([]byte{0x60, 2, i32, i32, 0}, []byte{0x60, 0, 2, i32, i32})),
		section(wasm.SectionImport, entries([]byte{2, 'a', 'b', 0, 0, 0}, []byte{0, 0, 1, funcref, 0, 0})),
		section(wasm.SectionFunction, entries([]byte{0}, []byte{0})),
		section(wasm.SectionTable, entries([]byte{funcref, 0, 1})),
		section(wasm.SectionGlobal, entries(slices.Concat([]byte{i32, 0}, zero()), slices.Concat([]byte{i32, 0}, zero()))),
		section(wasm.SectionExport, entries([]byte{1, 'a', 0, 0}, []byte{1, 'b', 0, 0})),
		section(wasm.SectionElement, entries([]byte{1, 0, 1, 0}, []byte{1, 0, 1, 0})),
		section(wasm.SectionCode, entries(
			functionWith(entries([]byte{1, i64}),
				byte(wasm.OpBlock), 0x40, byte(wasm.OpBlock), 0x40, byte(wasm.OpUnreachable), byte(wasm.OpBrTable), 1, 0, 0, end, end, end),
			function(end),
		)),
		section(wasm.SectionData, entries([]byte{1, 0}, []byte{1, 0})),
		custom("x", ""), custom("y", ""),
	)
	exact := wasm.Bounds{
		ModuleBytes: uint32(len(module)), Types: 2, Parameters: 2, Results: 2, Imports: 2, Functions: 2, Tables: 2, Globals: 2,
		Exports: 2, Elements: 2, ElementEntries: 2, Data: 2, CustomSections: 2, NameBytes: 2, BodyBytes: 15, Locals: 3,
		AllLocals: 5, Nesting: 2, Labels: 2,
	}
	if _, err := wasm.Read(module, exact); err != nil {
		t.Fatalf("at its bounds: %v", err)
	}
	for name, test := range map[string]struct {
		lower func(b *wasm.Bounds) *uint32
		what  string
	}{
		"bytes":           {func(b *wasm.Bounds) *uint32 { return &b.ModuleBytes }, "bytes"},
		"types":           {func(b *wasm.Bounds) *uint32 { return &b.Types }, "types"},
		"parameters":      {func(b *wasm.Bounds) *uint32 { return &b.Parameters }, "parameters of a function"},
		"results":         {func(b *wasm.Bounds) *uint32 { return &b.Results }, "results of a function"},
		"imports":         {func(b *wasm.Bounds) *uint32 { return &b.Imports }, "imports"},
		"functions":       {func(b *wasm.Bounds) *uint32 { return &b.Functions }, "functions"},
		"tables":          {func(b *wasm.Bounds) *uint32 { return &b.Tables }, "tables"},
		"globals":         {func(b *wasm.Bounds) *uint32 { return &b.Globals }, "globals"},
		"exports":         {func(b *wasm.Bounds) *uint32 { return &b.Exports }, "exports"},
		"elements":        {func(b *wasm.Bounds) *uint32 { return &b.Elements }, "element segments"},
		"element entries": {func(b *wasm.Bounds) *uint32 { return &b.ElementEntries }, "elements in element segments"},
		"data":            {func(b *wasm.Bounds) *uint32 { return &b.Data }, "data segments"},
		"custom sections": {func(b *wasm.Bounds) *uint32 { return &b.CustomSections }, "custom sections"},
		"name":            {func(b *wasm.Bounds) *uint32 { return &b.NameBytes }, "bytes in a name"},
		"body":            {func(b *wasm.Bounds) *uint32 { return &b.BodyBytes }, "bytes in a function body"},
		"locals":          {func(b *wasm.Bounds) *uint32 { return &b.Locals }, "locals in a function"},
		"all locals":      {func(b *wasm.Bounds) *uint32 { return &b.AllLocals }, "locals in all functions"},
		"nesting":         {func(b *wasm.Bounds) *uint32 { return &b.Nesting }, "nested blocks"},
		"labels":          {func(b *wasm.Bounds) *uint32 { return &b.Labels }, "labels in a br_table"},
	} {
		t.Run(name, func(t *testing.T) {
			bounds := exact
			most := test.lower(&bounds)
			*most--
			_, err := wasm.Read(module, bounds)
			bound, ok := errors.AsType[*wasm.BoundError](err)
			if !ok {
				t.Fatalf("error %v; want a BoundError", err)
			}
			if bound.What != test.what || bound.Most != uint64(*most) || bound.Count != bound.Most+1 {
				t.Errorf("%v; want %d %s beyond %d", err, *most+1, test.what, *most)
			}
		})
	}
}

// TestReadAllocatesLittle reads modules that make the most of few bytes.
func TestReadAllocatesLittle(t *testing.T) {
	const n = 20_000
	repeated := func(entry ...byte) []byte { return entries(slices.Repeat([][]byte{entry}, n)...) }
	for name, module := range map[string][]byte{
		"types":                 binary(section(wasm.SectionType, repeated(0x60, 0, 0))),
		"imports":               binary(oneType, section(wasm.SectionImport, entries(slices.Repeat([][]byte{{0, 0, 0, 0}}, n/2)...))),
		"functions":             binary(oneType, section(wasm.SectionFunction, repeated(0)), section(wasm.SectionCode, repeated(2, 0, end))),
		"globals":               binary(section(wasm.SectionGlobal, repeated(i32, 0, byte(wasm.OpI32Const), 0, end))),
		"elements":              binary(section(wasm.SectionElement, repeated(1, 0, 0))),
		"element entries":       binary(oneType, oneFunction, section(wasm.SectionElement, entries([]byte{1, 0}, repeated(0))), emptyCode),
		"element expressions":   binary(section(wasm.SectionElement, entries(slices.Concat([]byte{5, funcref}, repeated(byte(wasm.OpRefNull), funcref, end))))),
		"data":                  binary(section(wasm.SectionData, repeated(1, 0))),
		"locals":                binary(oneType, oneFunction, section(wasm.SectionCode, entries(functionWith(repeated(1, i32), end)))),
		"labels":                binary(oneType, oneFunction, section(wasm.SectionCode, entries(function(slices.Concat([]byte{byte(wasm.OpBrTable)}, repeated(0), []byte{0, end})...)))),
		"blocks":                binary(oneType, oneFunction, section(wasm.SectionCode, entries(function(append(slices.Repeat([]byte{byte(wasm.OpBlock), 0x40}, n), slices.Repeat([]byte{end}, n+1)...)...)))),
		"counts without bytes":  binary(section(wasm.SectionType, []byte{0x90, 0x4e})),
		"a size without bytes":  binary([]byte{byte(wasm.SectionCode), 0xff, 0xff, 0xff, 0x7f}),
		"labels without bytes":  binary(oneType, oneFunction, section(wasm.SectionCode, entries(function(byte(wasm.OpBrTable), 0xff, 0xff, 0xff, 0x7f)))),
		"locals without memory": binary(oneType, oneFunction, section(wasm.SectionCode, entries(functionWith(entries([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, i64}), end)))),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := wasm.Read(module, wasm.DefaultBounds())
			runtime.ReadMemStats(&after)
			const most, fixed = 30, 16 << 10 // the widest entry, a data segment: 56 bytes from 2
			if got := after.TotalAlloc - before.TotalAlloc; got > uint64(most*len(module)+fixed) {
				t.Errorf("%d bytes allocated for %d of input (%v)", got, len(module), err)
			}
		})
	}
}
