package wasm

import "encoding/binary"

// AppendUint32 appends an unsigned LEB128 number in its shortest form.
func AppendUint32(dst []byte, v uint32) []byte {
	return binary.AppendUvarint(dst, uint64(v))
}

// AppendInt32 appends a signed LEB128 number in its shortest form.
func AppendInt32(dst []byte, v int32) []byte { return AppendInt64(dst, int64(v)) }

// AppendInt64 appends a signed LEB128 number in its shortest form.
func AppendInt64(dst []byte, v int64) []byte {
	for v < -64 || v >= 64 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v)&0x7f)
}

// AppendName appends a name: its length and its bytes.
func AppendName(dst []byte, name string) []byte {
	return append(AppendUint32(dst, uint32(len(name))), name...)
}

// AppendOp appends an opcode in its shortest form, without immediates.
func AppendOp(dst []byte, op Op) []byte {
	switch op &^ 0xff {
	case miscOps:
		return AppendUint32(append(dst, prefixMisc), uint32(op&0xff))
	case vectorOps:
		return AppendUint32(append(dst, prefixVector), uint32(op&0xff))
	}
	return append(dst, byte(op))
}

// AppendInstruction appends an instruction with its immediates, all numbers in
// their shortest form. Start and End of ins do not matter. An instruction that
// Instructions gave is read again as the same.
func AppendInstruction(dst []byte, ins *Instruction) []byte {
	dst = AppendOp(dst, ins.Op)
	switch ins.Op.Immediate() {
	case ImmediateBlockType:
		return AppendInt64(dst, int64(ins.Block))
	case ImmediateLabel, ImmediateFunction, ImmediateLocal, ImmediateGlobal, ImmediateTable, ImmediateElement, ImmediateData, ImmediateMemory:
		return AppendUint32(dst, ins.Index)
	case ImmediateTypeTable, ImmediateTableTable, ImmediateElementTable, ImmediateDataMemory, ImmediateMemoryMemory:
		return AppendUint32(AppendUint32(dst, ins.Index), ins.Index2)
	case ImmediateLabelTable:
		dst = AppendUint32(dst, uint32(len(ins.Targets)-1))
		for _, label := range ins.Targets {
			dst = AppendUint32(dst, label)
		}
		return dst
	case ImmediateMemoryArgument:
		return AppendUint32(AppendUint32(dst, ins.Align), ins.Offset)
	case ImmediateMemoryLane:
		return append(AppendUint32(AppendUint32(dst, ins.Align), ins.Offset), ins.Lane)
	case ImmediateLane:
		return append(dst, ins.Lane)
	case ImmediateI32:
		return AppendInt32(dst, int32(ins.Value))
	case ImmediateI64:
		return AppendInt64(dst, int64(ins.Value))
	case ImmediateF32:
		return binary.LittleEndian.AppendUint32(dst, uint32(ins.Value))
	case ImmediateF64:
		return binary.LittleEndian.AppendUint64(dst, ins.Value)
	case ImmediateLanes, ImmediateV128:
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, ins.Value), ins.High)
	case ImmediateValueType:
		return append(dst, 1, byte(ins.Type))
	case ImmediateReferenceType:
		return append(dst, byte(ins.Type))
	}
	return dst
}
