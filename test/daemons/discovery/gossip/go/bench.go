package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/hashicorp/go-msgpack/codec"
	"github.com/hashicorp/memberlist"
)

// The fields of an alive message, as memberlist's wire format has them.
type alive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

type nullWriter struct{ n int }

func (w *nullWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }

// runBench reads one datagram as hex and prints: µs to encode an alive message with go-msgpack, µs for memberlist to take
// the datagram in (from its transport until all of its messages are handled, as the next ping's answer shows).
func runBench() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	packet, err := hex.DecodeString(lines.Text())
	if err != nil {
		log.Fatal(err)
	}
	rounds := 100000
	message := alive{7, "node-0001", []byte{10, 0, 0, 1}, 7946, []byte("role=web"), []uint8{1, 5, 2, 2, 5, 4}}
	began := time.Now()
	sink := &nullWriter{}
	for i := 0; i < rounds; i++ {
		handle := codec.MsgpackHandle{}
		if err := codec.NewEncoder(sink, &handle).Encode(&message); err != nil {
			log.Fatal(err)
		}
	}
	encode := float64(time.Since(began).Nanoseconds()) / 1000 / float64(rounds)

	network := memberlist.MockNetwork{}
	transport := network.NewTransport("bench")
	conf := memberlist.DefaultLANConfig()
	conf.Name = "bench"
	conf.Transport = transport
	conf.LogOutput = io.Discard
	list, err := memberlist.Create(conf)
	if err != nil {
		log.Fatal(err)
	}
	from := network.NewTransport("sender")
	target := list.LocalNode().Address()
	// A ping behind the packets is answered once they were read.
	turn := func(n int) float64 {
		began := time.Now()
		for i := 0; i < n; i++ {
			from.WriteTo(packet, target)
		}
		handle := codec.MsgpackHandle{}
		ping := &nullBuffer{}
		ping.Write([]byte{0})
		codec.NewEncoder(ping, &handle).Encode(map[string]interface{}{"SeqNo": 1, "Node": "bench"})
		from.WriteTo(ping.bytes, target)
		<-from.PacketCh()
		return float64(time.Since(began).Nanoseconds()) / 1000 / float64(n)
	}
	turn(1000)
	fmt.Printf("{\"encodeUs\": %f, \"takeUs\": %f}\n", encode, turn(20000))
}

type nullBuffer struct{ bytes []byte }

func (b *nullBuffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}
