// Package policy decides what a plugin may do: what its manifest asks for,
// intersected with what the operator grants. Nothing is allowed by default, and an
// empty list allows nothing.
//
// # Model
//
// A grant is the operator's word for an action on a connection. [NewPermit] checks that the
// grant covers what the action needs, and yields a [Permit]: all that one kind of
// invocation may do. [Permit.Request] then judges each Graph request of the guest:
// its capability, template, parameters, query options, headers, and every
// recipient in its body. All of it is data, so the same code explains a decision
// without anything running.
//
// # Failure
//
// A denial is an [*abi.Error] with policy_denied. Its detail says what was asked,
// which line of the operator's file or of the manifest decided, and the lines of
// TOML that would allow it, if the operator can. An action that the connection's
// kind of token cannot do is not_supported, whatever is granted.
package policy
