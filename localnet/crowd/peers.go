package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand"
	"strconv"

	alloramath "github.com/allora-network/allora-chain/math"
	"github.com/allora-network/allora-chain/x/emissions/types"
	"github.com/cosmos/gogoproto/proto"
)

const (
	// The spread of the first peer's values around zero; each further one's is wider by half.
	narrowest = 0.005
	wider     = 1.5
	// Gas, measured with room.
	gasSubmit   = 250_000
	gasRegister = 70_000
	// The first peer's place among the wallets that follow from the words.
	firstPeer = 1
)

// Answers each window of all topics with values of so many peers.
func (c *crowd) peers(stop context.Context, count int) error {
	if count < 1 || count > 64 {
		return fmt.Errorf("%d is no number of peers; it must be from 1 to 64", count)
	}
	var all []*wallet
	for number := range count {
		w, err := derive(c.words, uint32(firstPeer+number)) //nolint:gosec // 64 at most
		if err != nil {
			return err
		}
		all = append(all, w)
	}
	if err := c.fund(all); err != nil {
		return err
	}
	if err := c.register(all); err != nil {
		return err
	}
	say("%d peers are registered, ready", count)
	return c.watch(stop, func(topic uint64) error {
		var open types.GetUnfulfilledWorkerNoncesResponse
		question := &types.GetUnfulfilledWorkerNoncesRequest{TopicId: topic}
		if err := c.ask("GetUnfulfilledWorkerNonces", question, &open); err != nil {
			return err
		}
		if open.Nonces == nil {
			return nil
		}
		for _, nonce := range open.Nonces.Nonces {
			if c.done[window{topic, nonce.BlockHeight}] {
				continue
			}
			taken := 0
			for number, w := range all {
				value := draw(topic, nonce.BlockHeight, number)
				if err := c.submit(w, topic, nonce.BlockHeight, value); err != nil {
					say("topic %d nonce %d, peer %d: %v", topic, nonce.BlockHeight, number+1, err)
					continue
				}
				taken++
			}
			c.serve(topic, nonce.BlockHeight)
			say("topic %d nonce %d: %d of %d answers are on their way", topic, nonce.BlockHeight, taken, len(all))
		}
		return nil
	})
}

// A peer's value of a nonce: always the same one.
func draw(topic uint64, nonce int64, number int) float64 {
	seed := fnv.New64a()
	fmt.Fprintf(seed, "%d %d %d", topic, nonce, number)
	random := rand.New(rand.NewSource(int64(seed.Sum64()))) //nolint:gosec // nothing secret
	return random.NormFloat64() * narrowest * math.Pow(wider, float64(number))
}

func (c *crowd) ask(method string, question, answer proto.Message) error {
	return c.node.ask("/emissions.v10.QueryService/"+method, question, answer)
}

func (c *crowd) register(all []*wallet) error {
	var hashes []string
	for _, w := range all {
		var messages []proto.Message
		for _, topic := range c.topics {
			var known types.IsWorkerRegisteredInTopicIdResponse
			question := &types.IsWorkerRegisteredInTopicIdRequest{TopicId: topic, Address: w.address}
			if err := c.ask("IsWorkerRegisteredInTopicId", question, &known); err != nil {
				return err
			}
			if !known.IsRegistered {
				messages = append(messages, &types.RegisterRequest{Sender: w.address, TopicId: topic, Owner: w.address})
			}
		}
		if len(messages) == 0 {
			continue
		}
		hash, err := w.send(c.node, 100_000+gasRegister*uint64(len(messages)), messages...)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	for _, hash := range hashes {
		if err := c.node.await(hash); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) submit(w *wallet, topic uint64, nonce int64, value float64) error {
	bounded, err := exact(value)
	if err != nil {
		return err
	}
	zero := alloramath.MustNewBoundedExp40DecFromString("0")
	bundle := &types.InputInferenceForecastBundle{Inference: &types.InputInference{
		TopicId: topic, BlockHeight: nonce, Inferer: w.address, Value: zero,
		Values: []*types.InputLabeledValue{{Label: "y", Value: bounded}},
	}}
	signed, err := bundle.Marshal()
	if err != nil {
		return err
	}
	signature, err := w.key.Sign(signed)
	if err != nil {
		return err
	}
	_, err = w.send(c.node, gasSubmit, &types.InsertWorkerPayloadRequest{Sender: w.address, WorkerDataBundle: &types.InputWorkerDataBundle{
		Worker: w.address, Nonce: &types.Nonce{BlockHeight: nonce}, TopicId: topic, InferenceForecastsBundle: bundle,
		InferencesForecastsBundleSignature: signature, Pubkey: w.pubkey(),
	}})
	return err
}

// The chain's decimal of a number.
func exact(value float64) (alloramath.BoundedExp40Dec, error) {
	return alloramath.NewBoundedExp40DecFromString(strconv.FormatFloat(value, 'f', 18, 64))
}
