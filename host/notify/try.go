package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// addressInUse is what Windows says of an address that another process has. Its package syscall gives EADDRINUSE a number of its own.
const addressInUse = syscall.Errno(10048)

// ErrInUse says that another process listens on an address.
var ErrInUse = errors.New("another process listens there")

// TryListen listens on an address for a moment. The error is [ErrInUse] if another process does.
func TryListen(ctx context.Context, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return listener.Close()
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, addressInUse):
		return ErrInUse
	default:
		return err
	}
}

// TryCertificate reads a certificate with those that it was issued by, and its private key, in PEM, as a [Receiver] does. isAlone says that
// somebody has issued it who is not among them.
func TryCertificate(certificate, key []byte) (leaf *x509.Certificate, isAlone bool, err error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, false, err
	}
	return pair.Leaf, len(pair.Certificate) == 1 && pair.Leaf.CheckSignatureFrom(pair.Leaf) != nil, nil
}
