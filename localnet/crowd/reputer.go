package main

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/allora-network/allora-chain/x/emissions/types"
)

const (
	// The wallet that pays for the reputer's transactions: the admin's own may be sending others.
	payer      = 1_000
	gasJudge   = 2_000_000
	leastError = 1e-12
)

// Tells the losses of each nonce once its truth is known: the admin is every topic's reputer. The truth is
// a value that was given, 0 by default, which peers' answers scatter around: each answer's loss is the
// logarithm of its squared distance to it. What the network would say without an answer is the others'
// mean.
func (c *crowd) reputer(stop context.Context, truth float64) error {
	admin, err := derive(c.words, 0)
	if err != nil {
		return err
	}
	purse, err := derive(c.words, payer)
	if err != nil {
		return err
	}
	if err := c.fund([]*wallet{purse}); err != nil {
		return err
	}
	say("the reputer is ready")
	return c.watch(stop, func(topic uint64) error {
		due, err := c.due(topic)
		if err != nil {
			return err
		}
		for _, nonce := range due {
			losses, err := c.losses(topic, nonce, truth)
			if err != nil {
				return err
			}
			if err := c.judge(admin, purse, losses); err != nil {
				return err
			}
			c.serve(topic, nonce)
			say("topic %d nonce %d: %d answers are judged", topic, nonce, len(losses.InfererValues))
		}
		return nil
	})
}

// The nonces that losses can be told of now.
func (c *crowd) due(topic uint64) ([]int64, error) {
	var settings types.GetTopicResponse
	if err := c.ask("GetTopic", &types.GetTopicRequest{TopicId: topic}, &settings); err != nil {
		return nil, err
	}
	var open types.GetUnfulfilledReputerNoncesResponse
	question := &types.GetUnfulfilledReputerNoncesRequest{TopicId: topic}
	if err := c.ask("GetUnfulfilledReputerNonces", question, &open); err != nil {
		return nil, err
	}
	height, err := c.node.height()
	if err != nil || open.Nonces == nil {
		return nil, err
	}
	var due []int64
	for _, it := range open.Nonces.Nonces {
		nonce := it.ReputerNonce.BlockHeight
		// The block at whose end the window opens still belongs to the nonce before.
		if height >= nonce+settings.Topic.GroundTruthLag && !c.done[window{topic, nonce}] {
			due = append(due, nonce)
		}
	}
	return due, nil
}

func (c *crowd) losses(topic uint64, nonce int64, truth float64) (*types.InputValueBundle, error) {
	var found types.GetInferencesAtBlockResponse
	question := &types.GetInferencesAtBlockRequest{TopicId: topic, BlockHeight: nonce}
	if err := c.ask("GetInferencesAtBlock", question, &found); err != nil {
		return nil, err
	}
	if found.Inferences == nil || len(found.Inferences.Inferences) == 0 {
		return nil, fmt.Errorf("topic %d nonce %d has no answers", topic, nonce)
	}
	var names []string
	var values []float64
	sum := 0.0
	for _, inference := range found.Inferences.Inferences {
		value := 0.0
		for _, one := range inference.Values {
			number, err := strconv.ParseFloat(one.String(), 64)
			if err != nil {
				return nil, err
			}
			value += number
		}
		names = append(names, inference.Inferer)
		values = append(values, value)
		sum += value
	}
	count := float64(len(values))
	combined, err := exact(loss(sum/count, truth))
	if err != nil {
		return nil, err
	}
	bundle := &types.InputValueBundle{
		TopicId:             topic,
		ReputerRequestNonce: &types.ReputerRequestNonce{ReputerNonce: &types.Nonce{BlockHeight: nonce}},
		CombinedValue:       combined,
		NaiveValue:          combined,
	}
	for place, value := range values {
		own, err := exact(loss(value, truth))
		if err != nil {
			return nil, err
		}
		bundle.InfererValues = append(bundle.InfererValues, &types.InputWorkerAttributedValue{Worker: names[place], Value: own})
		if len(values) == 1 {
			continue
		}
		without, err := exact(loss((sum-value)/(count-1), truth))
		if err != nil {
			return nil, err
		}
		bundle.OneOutInfererValues = append(bundle.OneOutInfererValues, &types.InputWithheldWorkerAttributedValue{Worker: names[place], Value: without})
	}
	return bundle, nil
}

func loss(value, truth float64) float64 {
	return math.Log10(math.Pow(value-truth, 2) + leastError)
}

// Signs the losses as the reputer, and has them sent at the purse's cost.
func (c *crowd) judge(reputer, purse *wallet, losses *types.InputValueBundle) error {
	losses.Reputer = reputer.address
	signed, err := losses.Marshal()
	if err != nil {
		return err
	}
	signature, err := reputer.key.Sign(signed)
	if err != nil {
		return err
	}
	hash, err := purse.send(c.node, gasJudge, &types.InsertReputerPayloadRequest{Sender: purse.address, ReputerValueBundle: &types.InputReputerValueBundle{
		ValueBundle: losses, Signature: signature, Pubkey: reputer.pubkey(),
	}})
	if err != nil {
		return err
	}
	return c.node.await(hash)
}
