package main

import (
	"encoding/hex"
	"fmt"

	"cosmossdk.io/math"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/gogoproto/proto"
)

const (
	coin     = "uallo"
	gasPrice = 20
	// What a wallet is given, in uallo: for some months of windows on a local chain.
	purse = 1_000_000_000_000
)

// wallet signs for an address.
type wallet struct {
	key     *secp256k1.PrivKey
	address string
}

// The wallet of this number that follows from the words; 0 is the one that other programs show.
func derive(words string, number uint32) (*wallet, error) {
	path := hd.CreateHDPath(118, 0, number).String()
	secret, err := hd.Secp256k1.Derive()(words, "", path)
	if err != nil {
		return nil, fmt.Errorf("CROWD_WORDS are no words of a wallet: %w", err)
	}
	key := &secp256k1.PrivKey{Key: secret}
	return &wallet{key: key, address: sdk.AccAddress(key.PubKey().Address()).String()}, nil
}

func (w *wallet) pubkey() string { return hex.EncodeToString(w.key.PubKey().Bytes()) }

// The account's number and the next sequence.
func (w *wallet) account(n *node) (number, sequence uint64, err error) {
	var answer authtypes.QueryAccountInfoResponse
	question := &authtypes.QueryAccountInfoRequest{Address: w.address}
	if err := n.ask("/cosmos.auth.v1beta1.Query/AccountInfo", question, &answer); err != nil {
		return 0, 0, err
	}
	return answer.Info.AccountNumber, answer.Info.Sequence, nil
}

// Sends messages in one transaction and gives its hash. The sequence is that of the newest block: one
// transaction of a wallet in a block.
func (w *wallet) send(n *node, gas uint64, messages ...proto.Message) (string, error) {
	number, sequence, err := w.account(n)
	if err != nil {
		return "", err
	}
	body := &tx.TxBody{}
	for _, message := range messages {
		packed, err := codectypes.NewAnyWithValue(message)
		if err != nil {
			return "", err
		}
		body.Messages = append(body.Messages, packed)
	}
	public, err := codectypes.NewAnyWithValue(w.key.PubKey().(*secp256k1.PubKey))
	if err != nil {
		return "", err
	}
	direct := &tx.ModeInfo_Single_{Single: &tx.ModeInfo_Single{Mode: signing.SignMode_SIGN_MODE_DIRECT}}
	fee := sdk.NewCoins(sdk.NewCoin(coin, math.NewIntFromUint64(gas*gasPrice)))
	auth := &tx.AuthInfo{
		SignerInfos: []*tx.SignerInfo{{PublicKey: public, ModeInfo: &tx.ModeInfo{Sum: direct}, Sequence: sequence}},
		Fee:         &tx.Fee{Amount: fee, GasLimit: gas},
	}
	raw := &tx.TxRaw{}
	if raw.BodyBytes, err = body.Marshal(); err != nil {
		return "", err
	}
	if raw.AuthInfoBytes, err = auth.Marshal(); err != nil {
		return "", err
	}
	document := &tx.SignDoc{BodyBytes: raw.BodyBytes, AuthInfoBytes: raw.AuthInfoBytes, ChainId: n.chain, AccountNumber: number}
	signed, err := document.Marshal()
	if err != nil {
		return "", err
	}
	signature, err := w.key.Sign(signed)
	if err != nil {
		return "", err
	}
	raw.Signatures = [][]byte{signature}
	bytes, err := raw.Marshal()
	if err != nil {
		return "", err
	}
	return n.broadcast(bytes)
}

// Gives coins to wallets that have none yet, all in one transaction of the admin's.
func (c *crowd) fund(wallets []*wallet) error {
	admin, err := derive(c.words, 0)
	if err != nil {
		return err
	}
	var gifts []proto.Message
	for _, w := range wallets {
		var has banktypes.QueryBalanceResponse
		question := &banktypes.QueryBalanceRequest{Address: w.address, Denom: coin}
		if err := c.node.ask("/cosmos.bank.v1beta1.Query/Balance", question, &has); err != nil {
			return err
		}
		if has.Balance != nil && has.Balance.Amount.GTE(math.NewInt(purse/2)) {
			continue
		}
		amount := sdk.NewCoins(sdk.NewInt64Coin(coin, purse))
		gifts = append(gifts, &banktypes.MsgSend{FromAddress: admin.address, ToAddress: w.address, Amount: amount})
	}
	if len(gifts) == 0 {
		return nil
	}
	hash, err := admin.send(c.node, 100_000+60_000*uint64(len(gifts)), gifts...)
	if err != nil {
		return err
	}
	return c.node.await(hash)
}
