package main

import (
	"bufio"
	"io"
	"net"
)

// chunk is what one read gave, with the times before and after it was passed on.
type chunk struct {
	bytes         []byte
	arrived, left int64
}

// stamped reads chunks as a stream and remembers the times of the newest one
// touched: a parser that reads no further than it must knows by it when the
// last byte of its message passed.
type stamped struct {
	chunks <-chan chunk
	rest   []byte
	newest chunk
}

func (s *stamped) Read(into []byte) (int, error) {
	for len(s.rest) == 0 {
		next, open := <-s.chunks
		if !open {
			return 0, io.EOF
		}
		s.newest, s.rest = next, next.bytes
	}
	count := copy(into, s.rest)
	s.rest = s.rest[count:]
	return count, nil
}

// side is one direction of a connection, as its parser sees it.
type side struct {
	*bufio.Reader
	stream *stamped
	client string
	record *record
	// ping answers a WebSocket's ping; nil where another is there to answer.
	ping func()
}

func (s *side) arrived() int64 { return s.stream.newest.arrived }
func (s *side) left() int64    { return s.stream.newest.left }

func accept(listener net.Listener, way route, record *record) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(client, way, record)
	}
}

// serve passes one connection's bytes both ways. What is read of them is read
// beside the passing, so that it delays nothing.
func serve(client net.Conn, way route, record *record) {
	defer client.Close()
	node, err := net.Dial("tcp", way.upstream)
	if err != nil {
		return
	}
	defer node.Close()
	// The deepest queue that is ever needed: a parser that falls behind by more
	// would hold up the passing.
	requests, answers := make(chan chunk, 4096), make(chan chunk, 4096)
	asked := &stamped{chunks: requests}
	told := &stamped{chunks: answers}
	from := &side{Reader: bufio.NewReader(asked), stream: asked, client: way.client, record: record}
	to := &side{Reader: bufio.NewReader(told), stream: told, client: way.client, record: record}
	kind := make(chan bool, 1)
	go readRequests(from, kind)
	go readAnswers(to, kind)
	done := make(chan struct{}, 2)
	go pass(client, node, requests, done)
	go pass(node, client, answers, done)
	<-done
}

func pass(from, to net.Conn, seen chan<- chunk, done chan<- struct{}) {
	defer close(seen)
	buffer := make([]byte, 256<<10)
	for {
		count, err := from.Read(buffer)
		if count > 0 {
			arrived := now()
			if _, failed := to.Write(buffer[:count]); failed != nil {
				break
			}
			left := now()
			seen <- chunk{append([]byte(nil), buffer[:count]...), arrived, left}
		}
		if err != nil {
			break
		}
	}
	done <- struct{}{}
}

// readRequests tells the other direction by kind whether this is HTTP/2.
func readRequests(from *side, kind chan<- bool) {
	defer func() { io.Copy(io.Discard, from) }()
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	start, _ := from.Peek(4)
	two := string(start) == preface[:4]
	kind <- two
	if !two {
		httpRequests(from)
		return
	}
	if _, err := from.Discard(len(preface)); err == nil {
		grpcMessages(from, grpcRequest)
	}
}

func readAnswers(to *side, kind <-chan bool) {
	defer func() { io.Copy(io.Discard, to) }()
	if <-kind {
		grpcMessages(to, grpcAnswer)
	} else {
		httpAnswers(to)
	}
}
