package extism

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/postern-dev/postern/abi"
)

func refuse(format string, args ...any) *abi.Error {
	return &abi.Error{Code: abi.PluginFailed, Message: "module refused: " + fmt.Sprintf(format, args...)}
}

func memoryExhausted(most uint64) *abi.Error {
	return &abi.Error{Code: abi.MemoryExhausted, Message: "the plugin needed more memory than the " + strconv.FormatUint(most>>20, 10) +
		" MiB that it and Extism may have together; ask for less, free Extism's blocks, or raise memory in the grant's limits up to the plugin's own"}
}

// trapped turns the engine's error into one for the reader. The text after the
// first line is a stack trace of the guest.
func trapped(err error) *abi.Error {
	reason, _, _ := strings.Cut(err.Error(), "\n")
	return &abi.Error{Code: abi.PluginFailed, Message: "the plugin trapped: " + strings.TrimPrefix(reason, "wasm error: ")}
}

// failed tells what the plugin says of its failure, on one line and without what
// would move a terminal's cursor.
func failed(code uint32, said []byte) *abi.Error {
	if len(said) == 0 {
		return &abi.Error{Code: abi.PluginFailed, Message: "the plugin failed without saying why: " + abi.ExportInvoke + " returned " + strconv.Itoa(int(int32(code)))}
	}
	text := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(string(said), ""))
	return &abi.Error{Code: abi.PluginFailed, Message: "the plugin failed: " + text}
}
