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
	handled := &counting{delegate: delegate{}, messages: make(chan bool, 1)}
	conf.Delegate = handled
	list, err := memberlist.Create(conf)
	if err != nil {
		log.Fatal(err)
	}
	from := network.NewTransport("sender")
	target := list.LocalNode().Address()
	// A user message waits in the same queue behind every alive message; fewer of them at a time than the queue holds.
	turn := func(batches int) float64 {
		began := time.Now()
		for batch := 0; batch < batches; batch++ {
			for i := 0; i < 90; i++ {
				from.WriteTo(packet, target)
			}
			from.WriteTo([]byte{8, 1}, target)
			<-handled.messages
		}
		return float64(time.Since(began).Nanoseconds()) / 1000 / 90 / float64(batches)
	}
	turn(10)
	fmt.Printf("{\"encodeUs\": %f, \"takeUs\": %f}\n", encode, turn(200))
}

type counting struct {
	delegate
	messages chan bool
}

func (c *counting) NotifyMsg([]byte) { c.messages <- true }

func (c *counting) GetBroadcasts(overhead, limit int) [][]byte { return nil }
