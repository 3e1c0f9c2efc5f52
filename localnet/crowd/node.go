package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cosmos/gogoproto/proto"
)

// node answers questions over CometBFT's JSON-RPC.
type node struct {
	url, chain string
	client     http.Client
}

func newNode(url, chain string) *node {
	return &node{url: url, chain: chain, client: http.Client{Timeout: 5 * time.Second}}
}

// Calls a method and reads its result.
func (n *node) call(method string, params, result any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	answer, err := n.client.Post(n.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the node does not answer: %w", err)
	}
	defer answer.Body.Close()
	var read struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&read); err != nil {
		return fmt.Errorf("the node's answer to %s can't be read: %w", method, err)
	}
	if read.Error != nil {
		return fmt.Errorf("%s: %s: %s", method, read.Error.Message, read.Error.Data)
	}
	return json.Unmarshal(read.Result, result)
}

func (n *node) height() (int64, error) {
	var status struct {
		SyncInfo struct {
			Height string `json:"latest_block_height"`
		} `json:"sync_info"`
	}
	if err := n.call("status", map[string]any{}, &status); err != nil {
		return 0, err
	}
	return strconv.ParseInt(status.SyncInfo.Height, 10, 64)
}

// Asks a module, by the path of its query.
func (n *node) ask(path string, question, answer proto.Message) error {
	data, err := proto.Marshal(question)
	if err != nil {
		return err
	}
	var read struct {
		Response struct {
			Code  int
			Log   string
			Value string
		}
	}
	params := map[string]any{"path": path, "data": hex.EncodeToString(data)}
	if err := n.call("abci_query", params, &read); err != nil {
		return err
	}
	if read.Response.Code != 0 {
		return fmt.Errorf("%s: %s", path, read.Response.Log)
	}
	value, err := base64.StdEncoding.DecodeString(read.Response.Value)
	if err != nil {
		return err
	}
	return proto.Unmarshal(value, answer)
}

// Hands a transaction to the mempool and gives its hash.
func (n *node) broadcast(tx []byte) (string, error) {
	var sent struct {
		Code      int
		Log, Hash string
	}
	params := map[string]any{"tx": base64.StdEncoding.EncodeToString(tx)}
	if err := n.call("broadcast_tx_sync", params, &sent); err != nil {
		return "", err
	}
	if sent.Code != 0 {
		return "", fmt.Errorf("the node refused a transaction: %s", sent.Log)
	}
	return sent.Hash, nil
}

// Waits until a transaction is in a block, and was not refused there.
func (n *node) await(hash string) error {
	raw, err := hex.DecodeString(hash)
	if err != nil {
		return err
	}
	params := map[string]any{"hash": base64.StdEncoding.EncodeToString(raw)}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		var found struct {
			Result struct {
				Code int
				Log  string
			} `json:"tx_result"`
		}
		if err := n.call("tx", params, &found); err == nil {
			if found.Result.Code != 0 {
				return fmt.Errorf("a transaction was refused in its block: %s", found.Result.Log)
			}
			return nil
		}
		time.Sleep(pace)
	}
	return fmt.Errorf("transaction %s is in no block after a minute", hash)
}
