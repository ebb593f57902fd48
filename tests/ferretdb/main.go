// A MongoDB-protocol server for tests: FerretDB over SQLite in one process, without a container.
//
//	ferretdb ADDRESS [DIRECTORY]
//
// It listens on ADDRESS (port 0 picks a free port) and prints its address when it is ready. It keeps its data in DIRECTORY, or
// in a temporary one. It exits when its standard input ends, so that a killed test leaves no server behind.
//
// FerretDB 1 reads and writes in two steps where MongoDB changes a document atomically (findAndModify, update). This server
// therefore passes on one command at a time, over all connections, which makes every command atomic here too.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// Larger than any message of the protocol (48 MB).
const messageBytesMax = 64 << 20

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		log.Fatal("usage: ferretdb ADDRESS [DIRECTORY] (such as 127.0.0.1:0 /tmp/data)")
	}
	own, err := os.MkdirTemp("", "ferretdb")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(own)
	data := own
	if len(os.Args) == 3 {
		data = os.Args[2]
	}
	if err := serve(os.Args[1], data, filepath.Join(own, "socket")); err != nil {
		os.RemoveAll(own)
		log.Fatal(err)
	}
}

func serve(address, data, socket string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{Unix: socket},
		Handler:  "sqlite",
		// Test data need not survive a crash of the machine.
		SQLiteURL: "file:" + data + "/?_pragma=synchronous(off)",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 4})),
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		server.MongoDBURI() // waits until it listens
		go accept(listener, socket)
		fmt.Printf("mongodb://%s/\n", listener.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return server.Run(ctx)
}

func accept(listener net.Listener, socket string) {
	one := new(sync.Mutex)
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("unix", socket)
			if err != nil {
				return
			}
			defer server.Close()
			for pass(client, server, one) == nil {
			}
		}()
	}
}

// Passes on one command and its response.
func pass(client, server net.Conn, one *sync.Mutex) error {
	command, err := message(client)
	if err != nil {
		return err
	}
	answer, err := func() ([]byte, error) {
		one.Lock()
		defer one.Unlock()
		if _, err := server.Write(command); err != nil {
			return nil, err
		}
		return message(server)
	}()
	if err != nil {
		return err
	}
	_, err = client.Write(answer)
	return err
}

// Reads a message. It starts with its own length: 32 bits, little-endian.
func message(from io.Reader) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < 16 || length > messageBytesMax {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	whole := make([]byte, length)
	copy(whole, header[:])
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}
