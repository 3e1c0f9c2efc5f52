//! `wallet new`: a mnemonic that nobody has seen.

use std::{fs, path::PathBuf};

use clap::Args;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::{Failure, keep};
use crate::chain::{Signer, new_mnemonic};

/// Flags of `wallet new`.
#[derive(Args, Clone, Debug)]
pub(super) struct NewArgs {
    /// The file to make, for you alone; it must not be there yet
    #[arg(long, value_name = "FILE", default_value = "wallet.words")]
    out: PathBuf,
    /// Show the words as well, to write them down
    #[arg(long)]
    show: bool,
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) fn new(args: &NewArgs) -> Result<(), Failure> {
    let phrase = new_mnemonic()?;
    let address = Signer::from_mnemonic(&phrase)?.address().to_owned();
    let words = phrase.expose_secret();
    let mut line = Zeroizing::new(String::with_capacity(words.len() + 1));
    line.push_str(words);
    line.push('\n');
    keep(&args.out, &line)?;
    // Its name in `.env` counts from another folder.
    let whole = fs::canonicalize(&args.out);
    let out = whole.as_deref().unwrap_or(&args.out).display();
    println!("🔑 A new wallet: {address}");
    println!("   its 24 words       {out} (you alone can read it)");
    println!("   in .env            MNEMONIC_FILE=\"{out}\"");
    println!("   a backup           write the words on paper: whoever has them has the coins, and");
    println!("                      without them the coins are lost with this file");
    println!("   to lock the key    allora-worker wallet encrypt --in {out} --out wallet.pem");
    println!("   test coins         allora-worker wallet faucet");
    if args.show {
        println!();
        for (row, six) in words.split(' ').collect::<Vec<_>>().chunks(6).enumerate() {
            let numbered = six.iter().enumerate();
            for (column, word) in numbered {
                print_word(row * 6 + column + 1, word);
            }
            println!();
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn print_word(number: usize, word: &str) {
    print!("{number:>3} {word:<9}");
}
