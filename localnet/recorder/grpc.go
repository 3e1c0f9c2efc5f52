package main

import (
	"encoding/binary"
	"io"
)

// grpcMessages reads one direction of an HTTP/2 connection and hands on each
// gRPC message. Headers are passed over: the messages tell themselves apart.
func grpcMessages(of *side, hand func(*side, []byte)) {
	const data, reset, endStream, padded = 0, 3, 0x1, 0x8
	streams := map[uint32][]byte{}
	for {
		var head [9]byte
		if _, err := io.ReadFull(of, head[:]); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(of, payload); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])&0x7fffffff
		if kind == data {
			if flags&padded != 0 && len(payload) > 0 && int(payload[0]) < len(payload) {
				payload = payload[1 : len(payload)-int(payload[0])]
			}
			streams[stream] = messages(of, append(streams[stream], payload...), hand)
		}
		if kind == reset || flags&endStream != 0 && (kind == data || kind == 1) {
			delete(streams, stream)
		}
	}
}

// messages hands on what is whole and returns the rest.
func messages(of *side, bytes []byte, hand func(*side, []byte)) []byte {
	for len(bytes) >= 5 {
		end := 5 + int(binary.BigEndian.Uint32(bytes[1:5]))
		if len(bytes) < end {
			break
		}
		// A first byte of one says compressed, which none of these clients asks for.
		if bytes[0] == 0 {
			hand(of, bytes[5:end])
		}
		bytes = bytes[end:]
	}
	return bytes
}

// grpcRequest knows a BroadcastTxRequest by its first field, which holds a
// transaction; a simulation bears its own in the second.
func grpcRequest(from *side, message []byte) {
	bytes := fields(message).bytes(1)
	if tx := readTransaction(bytes); len(tx.Answers) > 0 {
		broadcast(from, "grpc", bytes)
	}
}

// grpcAnswer knows a BroadcastTxResponse by the TxResponse in its first field,
// and a GetTxResponse by the one in its second.
func grpcAnswer(to *side, message []byte) {
	outer := fields(message)
	line := entry{At: to.left(), Client: to.client, By: "grpc"}
	if inner := fields(outer.bytes(1)); isHash(inner.bytes(2)) {
		line.Kind, line.Hash, line.Code = kindAnswered, string(inner.bytes(2)), uint32(inner.number(4))
	} else if inner := fields(outer.bytes(2)); isHash(inner.bytes(2)) && inner.number(1) > 0 {
		line.Kind, line.Hash = kindKnown, string(inner.bytes(2))
		line.Height, line.Code = int64(inner.number(1)), uint32(inner.number(4))
	} else {
		return
	}
	to.record.write(line)
}
