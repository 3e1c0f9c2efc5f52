//! What the chain remembers from block to block.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    str::FromStr,
    sync::Arc,
};

use cosmrs::AccountId;

use super::{
    config::{DevnetConfig, DevnetTopic},
    refusal::Refusal,
    schedule,
};

/// The chain's coin.
pub(super) const DENOM: &str = "uallo";
/// The prefix of its addresses.
pub(super) const PREFIX: &str = "allo";
/// How many closed nonces of a topic are remembered.
const CLOSED_NONCES: usize = 128;

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its number, part of what is signed.
    pub(super) number: u64,
    /// Transactions that it has sent.
    pub(super) sequence: u64,
    /// Its coins in uallo.
    pub(super) balance: u128,
    /// Its compressed public key, known since its first transaction.
    pub(super) pubkey: Option<Vec<u8>>,
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    by_address: BTreeMap<String, Account>,
}

impl Accounts {
    pub(super) fn new(funded: &[(String, u128)]) -> Self {
        let mut accounts = Self::default();
        for (address, balance) in funded {
            accounts.open(address, *balance);
        }
        accounts
    }

    /// Opens an account, unless it is open.
    pub(super) fn open(&mut self, address: &str, balance: u128) {
        let number = self.by_address.len() as u64;
        let fresh = Account {
            number,
            sequence: 0,
            balance,
            pubkey: None,
        };
        self.by_address.entry(address.to_owned()).or_insert(fresh);
    }

    pub(super) fn get(&self, address: &str) -> Option<&Account> {
        self.by_address.get(address)
    }

    pub(super) fn get_mut(&mut self, address: &str) -> Option<&mut Account> {
        self.by_address.get_mut(address)
    }

    pub(super) fn balance(&self, address: &str) -> u128 {
        self.get(address).map_or(0, |account| account.balance)
    }

    /// Gives coins to an account; to none where there is none.
    pub(super) fn receive(&mut self, address: &str, amount: u128) {
        if let Some(account) = self.get_mut(address) {
            account.balance = account.balance.saturating_add(amount);
        }
    }

    /// Takes coins from an account.
    pub(super) fn spend(&mut self, address: &str, amount: u128) -> Result<(), Refusal> {
        let held = self.balance(address);
        match self.get_mut(address) {
            Some(account) if held >= amount => {
                account.balance -= amount;
                Ok(())
            }
            _ => Err(Refusal::insufficient_funds(format!(
                "spendable balance {held}{DENOM} is smaller than {amount}{DENOM}"
            ))),
        }
    }
}

/// An inference that stands for a nonce.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inference {
    /// Who gave it.
    pub(super) inferer: String,
    /// Its labels and values; one for a topic with a single output.
    pub(super) values: Vec<(String, String)>,
}

/// A worker's score and the nonce that it was last brought up to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Score {
    pub(super) value: f64,
    pub(super) nonce: i64,
}

/// An open window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The block whose end opened it.
    pub(super) nonce: i64,
    /// The last block that takes submissions.
    pub(super) end: i64,
}

/// A topic.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) config: DevnetTopic,
    /// Whether its weight is enough to be active.
    pub(super) may_be_active: bool,
    /// The block whose end opens its next window; none while it is inactive.
    pub(super) next_opening: Option<i64>,
    /// Blocks by which its next window opens later than it is told.
    pub(super) late: i64,
    pub(super) epoch_last_ended: i64,
    pub(super) open: Option<Window>,
    pub(super) workers: BTreeSet<String>,
    pub(super) whitelist: Option<BTreeSet<String>>,
    /// Addresses that may not submit, whatever the whitelist says.
    pub(super) barred: BTreeSet<String>,
    pub(super) scores: BTreeMap<String, Score>,
    /// The inferences of the open window that would count if it closed now.
    pub(super) inferers: BTreeMap<String, Inference>,
    /// Closed nonces whose losses the reputers have yet to tell, the newest first.
    pub(super) losses_due: VecDeque<i64>,
    /// What counted for the nonces that are closed.
    pub(super) closed: BTreeMap<i64, Arc<Vec<Inference>>>,
}

impl Topic {
    fn new(config: DevnetTopic) -> Self {
        let whitelist = config.whitelist.clone().map(BTreeSet::from_iter);
        Self {
            may_be_active: config.active,
            next_opening: None,
            late: 0,
            epoch_last_ended: 0,
            open: None,
            workers: BTreeSet::new(),
            whitelist,
            barred: BTreeSet::new(),
            scores: BTreeMap::new(),
            inferers: BTreeMap::new(),
            losses_due: VecDeque::new(),
            closed: BTreeMap::new(),
            config,
        }
    }

    pub(super) fn may_submit(&self, address: &str) -> bool {
        let listed = |list: &BTreeSet<String>| list.contains(address);
        !self.barred.contains(address) && self.whitelist.as_ref().is_none_or(listed)
    }

    /// The first block after `height` at which windows of this topic open when nothing delays them.
    pub(super) const fn at_its_phase(&self, height: i64) -> i64 {
        let (epoch, offset) = (self.config.epoch_length, self.config.offset);
        ((height - offset).div_euclid(epoch) + 1) * epoch + offset
    }

    /// Remembers what counted for a nonce, and forgets the oldest.
    pub(super) fn close(&mut self, nonce: i64) -> Arc<Vec<Inference>> {
        let counted = Arc::new(
            std::mem::take(&mut self.inferers)
                .into_values()
                .collect::<Vec<_>>(),
        );
        self.open = None;
        if !counted.is_empty() {
            self.closed.insert(nonce, Arc::clone(&counted));
            self.losses_due.push_front(nonce);
        }
        while self.closed.len() > CLOSED_NONCES {
            self.closed.pop_first();
        }
        counted
    }
}

/// The chain's state after a block.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) height: i64,
    pub(super) accounts: Accounts,
    pub(super) topics: BTreeMap<u64, Topic>,
    pub(super) gas_price: u128,
    pub(super) max_active_topics_per_block: usize,
    pub(super) max_top_inferers: usize,
    pub(super) registration_fee: u128,
    pub(super) data_sending_fee: u128,
}

impl State {
    pub(super) fn new(config: &DevnetConfig) -> Self {
        let topic = |t: &DevnetTopic| (t.id.0, Topic::new(t.clone()));
        let mut state = Self {
            height: config.start_height(),
            accounts: Accounts::new(&config.funded),
            topics: config.topics.iter().map(topic).collect(),
            gas_price: config.gas_price,
            max_active_topics_per_block: config.max_active_topics_per_block,
            max_top_inferers: config.max_top_inferers,
            registration_fee: config.registration_fee,
            data_sending_fee: config.data_sending_fee,
        };
        schedule::start(&mut state);
        state
    }
}

/// Whether a text is an address of this chain; if not, why not.
pub(super) fn check_address(address: &str) -> Result<(), String> {
    if address.is_empty() {
        return Err("empty address string is not allowed".into());
    }
    if address.len() < 8 {
        return Err(format!(
            "decoding bech32 failed: invalid bech32 string length {}",
            address.len()
        ));
    }
    match AccountId::from_str(address) {
        Ok(id) if id.prefix() == PREFIX => Ok(()),
        Ok(id) => Err(format!(
            "invalid Bech32 prefix; expected {PREFIX}, got {}",
            id.prefix()
        )),
        Err(_) => Err("decoding bech32 failed: invalid checksum".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_numbered_in_the_order_of_their_opening() {
        let mut accounts = Accounts::new(&[("a".into(), 5), ("b".into(), 7)]);
        accounts.open("c", 9);
        accounts.open("a", 100);
        let numbers: Vec<_> = ["a", "b", "c"]
            .map(|n| accounts.get(n).map(|a| a.number))
            .into();
        assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
        assert_eq!(accounts.balance("a"), 5, "opening again gives nothing");
    }

    #[test]
    fn nothing_is_spent_beyond_the_balance() {
        let mut accounts = Accounts::new(&[("a".into(), 5)]);
        let refused = accounts.spend("a", 6).expect_err("too much");
        assert_eq!(refused.code, 5);
        assert_eq!(
            refused.log,
            "spendable balance 5uallo is smaller than 6uallo: insufficient funds"
        );
        accounts.spend("a", 5).expect("all of it");
        assert_eq!(accounts.balance("a"), 0);
    }

    #[test]
    fn windows_open_at_the_multiples_of_the_epoch() {
        let topic = Topic::new(DevnetTopic::default());
        assert_eq!(topic.at_its_phase(23), 24);
        assert_eq!(topic.at_its_phase(24), 36);
    }

    #[test]
    fn tells_an_address_from_another_text() {
        assert!(check_address("allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv").is_ok());
        assert!(check_address("allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gw").is_err());
        assert!(check_address("cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh").is_err());
        let short = check_address("foo").expect_err("short");
        assert_eq!(
            short,
            "decoding bech32 failed: invalid bech32 string length 3"
        );
    }
}
