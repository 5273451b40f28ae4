package outlook

import (
	"errors"

	"github.com/postern-dev/postern/abi"
)

// Confirm settles the outcome of a write. Of a write with [abi.OutcomeUnknown] it asks done, which reads back whether it was carried out;
// if so, the write succeeded. Otherwise, and if done cannot tell, the error stays what it is: the write is not repeated.
func Confirm(err error, done func() (bool, error)) error {
	if !errors.Is(err, abi.OutcomeUnknown) {
		return err
	}
	if is, errDone := done(); errDone == nil && is {
		return nil
	}
	return err
}
