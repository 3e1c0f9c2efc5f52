package main

import (
	"fmt"
	"sort"
	"strings"
)

// result is what the record says of one worker. Times are in milliseconds, sorted.
type result struct {
	answered                              int
	spent                                 int
	places                                map[int64]int
	bys                                   map[string]int
	toMempool, toEvent, toHandIn, toKnown []float64
	toSaid                                []float64
}

// trail is what happened to one window for one worker; 0 is never.
type trail struct {
	block, event, handIn, mempool, inclusion, known, said int64
	height                                                int64
	by                                                    string
}

// judge follows one worker through the windows.
func judge(lines []entry, who contender, topic uint64, windows []int64) result {
	trails := map[int64]*trail{}
	for _, nonce := range windows {
		trails[nonce] = &trail{}
	}
	result := result{places: map[int64]int{}, bys: map[string]int{}}
	holders, sights := holdersOf(lines, topic), sightsOf(lines)
	for _, line := range lines {
		if line.Kind == kindBlock {
			result.spent += inBlock(line, sights[line.Height], who.sender, topic, trails)
			continue
		}
		if line.Client != who.name {
			continue
		}
		for _, nonce := range append(of(topic, line.Opened), append(of(topic, line.Answers), holders[line.Hash]...)...) {
			if trail := trails[nonce]; trail != nil {
				trail.step(line)
			}
		}
	}
	for nonce, trail := range trails {
		result.add(nonce, trail)
	}
	for _, times := range [][]float64{result.toMempool, result.toEvent, result.toHandIn, result.toKnown, result.toSaid} {
		sort.Float64s(times)
	}
	return result
}

// sightsOf finds when each block was first seen by anyone: the node tells its
// subscribers of a block one after the other, and small frames sooner.
func sightsOf(lines []entry) map[int64]int64 {
	sights := map[int64]int64{}
	for _, line := range lines {
		if at, seen := sights[line.Height]; line.Height > 0 && (!seen || line.At < at) {
			sights[line.Height] = line.At
		}
	}
	return sights
}

// holdersOf lists, for each transaction that was handed in, the nonces it answers.
func holdersOf(lines []entry, topic uint64) map[string][]int64 {
	holders := map[string][]int64{}
	for _, line := range lines {
		if line.Kind == kindBroadcast {
			holders[line.Hash] = of(topic, line.Answers)
		}
	}
	return holders
}

func of(topic uint64, windows []window) []int64 {
	var nonces []int64
	for _, window := range windows {
		if window.Topic == topic {
			nonces = append(nonces, window.Nonce)
		}
	}
	return nonces
}

// inBlock notes a block's openings and inclusions; it counts the sender's transactions.
func inBlock(line entry, seen int64, sender string, topic uint64, trails map[int64]*trail) int {
	for _, nonce := range of(topic, line.Opened) {
		if trail := trails[nonce]; trail != nil {
			trail.block = seen
		}
	}
	count := 0
	for _, tx := range line.Txs {
		for _, nonce := range of(topic, tx.Answers) {
			trail := trails[nonce]
			if trail == nil || tx.Sender != sender {
				continue
			}
			count++
			if tx.Code == 0 && trail.inclusion == 0 {
				trail.inclusion, trail.height = seen, line.Height
			}
		}
	}
	return count
}

// step takes the first of each kind; of the mempool's answers the first that is a yes.
func (t *trail) step(line entry) {
	first := func(at *int64) bool {
		if *at == 0 {
			*at = line.At
			return true
		}
		return false
	}
	switch line.Kind {
	case kindOpened:
		first(&t.event)
	case kindBroadcast:
		first(&t.handIn)
	case kindAnswered:
		if line.Code == 0 {
			first(&t.mempool)
		}
	case kindKnown:
		if line.Code == 0 && first(&t.known) {
			t.by = line.By
		}
	case kindSaid:
		first(&t.said)
	}
}

func (r *result) add(nonce int64, t *trail) {
	note := func(into *[]float64, from, to int64) {
		if from != 0 && to != 0 {
			*into = append(*into, float64(to-from)/1000)
		}
	}
	note(&r.toEvent, t.block, t.event)
	note(&r.toHandIn, t.event, t.handIn)
	note(&r.toMempool, t.event, t.mempool)
	if t.inclusion != 0 {
		r.answered++
		r.places[t.height-nonce]++
		note(&r.toKnown, t.inclusion, t.known)
		note(&r.toSaid, t.inclusion, t.said)
		r.bys[t.by]++
	}
}

func (r *result) placesText() string {
	var places []int64
	for place := range r.places {
		places = append(places, place)
	}
	sort.Slice(places, func(a, b int) bool { return places[a] < places[b] })
	var parts []string
	for _, place := range places {
		parts = append(parts, fmt.Sprintf("nonce+%d: %d", place, r.places[place]))
	}
	return strings.Join(parts, ", ")
}

func (r *result) bysText() string {
	var parts []string
	for by, count := range r.bys {
		if by == "" {
			by = "nothing"
		}
		parts = append(parts, fmt.Sprintf("%s: %d", by, count))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
