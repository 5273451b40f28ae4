package wasm

import "fmt"

// Op is the opcode of an instruction: the byte itself for the instructions of one
// byte, 0xfc00|n for the n-th behind the prefix 0xfc, and 0xfd0000|n for the n-th
// behind the prefix 0xfd. Every instruction so has one number.
type Op uint32

// The bytes that announce an opcode of more than one byte, and the bits that stand
// for them in an Op.
const (
	prefixMisc   = 0xfc
	prefixVector = 0xfd
	miscOps      = Op(prefixMisc) << 8
	vectorOps    = Op(prefixVector) << 16
)

// Immediate says which immediates follow an opcode, and so which fields of an
// Instruction have a meaning.
type Immediate uint8

// The immediates of WebAssembly 2.0, each with the fields of Instruction it fills.
// The zero Immediate belongs to an opcode that does not exist.
const (
	ImmediateNone           Immediate = iota + 1
	ImmediateBlockType                // Block
	ImmediateLabel                    // Index: how many labels outwards
	ImmediateLabelTable               // Targets: labels, the last one the default
	ImmediateFunction                 // Index
	ImmediateTypeTable                // Index: type; Index2: table
	ImmediateLocal                    // Index
	ImmediateGlobal                   // Index
	ImmediateTable                    // Index
	ImmediateTableTable               // Index: destination; Index2: source
	ImmediateElement                  // Index
	ImmediateElementTable             // Index: element segment; Index2: table
	ImmediateData                     // Index
	ImmediateDataMemory               // Index: data segment; Index2: memory, always 0
	ImmediateMemory                   // Index: always 0
	ImmediateMemoryMemory             // Index: destination; Index2: source; always 0
	ImmediateMemoryArgument           // Align, Offset
	ImmediateMemoryLane               // Align, Offset, Lane
	ImmediateLane                     // Lane
	ImmediateLanes                    // Value, High: sixteen lanes, a byte each
	ImmediateI32                      // Value
	ImmediateI64                      // Value
	ImmediateF32                      // Value: the bits
	ImmediateF64                      // Value: the bits
	ImmediateV128                     // Value: the low 64 bits; High: the others
	ImmediateValueType                // Type
	ImmediateReferenceType            // Type
)

// operation gives the table's entry; the zero operation for an unknown opcode.
func (o Op) operation() operation {
	switch {
	case o < Op(len(plainOperations)):
		return plainOperations[o]
	case o&^0xff == miscOps && int(o&0xff) < len(miscOperations):
		return miscOperations[o&0xff]
	case o&^0xff == vectorOps:
		return vectorOperations[o&0xff]
	}
	return operation{}
}

// String gives the name of the text format, such as "i32.add".
func (o Op) String() string {
	if name := o.operation().name; name != "" {
		return name
	}
	return fmt.Sprintf("unknown opcode %#x", uint32(o))
}

// Immediate tells which immediates the instruction has; 0 for an unknown opcode.
func (o Op) Immediate() Immediate { return o.operation().immediate }

// NaturalAlignment gives the binary logarithm of the bytes that an access to memory
// touches, which is also the largest alignment that it may state.
func (o Op) NaturalAlignment() uint32 { return uint32(o.operation().width) }

// Lanes gives how many lanes the vector of a lane instruction has.
func (o Op) Lanes() uint8 { return vectorBytes >> o.operation().width }

// vectorBytes is the size of a v128.
const vectorBytes = 16

// Lookup finds an instruction by its name of the text format. "select" gives
// OpSelect; the text format writes OpSelectTyped by the same name, with a result.
func Lookup(name string) (Op, bool) {
	for i, o := range plainOperations {
		if o.name == name && o.immediate != 0 {
			return Op(i), true
		}
	}
	for i, o := range miscOperations {
		if o.name == name {
			return miscOps | Op(i), true
		}
	}
	for i, o := range vectorOperations {
		if o.name == name && o.immediate != 0 {
			return vectorOps | Op(i), true
		}
	}
	return 0, false
}
