package main

import (
	"context"
	"net"

	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/graphtest/web"
)

// serveWeb serves the page for a person, and returns where it is and how to end it.
func serveWeb(ctx context.Context, server *graphtest.Server, address string) (url string, end func() error, err error) {
	page, err := web.New(server)
	if err != nil {
		return "", nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, usagef("the address of --web cannot be used: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return "", nil, usagef("the page of --web is for this machine alone; give it a loopback address such as 127.0.0.1:8080")
	}
	go func() {
		// The error is the closed listener's, once the emulator ends; before that, browsers see it themselves.
		_ = page.Serve(listener)
	}()
	return page.URL(listener), listener.Close, nil
}
