package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
)

const sender = "allo1sender"

func number(key, value uint64) []byte {
	return binary.AppendUvarint([]byte{byte(key << 3)}, value)
}

func part(key uint64, bytes []byte) []byte {
	head := binary.AppendUvarint([]byte{byte(key<<3 | 2)}, uint64(len(bytes)))
	return append(head, bytes...)
}

func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// submission is a transaction that answers one window.
func submission(topic, nonce uint64) []byte {
	bundle := join(part(1, []byte(sender)), part(2, number(1, nonce)), number(3, topic))
	request := join(part(1, []byte(sender)), part(2, bundle))
	message := join(part(1, []byte("/emissions.v10.InsertWorkerPayloadRequest")), part(2, request))
	return join(part(1, part(1, message)), part(2, []byte{8, 1}), part(3, make([]byte, 64)))
}

// play gives a parser the bytes in chunks of a size and returns what it recorded.
func play(t *testing.T, bytes []byte, size int, read func(*side)) []entry {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record")
	record, err := createRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	chunks := make(chan chunk, len(bytes)+1)
	for at := 0; at < len(bytes); at += size {
		piece := bytes[at:min(at+size, len(bytes))]
		chunks <- chunk{piece, int64(at + len(piece)), int64(at+len(piece)) + 1000000}
	}
	close(chunks)
	stream := &stamped{chunks: chunks}
	read(&side{Reader: bufio.NewReader(stream), stream: stream, client: "ours", record: record})
	record.close()
	lines, err := readRecords([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func post(method, params string) string {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}`, method, params)
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestABroadcastOverHttpIsStampedByItsLastByte(t *testing.T) {
	tx := submission(67, 148)
	params := fmt.Sprintf(`{"tx":"%s"}`, base64.StdEncoding.EncodeToString(tx))
	first := post("status", "{}") + post("broadcast_tx_sync", params)
	for _, size := range []int{1, 7, 1 << 20} {
		lines := play(t, []byte(first), size, httpRequests)
		if len(lines) != 1 || lines[0].Hash != hashOf(tx) || lines[0].Answers[0] != (window{67, 148}) {
			t.Fatalf("in chunks of %d: %+v", size, lines)
		}
		if lines[0].At != int64(len(first)) {
			t.Fatalf("in chunks of %d it is stamped at byte %d of %d", size, lines[0].At, len(first))
		}
	}
}

func TestAWindowsFrameIsReadAfterTheUpgrade(t *testing.T) {
	event := `{"type":"emissions.v10.EventWorkerSubmissionWindowOpened","attributes":[{"key":"topic_id","value":"\"67\""},{"key":"nonce_block_height","value":"\"148\""}]}`
	text := `{"jsonrpc":"2.0","id":1,"result":{"query":"tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS","data":{"type":"tendermint/event/NewBlockEvents","value":{"height":"148","events":[` + event + `]}}}}`
	frame := append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
	ping := []byte{0x89, 0}
	bytes := join([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), ping, frame)
	lines := play(t, bytes, 100, httpAnswers)
	if len(lines) != 1 || lines[0].Kind != kindOpened || lines[0].Opened[0] != (window{67, 148}) {
		t.Fatalf("%+v", lines)
	}
}

func dataFrame(stream uint32, bytes []byte) []byte {
	head := []byte{byte(len(bytes) >> 16), byte(len(bytes) >> 8), byte(len(bytes)), 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[5:], stream)
	return append(head, bytes...)
}

func grpcMessage(bytes []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(bytes))), bytes...)
}

func TestABroadcastOverGrpcIsToldFromASimulation(t *testing.T) {
	tx := submission(67, 148)
	broadcast := grpcMessage(join(part(1, tx), number(2, 2)))
	simulation := grpcMessage(part(2, tx))
	// Two streams whose frames alternate.
	bytes := join(dataFrame(1, broadcast[:20]), dataFrame(3, simulation), dataFrame(1, broadcast[20:]))
	lines := play(t, bytes, 11, func(from *side) { grpcMessages(from, grpcRequest) })
	if len(lines) != 1 || lines[0].Kind != kindBroadcast || lines[0].Hash != hashOf(tx) {
		t.Fatalf("%+v", lines)
	}
}

func TestGrpcAnswersOfBroadcastAndQueryAreToldApart(t *testing.T) {
	hash := []byte(hashOf([]byte("x")))
	answered := grpcMessage(part(1, part(2, hash)))
	known := grpcMessage(join(part(1, part(1, []byte("tx"))), part(2, join(number(1, 149), part(2, hash)))))
	lines := play(t, join(dataFrame(1, answered), dataFrame(3, known)), 1<<20, func(to *side) { grpcMessages(to, grpcAnswer) })
	if len(lines) != 2 || lines[0].Kind != kindAnswered || lines[1].Kind != kindKnown || lines[1].Height != 149 {
		t.Fatalf("%+v", lines)
	}
}

func TestAWorkerIsJudgedByItsFirstGoodAnswer(t *testing.T) {
	windows := []window{{67, 148}}
	taken := func(at int64, code uint32) entry {
		return entry{At: at, Kind: kindAnswered, Client: "ours", Hash: "A", Code: code}
	}
	lines := []entry{
		{At: 900, Kind: kindBlock, Height: 148, Opened: windows},
		{At: 1000, Kind: kindOpened, Client: "ours", Height: 148, Opened: windows},
		{At: 2000, Kind: kindBroadcast, Client: "ours", Hash: "A", Answers: windows},
		taken(3000, 32), taken(5000, 0),
		{At: 7000, Kind: kindHeader, Height: 149},
		{At: 7500, Kind: kindBlock, Height: 149, Txs: []transaction{
			{Hash: "B", Sender: "other", Answers: windows}, {Hash: "A", Sender: sender, Answers: windows}}},
		{At: 9000, Kind: kindKnown, Client: "ours", Hash: "A", Height: 149, By: "event"},
	}
	result := judge(lines, contender{"ours", "Ours", sender}, 67, []int64{148, 156})
	if result.answered != 1 || result.spent != 1 || result.placesText() != "nonce+1: 1" {
		t.Fatalf("%+v", result)
	}
	for name, pair := range map[string][2]float64{
		"to mempool": {result.toMempool[0], 4}, "to event": {result.toEvent[0], 0.1},
		"to known": {result.toKnown[0], 2},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v ms instead of %v", name, pair[0], pair[1])
		}
	}
}
