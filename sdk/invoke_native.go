//go:build !wasip1

package sdk

// Invoke does the invocation that the host has waiting. Outside a module there is
// no host, so that it does nothing and returns 1; use plugintest.
func (p Plugin) Invoke(int32) int32 { return 1 }
