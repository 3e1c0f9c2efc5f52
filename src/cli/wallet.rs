//! `wallet`: making one, looking at it, asking for test coins, and locking its key.

mod account;
mod faucet;
mod new;

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Builder;
use zeroize::Zeroizing;

use super::{failure::Failure, process, rooms, terminal};
use crate::{
    chain::private_key_of,
    config::{WalletSecret, locked, secret_file},
};

/// Characters that a passphrase must have: fewer are guessed in spite of what each guess costs.
const SHORTEST: usize = 10;

/// Flags of `wallet`.
#[derive(Args, Clone, Debug)]
pub(super) struct WalletArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Make a wallet of 24 new words, in a file for you alone
    New(new::NewArgs),
    /// Print the configured wallet's address
    Address(account::WhichArgs),
    /// Ask the network's nodes what the wallet has
    Balance(account::BalanceArgs),
    /// Ask the test network's faucet for coins
    Faucet(faucet::FaucetArgs),
    /// Lock a mnemonic's key, or a private key, with a passphrase, in a file for `PRIVATE_KEY_FILE`
    Encrypt(EncryptArgs),
}

/// Flags of `wallet encrypt`.
#[derive(Args, Clone, Debug)]
struct EncryptArgs {
    /// The file to make, PKCS#8 as PEM, which `openssl pkcs8` opens as well; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A file with the mnemonic or the private key [default: asked for, or read from standard input]
    #[arg(long = "in", value_name = "FILE")]
    from: Option<PathBuf>,
    /// A file with the passphrase [default: asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Runs the command that the arguments ask for.
pub(super) fn wallet(args: &WalletArgs) -> ExitCode {
    let done = match &args.command {
        Command::New(args) => new::new(args),
        Command::Address(args) => account::address(args),
        Command::Balance(args) => asking(account::balance(args)),
        Command::Faucet(args) => asking(faucet::faucet(args)),
        Command::Encrypt(args) => encrypt(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => process::refuse(&refused),
    }
}

/// Runs what asks others.
fn asking(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn encrypt(args: &EncryptArgs) -> Result<(), Failure> {
    let secret = match &args.from {
        Some(path) => WalletSecret::read(&secret_file(path)?, &path.display().to_string())?,
        None => WalletSecret::read(&given()?, "standard input")?,
    };
    let address = rooms::signer(&secret)?.address().to_owned();
    let passphrase = match &args.passphrase_file {
        Some(path) => secret_file(path)?,
        None => chosen()?,
    };
    let passphrase: SecretString = passphrase.trim_end_matches(['\r', '\n']).into();
    if passphrase.expose_secret().chars().count() < SHORTEST {
        return Err(Failure::lasting(format!(
            "the passphrase has fewer than {SHORTEST} characters: choose several words by chance"
        )));
    }
    let file = locked::lock(&*key_of(&secret)?, &passphrase, locked::COST)?;
    keep(&args.out, &file)?;
    // Its name in `.env` counts from another folder.
    let whole = fs::canonicalize(&args.out);
    let out = whole.as_deref().unwrap_or(&args.out).display();
    println!("🔒 The key of {address} is locked in {out}");
    println!("   in .env            PRIVATE_KEY_FILE=\"{out}\"");
    println!("   its passphrase     asked for in a terminal, or WALLET_PASSPHRASE_FILE=\"…\"");
    println!("   to open it again   openssl pkcs8 -in {out}");
    if matches!(secret, WalletSecret::Mnemonic(_)) {
        println!("   the words          are not in it: keep them on paper, and remove them here");
    }
    Ok(())
}

fn key_of(secret: &WalletSecret) -> Result<Zeroizing<[u8; 32]>, Failure> {
    match secret {
        WalletSecret::Mnemonic(phrase) => Ok(private_key_of(phrase)?),
        WalletSecret::PrivateKey(digits) => {
            let mut key = Zeroizing::new([0; 32]);
            hex::decode_to_slice(digits.expose_secret(), key.as_mut_slice())?;
            Ok(key)
        }
    }
}

/// The secret from the terminal, or from a pipe.
fn given() -> io::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return terminal::ask("Mnemonic or private key (not shown): ");
    }
    let mut text = Zeroizing::new(String::with_capacity(1 << 10));
    io::stdin().take(1 << 10).read_to_string(&mut text)?;
    Ok(text)
}

fn chosen() -> Result<Zeroizing<String>, Failure> {
    let first = terminal::ask("Passphrase (not shown): ")?;
    let again = terminal::ask("The same again: ")?;
    if first != again {
        return Err(Failure::lasting(
            "the two passphrases differ: try it again".into(),
        ));
    }
    Ok(first)
}

/// Writes a new file that is this user's alone.
fn keep(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = opened.and_then(|mut file| {
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // A part of it would stand in the next try's way.
            let _ = fs::remove_file(path);
        }
        written
    });
    written.map_err(|cause| {
        Failure::lasting(format!(
            "{} can't be made: {cause}; choose another --out",
            path.display()
        ))
    })
}
