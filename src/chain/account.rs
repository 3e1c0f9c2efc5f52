//! The wallet's account and the price of gas.

use super::{
    ChainError, FeeTier, Rpc, Uallo,
    proto::{
        cosmos::{
            auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
            bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
        },
        feemarket::{GasPricesRequest, GasPricesResponse},
    },
};

const ACCOUNT_INFO: &str = "/cosmos.auth.v1beta1.Query/AccountInfo";
const BALANCE: &str = "/cosmos.bank.v1beta1.Query/Balance";
const GAS_PRICES: &str = "/feemarket.feemarket.v1.Query/GasPrices";
/// A price travels as an integer with this many implied places.
const PRICE_SCALE: u128 = 1_000_000_000_000_000_000;

/// What a transaction needs to know of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's number on the chain.
    pub number: u64,
    /// The next sequence number.
    pub sequence: u64,
}

impl Account {
    /// Asks for an account.
    ///
    /// # Errors
    /// [`ChainError::NoAccount`] for one that never had a coin; or when the chain can't be asked.
    pub async fn of(rpc: &Rpc, address: &str) -> Result<Self, ChainError> {
        let no_account = || ChainError::NoAccount {
            address: address.to_owned(),
        };
        let question = QueryAccountInfoRequest {
            address: address.to_owned(),
        };
        match rpc
            .query::<_, QueryAccountInfoResponse>(ACCOUNT_INFO, &question)
            .await
        {
            Ok(answer) => {
                let info = answer.info.ok_or_else(no_account)?;
                Ok(Self {
                    number: info.account_number,
                    sequence: info.sequence,
                })
            }
            Err(error) if error.is_absence() => Err(no_account()),
            Err(error) => Err(error),
        }
    }
}

/// The balance of an address in the network's denomination.
///
/// # Errors
/// When the chain can't be asked.
pub async fn balance(rpc: &Rpc, address: &str, denom: &str) -> Result<Uallo, ChainError> {
    let question = QueryBalanceRequest {
        address: address.to_owned(),
        denom: denom.to_owned(),
    };
    let answer: QueryBalanceResponse = rpc.query(BALANCE, &question).await?;
    let amount = answer.balance.map(|coin| coin.amount).unwrap_or_default();
    amount
        .parse()
        .map(Uallo)
        .map_err(|_| ChainError::Unreadable {
            what: BALANCE.into(),
            cause: format!("{amount:?} is no amount"),
        })
}

/// The price of a unit of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasPrice {
    /// The market's price ×10^18.
    scaled: u128,
    /// The network's floor, in whole units of the denomination.
    floor: u128,
}

impl GasPrice {
    /// The floor alone, until the market is known.
    #[must_use]
    pub const fn floor(floor: u128) -> Self {
        Self { scaled: 0, floor }
    }

    /// Asks the fee market.
    ///
    /// # Errors
    /// When the chain can't be asked.
    pub async fn of_market(rpc: &Rpc, denom: &str, floor: u128) -> Result<Self, ChainError> {
        let answer: GasPricesResponse = rpc.query(GAS_PRICES, &GasPricesRequest {}).await?;
        let price = answer.prices.iter().find(|coin| coin.denom == denom);
        let scaled = price
            .and_then(|coin| coin.amount.parse().ok())
            .unwrap_or_default();
        Ok(Self { scaled, floor })
    }

    /// What `gas` costs at this price, raised by the tier and held above the floor.
    #[must_use]
    pub fn fee(self, gas: u64, tier: FeeTier) -> Uallo {
        let price = self.scaled.max(self.floor.saturating_mul(PRICE_SCALE));
        let raised = match tier {
            FeeTier::Eco => price,
            FeeTier::Standard => price.saturating_add(price / 2),
            FeeTier::Priority => price.saturating_mul(2).saturating_add(price / 2),
        };
        // Whole and fraction apart: a mainnet price ×10^18 times the gas passes 128 bits.
        let whole = (raised / PRICE_SCALE).saturating_mul(u128::from(gas));
        let fraction = (raised % PRICE_SCALE).saturating_mul(u128::from(gas));
        Uallo(whole.saturating_add(fraction.div_ceil(PRICE_SCALE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(FeeTier::Eco, 2_500_000)]
    #[case(FeeTier::Standard, 3_750_000)]
    #[case(FeeTier::Priority, 6_250_000)]
    fn tiers_raise_the_price(#[case] tier: FeeTier, #[case] fee: u128) {
        assert_eq!(GasPrice::floor(10).fee(250_000, tier), Uallo(fee));
    }

    #[test]
    fn a_market_below_the_floor_is_lifted_and_fractions_round_up() {
        let low = GasPrice {
            scaled: 1,
            floor: 10,
        };
        assert_eq!(low.fee(250_000, FeeTier::Eco), Uallo(2_500_000));
        let odd = GasPrice {
            scaled: 10 * PRICE_SCALE + 1,
            floor: 10,
        };
        assert_eq!(odd.fee(250_000, FeeTier::Eco), Uallo(2_500_001));
    }

    #[test]
    fn mainnet_prices_do_not_overflow() {
        let mainnet = GasPrice {
            scaled: 250_000_000 * PRICE_SCALE,
            floor: 250_000_000,
        };
        assert_eq!(
            mainnet.fee(250_000, FeeTier::Priority),
            Uallo(156_250_000_000_000)
        );
        let absurd = GasPrice {
            scaled: u128::MAX,
            floor: u128::MAX,
        };
        assert!(absurd.fee(u64::MAX, FeeTier::Priority) > Uallo(1 << 64));
    }
}
