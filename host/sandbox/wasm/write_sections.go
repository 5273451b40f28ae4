package wasm

func appendFuncType(dst []byte, t *FuncType) []byte {
	dst = append(dst, functionForm)
	return appendValueTypes(appendValueTypes(dst, t.Params), t.Results)
}

func appendValueTypes(dst []byte, types []ValueType) []byte {
	dst = AppendUint32(dst, uint32(len(types)))
	for _, t := range types {
		dst = append(dst, byte(t))
	}
	return dst
}

func appendImport(dst []byte, i *Import) []byte {
	dst = append(AppendName(AppendName(dst, i.Module), i.Name), byte(i.Kind))
	switch i.Kind {
	case ExternFunction:
		return AppendUint32(dst, i.Type)
	case ExternTable:
		return appendTableType(dst, &i.Table)
	case ExternMemory:
		return appendLimits(dst, &i.Memory)
	case ExternGlobal:
		return appendGlobalType(dst, i.Global)
	}
	return dst
}

func appendTableType(dst []byte, t *TableType) []byte {
	return appendLimits(append(dst, byte(t.Type)), &t.Limits)
}

func appendLimits(dst []byte, l *Limits) []byte {
	if l.HasMax {
		return AppendUint32(AppendUint32(append(dst, 1), l.Min), l.Max)
	}
	return AppendUint32(append(dst, 0), l.Min)
}

func appendGlobalType(dst []byte, t GlobalType) []byte {
	mutable := byte(0)
	if t.Mutable {
		mutable = 1
	}
	return append(dst, byte(t.Type), mutable)
}

func appendGlobal(dst []byte, g *Global) []byte {
	return append(appendGlobalType(dst, g.Type), g.Init...)
}

func appendExport(dst []byte, e *Export) []byte {
	return AppendUint32(append(AppendName(dst, e.Name), byte(e.Kind)), e.Index)
}

func appendElement(dst []byte, e *Element) []byte {
	bits := e.bits()
	dst = AppendUint32(dst, bits)
	if e.Mode == Active {
		if bits&elementExplicit != 0 {
			dst = AppendUint32(dst, e.Table)
		}
		dst = append(dst, e.Offset...)
	}
	if bits&elementExprs == 0 {
		if bits != 0 {
			dst = append(dst, elementFunctions)
		}
		return appendIndices(dst, e.Functions)
	}
	if bits != elementExprs {
		dst = append(dst, byte(e.Type))
	}
	return appendAll(dst, e.Exprs, appendExpr)
}

// bits chooses the shortest form of an element segment.
func (e *Element) bits() uint32 {
	var bits uint32
	switch e.Mode {
	case Passive:
		bits = elementNotActive
	case Declarative:
		bits = elementNotActive | elementExplicit
	case Active:
		if e.Table != 0 || e.Type != FuncRef {
			bits = elementExplicit
		}
	}
	if e.Exprs != nil || e.Type != FuncRef {
		bits |= elementExprs
	}
	return bits
}

func appendExpr(dst []byte, e *Expr) []byte { return append(dst, *e...) }

// size is how many bytes a function's code takes, without its length.
func (c *Code) size() int {
	n := sizeUint32(uint32(len(c.Locals))) + len(c.Body)
	for i := range c.Locals {
		n += sizeUint32(c.Locals[i].Count) + 1
	}
	return n
}

// sizeUint32 is how many bytes AppendUint32 appends.
func sizeUint32(v uint32) int {
	n := 1
	for v >>= 7; v > 0; v >>= 7 {
		n++
	}
	return n
}

func appendCode(dst []byte, c *Code) []byte {
	dst = AppendUint32(dst, uint32(c.size()))
	dst = AppendUint32(dst, uint32(len(c.Locals)))
	for i := range c.Locals {
		dst = append(AppendUint32(dst, c.Locals[i].Count), byte(c.Locals[i].Type))
	}
	return append(dst, c.Body...)
}

func appendData(dst []byte, d *Data) []byte {
	switch {
	case d.Mode == Passive:
		dst = AppendUint32(dst, dataPassive)
	case d.Memory != 0:
		dst = append(AppendUint32(AppendUint32(dst, dataExplicit), d.Memory), d.Offset...)
	default:
		dst = append(AppendUint32(dst, dataActive), d.Offset...)
	}
	return append(AppendUint32(dst, uint32(len(d.Bytes))), d.Bytes...)
}
