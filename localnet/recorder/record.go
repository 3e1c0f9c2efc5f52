package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Kinds of entries.
const (
	kindSubscribe = "subscribe" // the client asks for a subscription
	kindGranted   = "granted"   // the node's answer to it has passed
	kindOpened    = "opened"    // an event frame that opens windows has arrived for the client
	kindBroadcast = "broadcast" // the client hands a transaction in
	kindAnswered  = "answered"  // the mempool's answer has passed
	kindKnown     = "known"     // an answer that tells the client of an inclusion has passed
	kindSaid      = "said"      // the client itself wrote that it is in
	kindBlock     = "block"     // a block, seen on the recorder's own subscription
	kindHeader    = "header"    // its header, on another one
	kindFigure    = "figure"    // a number that the script measured
	kindMark      = "mark"      // a moment that the script names
)

// window is a submission window of a topic.
type window struct {
	Topic uint64 `json:"topic"`
	Nonce int64  `json:"nonce"`
}

// transaction is what is read of one that carries submissions.
type transaction struct {
	Hash    string   `json:"hash"`
	Sender  string   `json:"sender"`
	Code    uint32   `json:"code"`
	Answers []window `json:"answers"`
}

// entry is one line of the record. At is in microseconds of Unix time, read
// from the monotonic clock after the start, so that no step of the wall clock
// comes between two entries.
type entry struct {
	At      int64         `json:"at"`
	Kind    string        `json:"kind"`
	Client  string        `json:"client,omitempty"`
	By      string        `json:"by,omitempty"`
	ID      string        `json:"id,omitempty"`
	Query   string        `json:"query,omitempty"`
	Hash    string        `json:"hash,omitempty"`
	Code    uint32        `json:"code,omitempty"`
	Height  int64         `json:"height,omitempty"`
	Opened  []window      `json:"opened,omitempty"`
	Answers []window      `json:"answers,omitempty"`
	Txs     []transaction `json:"txs,omitempty"`
	Name    string        `json:"name,omitempty"`
	Value   float64       `json:"value,omitempty"`
}

var begun = time.Now()

// now is the common clock of all entries.
func now() int64 { return begun.UnixMicro() + time.Since(begun).Microseconds() }

// record is the file of entries.
type record struct {
	mutex sync.Mutex
	file  *os.File
	lines *bufio.Writer
}

func createRecord(path string) (*record, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("the record can't be written: %w; give a path by -out", err)
	}
	return &record{file: file, lines: bufio.NewWriter(file)}, nil
}

func (r *record) write(line entry) {
	bytes, err := json.Marshal(line)
	if err != nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines.Write(append(bytes, '\n'))
	// Whoever follows the file sees whole lines.
	r.lines.Flush()
}

func (r *record) close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines.Flush()
	r.file.Close()
}
