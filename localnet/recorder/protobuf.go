package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// field is one field of a protobuf message: a number or bytes.
type field struct {
	key    uint64
	number uint64
	bytes  []byte
}

type fieldList []field

// fields splits a message into its fields; none when it is no message.
func fields(message []byte) fieldList {
	var list fieldList
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		if size <= 0 || tag>>3 == 0 {
			return nil
		}
		message = message[size:]
		next := field{key: tag >> 3}
		skip := 0
		switch tag & 7 {
		case 0:
			next.number, skip = binary.Uvarint(message)
		case 1:
			skip = 8
		case 2:
			length, size := binary.Uvarint(message)
			if size <= 0 || length > uint64(len(message)-size) {
				return nil
			}
			skip = size + int(length)
			next.bytes = message[size:skip]
		case 5:
			skip = 4
		}
		if skip <= 0 || skip > len(message) {
			return nil
		}
		message = message[skip:]
		list = append(list, next)
	}
	return list
}

func (l fieldList) bytes(key uint64) []byte {
	for _, field := range l {
		if field.key == key {
			return field.bytes
		}
	}
	return nil
}

func (l fieldList) number(key uint64) uint64 {
	for _, field := range l {
		if field.key == key {
			return field.number
		}
	}
	return 0
}

func hashOf(bytes []byte) string {
	sum := sha256.Sum256(bytes)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func isHash(text []byte) bool {
	if len(text) != 64 {
		return false
	}
	_, err := hex.DecodeString(string(text))
	return err == nil
}

// readTransaction reads the worker submissions of a signed transaction.
func readTransaction(bytes []byte) transaction {
	tx := transaction{Hash: hashOf(bytes)}
	for _, part := range fields(fields(bytes).bytes(1)) {
		message := fields(part.bytes)
		if part.key != 1 || !strings.HasSuffix(string(message.bytes(1)), ".InsertWorkerPayloadRequest") {
			continue
		}
		request := fields(message.bytes(2))
		bundle := fields(request.bytes(2))
		nonce := fields(bundle.bytes(2)).number(1)
		tx.Sender = string(request.bytes(1))
		tx.Answers = append(tx.Answers, window{Topic: bundle.number(3), Nonce: int64(nonce)})
	}
	return tx
}
