package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// httpRequests reads JSON-RPC over HTTP/1.1, and over a WebSocket after an upgrade.
func httpRequests(from *side) {
	for {
		request, err := http.ReadRequest(from.Reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		if strings.EqualFold(request.Header.Get("Upgrade"), "websocket") {
			frames(from, func(payload []byte) { jsonRequest(from, payload) })
			return
		}
		jsonRequest(from, body)
	}
}

func httpAnswers(to *side) {
	for {
		answer, err := http.ReadResponse(to.Reader, nil)
		if err != nil {
			return
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			frames(to, func(payload []byte) { jsonAnswer(to, payload) })
			return
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return
		}
		jsonAnswer(to, body)
	}
}

// frames hands on the messages of one direction of a WebSocket.
func frames(of *side, hand func([]byte)) {
	var message []byte
	for {
		final, opcode, payload, err := frame(of)
		if err != nil {
			return
		}
		// Control frames stand between those of a message.
		if opcode >= 8 {
			if opcode == 9 && of.ping != nil {
				of.ping()
			}
			continue
		}
		message = append(message, payload...)
		if final {
			hand(message)
			message = nil
		}
	}
}

func frame(from io.Reader) (final bool, opcode byte, payload []byte, err error) {
	var head [14]byte
	if _, err = io.ReadFull(from, head[:2]); err != nil {
		return
	}
	final, opcode = head[0]&0x80 != 0, head[0]&0x0f
	if head[0]&0x70 != 0 {
		err = fmt.Errorf("a WebSocket with an extension, which can't be read")
		return
	}
	masked, length := head[1]&0x80 != 0, uint64(head[1]&0x7f)
	if length == 126 {
		if _, err = io.ReadFull(from, head[:2]); err != nil {
			return
		}
		length = uint64(binary.BigEndian.Uint16(head[:2]))
	} else if length == 127 {
		if _, err = io.ReadFull(from, head[:8]); err != nil {
			return
		}
		length = binary.BigEndian.Uint64(head[:8])
	}
	var mask [4]byte
	if masked {
		if _, err = io.ReadFull(from, mask[:]); err != nil {
			return
		}
	}
	if length > 64<<20 {
		err = fmt.Errorf("a WebSocket frame of %d bytes", length)
		return
	}
	payload = make([]byte, length)
	if _, err = io.ReadFull(from, payload); err != nil {
		return
	}
	if masked {
		for at := range payload {
			payload[at] ^= mask[at%4]
		}
	}
	return
}

func jsonRequest(from *side, body []byte) {
	var request struct {
		ID     json.RawMessage
		Method string
		Params struct {
			Query string
			Tx    string
		}
	}
	// Parameters of other methods may have another shape; those don't matter.
	if json.Unmarshal(body, &request) != nil {
		return
	}
	switch {
	case request.Method == "subscribe":
		from.record.write(entry{At: from.arrived(), Kind: kindSubscribe, Client: from.client,
			ID: string(request.ID), Query: request.Params.Query})
	case strings.HasPrefix(request.Method, "broadcast_tx"):
		if bytes, err := base64.StdEncoding.DecodeString(request.Params.Tx); err == nil {
			broadcast(from, "json-rpc", bytes)
		}
	}
}

func broadcast(from *side, by string, bytes []byte) {
	tx := readTransaction(bytes)
	from.record.write(entry{At: from.arrived(), Kind: kindBroadcast, Client: from.client, By: by,
		Hash: tx.Hash, Answers: tx.Answers})
}

func jsonAnswer(to *side, body []byte) {
	var answer struct {
		ID     json.RawMessage
		Result struct {
			Query    string
			Data     json.RawMessage
			Events   json.RawMessage
			Code     *uint32
			Hash     string
			Height   string
			TxResult json.RawMessage `json:"tx_result"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return
	}
	line := entry{At: to.left(), Client: to.client, ID: string(answer.ID), By: "json-rpc"}
	result := &answer.Result
	switch {
	case result.Query != "":
		event(to, result.Query, result.Data)
		return
	case result.Hash != "" && result.TxResult != nil:
		line.Kind, line.Hash = kindKnown, result.Hash
		fmt.Sscan(result.Height, &line.Height)
	case result.Hash != "" && result.Code != nil:
		line.Kind, line.Hash, line.Code = kindAnswered, result.Hash, *result.Code
	case strings.Contains(string(body), `"result":{}`):
		line.Kind = kindGranted
	default:
		return
	}
	to.record.write(line)
}

// event reads a frame of a subscription.
func event(to *side, query string, data json.RawMessage) {
	var body struct {
		Type  string
		Value struct {
			Height   string
			Events   []chainEvent
			TxResult struct {
				Height string
				Tx     []byte
			}
		}
	}
	wanted := strings.Contains(query, windowOpened) || strings.Contains(query, "tm.event='Tx'")
	if !wanted || json.Unmarshal(data, &body) != nil {
		return
	}
	line := entry{Client: to.client, By: "event"}
	if strings.HasSuffix(body.Type, "/Tx") {
		line.At, line.Kind, line.Hash = to.left(), kindKnown, hashOf(body.Value.TxResult.Tx)
		fmt.Sscan(body.Value.TxResult.Height, &line.Height)
	} else {
		// The arrival, not the passing on: the client can't have had it sooner.
		line.At, line.Kind, line.Opened = to.arrived(), kindOpened, openings(body.Value.Events)
		fmt.Sscan(body.Value.Height, &line.Height)
	}
	to.record.write(line)
}
