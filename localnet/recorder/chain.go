package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

const windowOpened = "EventWorkerSubmissionWindowOpened"

// chainEvent is an event as the node renders it.
type chainEvent struct {
	Type       string
	Attributes []struct{ Key, Value string }
}

// openings are the windows that a block's events open.
func openings(events []chainEvent) []window {
	var found []window
	for _, event := range events {
		if !strings.HasSuffix(event.Type, "."+windowOpened) {
			continue
		}
		var opened window
		for _, attribute := range event.Attributes {
			value, _ := strconv.ParseInt(strings.Trim(attribute.Value, `"`), 10, 64)
			switch attribute.Key {
			case "topic_id":
				opened.Topic = uint64(value)
			case "nonce_block_height":
				opened.Nonce = value
			}
		}
		found = append(found, opened)
	}
	return found
}

// followChain records each block as soon as the node tells of it, on
// subscriptions of its own that pass through no proxy: whole blocks on one
// connection, and on another the headers, which come sooner.
func followChain(node string, record *record) error {
	ended := make(chan error, 2)
	go func() { ended <- subscription(node, "NewBlock", record, block) }()
	go func() { ended <- subscription(node, "NewBlockHeader", record, header) }()
	return <-ended
}

func subscription(node, event string, record *record, read func(*side, []byte)) error {
	connection, err := net.Dial("tcp", node)
	if err != nil {
		return fmt.Errorf("the node at %s can't be reached: %w", node, err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET /websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Key: cmVjb3JkZXItcmVjb3JkZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", node)
	chunks := make(chan chunk, 4096)
	stream := &stamped{chunks: chunks}
	// The node hangs up on who leaves its pings without an answer.
	pong := func() { connection.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}) }
	told := &side{Reader: bufio.NewReader(stream), stream: stream, record: record, ping: pong}
	go pass(connection, discard{connection}, chunks, make(chan struct{}, 1))
	for line := "?"; line != ""; line = strings.TrimSpace(line) {
		if line, err = told.ReadString('\n'); err != nil {
			return fmt.Errorf("the node at %s opens no WebSocket: %w", node, err)
		}
	}
	request := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"query":"tm.event='%s'"}}`, event)
	if _, err := connection.Write(clientFrame(request)); err != nil {
		return err
	}
	frames(told, func(payload []byte) { read(told, payload) })
	return fmt.Errorf("the node at %s ended the recorder's subscription", node)
}

// discard is a connection that drops what is written to it.
type discard struct{ net.Conn }

func (discard) Write(bytes []byte) (int, error) { return io.Discard.Write(bytes) }

// clientFrame is a short text frame, masked with zeros.
func clientFrame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

func block(told *side, payload []byte) {
	var frame struct {
		Result struct {
			Data struct {
				Value struct {
					Block struct {
						Header struct{ Height string }
						Data   struct{ Txs [][]byte }
					}
					Result struct {
						Events    []chainEvent
						TxResults []struct{ Code uint32 } `json:"tx_results"`
					} `json:"result_finalize_block"`
				}
			}
		}
	}
	if err := json.Unmarshal(payload, &frame); err != nil {
		return
	}
	value := &frame.Result.Data.Value
	if value.Block.Header.Height == "" {
		return
	}
	line := entry{At: told.arrived(), Kind: kindBlock, Opened: openings(value.Result.Events)}
	fmt.Sscan(value.Block.Header.Height, &line.Height)
	for at, bytes := range value.Block.Data.Txs {
		tx := readTransaction(bytes)
		if at < len(value.Result.TxResults) {
			tx.Code = value.Result.TxResults[at].Code
		}
		line.Txs = append(line.Txs, tx)
	}
	told.record.write(line)
}

func header(told *side, payload []byte) {
	var frame struct {
		Result struct {
			Data struct {
				Value struct{ Header struct{ Height string } }
			}
		}
	}
	if err := json.Unmarshal(payload, &frame); err != nil {
		return
	}
	line := entry{At: told.arrived(), Kind: kindHeader}
	if _, err := fmt.Sscan(frame.Result.Data.Value.Header.Height, &line.Height); err == nil {
		told.record.write(line)
	}
}
