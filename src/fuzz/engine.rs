//! Sends a target input after input.

use std::{
    cell::RefCell,
    collections::HashSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};

use super::{Target, mutate};

/// Processor time that an input may take, without optimisation: a thousand times what most take.
const SLOWEST: Duration = Duration::from_secs(5);
/// Memory that an input may take, beyond what any before it took.
const LARGEST: usize = 192 << 20;
/// The longest input that is made.
const LONGEST: usize = 128 << 10;
/// Inputs that are kept for what they were answered.
const KEPT: usize = 400;
/// Findings after which a target is left.
const ENOUGH: usize = 8;
/// Attempts to make a finding's input shorter.
const ATTEMPTS: usize = 1_500;

/// How long a target is sent input.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Inputs(u64),
    Time(Duration),
}

/// An input that a target does not stand.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) input: Vec<u8>,
}

/// What came of a run.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) inputs: u64,
    /// How many different answers there were.
    pub(super) answers: usize,
    pub(super) findings: Vec<Finding>,
}

/// Is told of an input before it is read.
type Tell = Box<dyn FnMut(&[u8])>;

thread_local! {
    /// What is told of each input before it is read: a process that dies leaves its cause.
    static BEFORE: RefCell<Option<Tell>> = const { RefCell::new(None) };
}

/// Lets `tell` know of each input before it is read; memory is looked at as well from then on.
pub(super) fn tell_before(tell: impl FnMut(&[u8]) + 'static) {
    BEFORE.set(Some(Box::new(tell)));
}

/// Sends a target its own inputs, then what can be made of them. The same seed makes the same inputs.
pub(super) fn run(target: &Target, seed: u64, until: Until) -> Tally {
    let begun = Instant::now();
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut seen = HashSet::new();
    let mut pool = target.seeds.clone();
    for index in 0_u64.. {
        let first = usize::try_from(index)
            .ok()
            .and_then(|at| target.seeds.get(at));
        let is_over = match until {
            Until::Inputs(most) => index >= most,
            Until::Time(most) => begun.elapsed() >= most,
        };
        if first.is_none() && (is_over || tally.findings.len() >= ENOUGH) {
            break;
        }
        let input = match first {
            Some(input) => input.clone(),
            None => spoilt(&mut random, target, &pool),
        };
        tally.inputs += 1;
        match send(target, &input) {
            Ok(answer) => {
                if seen.insert(outline(&answer)) && pool.len() < KEPT && first.is_none() {
                    pool.push(input);
                }
            }
            Err(what) => {
                let outline = outline(&what);
                if seen.insert(outline.clone()) {
                    let input = shortened(target, input, &outline);
                    tally.findings.push(Finding { what, input });
                }
            }
        }
    }
    tally.answers = seen.len();
    tally
}

fn spoilt(random: &mut StdRng, target: &Target, pool: &[Vec<u8>]) -> Vec<u8> {
    let own = target.seeds.len().max(1);
    // The target's own inputs again and again: what was spoilt often is mostly noise.
    let among = if random.random_bool(0.4) {
        own
    } else {
        pool.len()
    };
    let at = random.random_range(0..among.max(1));
    let mut input = pool.get(at).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=3) {
        let other = &pool[random.random_range(0..pool.len())];
        mutate::once(random, target.form, &mut input, other);
        input.truncate(LONGEST);
    }
    input
}

/// What a target answers, or why it does not stand the input.
pub(super) fn send(target: &Target, input: &[u8]) -> Result<String, String> {
    let is_alone = BEFORE.with_borrow_mut(|tell| {
        tell.as_mut().is_some_and(|tell| {
            tell(input);
            true
        })
    });
    let (highest, begun) = (is_alone.then(most_memory), processor());
    let answer = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let took = processor().saturating_sub(begun);
    let answer = answer.map_err(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
        format!("panic: {}", text.unwrap_or("of no text"))
    })?;
    if took > SLOWEST {
        return Err(format!("slow: {} s of processor time", took.as_secs()));
    }
    let more = highest.map_or(0, |before| most_memory().saturating_sub(before));
    if more > LARGEST {
        return Err(format!(
            "large: {} MiB for {} bytes",
            more >> 20,
            input.len()
        ));
    }
    Ok(answer)
}

/// Processor time of this thread.
fn processor() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}

/// The most memory that this process ever had, bytes; 0 where it can't be told.
fn most_memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    number.unwrap_or_default() << 10
}

/// An answer without what differs from input to input: long numbers, and what stands in quotes.
fn outline(answer: &str) -> String {
    let (mut out, mut quote, mut digits) = (String::new(), None, 0);
    for letter in answer.chars() {
        digits = if letter.is_ascii_digit() {
            digits + 1
        } else {
            0
        };
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(letter),
            (None, _) if digits > 1 => {}
            (None, _) => out.push(letter),
        }
        if out.len() > 160 {
            break;
        }
    }
    out
}

/// The input without what the finding does not need.
fn shortened(target: &Target, mut input: Vec<u8>, wanted: &str) -> Vec<u8> {
    if !wanted.starts_with("panic") {
        return input;
    }
    let (mut attempts, mut part) = (0, input.len() / 2);
    while part > 0 && attempts < ATTEMPTS {
        let (mut at, mut is_shorter) = (0, false);
        while at < input.len() && attempts < ATTEMPTS {
            let end = (at + part).min(input.len());
            let less = [&input[..at], &input[end..]].concat();
            attempts += 1;
            if matches!(send(target, &less), Err(what) if outline(&what) == wanted) {
                (input, is_shorter) = (less, true);
            } else {
                at += part;
            }
        }
        if !is_shorter || part > 1 {
            part /= 2;
        }
    }
    input
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Form, Target},
        *,
    };

    /// A reader that does not stand a number above 999 in a list.
    fn brittle() -> Target {
        Target::of_text("brittle", Form::Json, &["[1, 2, {\"a\": 3}]"], |text| {
            let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(text) else {
                return "no list".into();
            };
            assert!(!list.iter().any(|it| it.as_f64() > Some(999.0)), "too much");
            format!("{} items", list.len())
        })
    }

    #[test]
    fn a_reader_that_panics_is_found_out() {
        let tally = run(&brittle(), 7, Until::Inputs(3_000));
        let finding = tally.findings.first().expect("a finding");
        assert_eq!(finding.what, "panic: too much");
        assert!(
            finding.input.len() < 40,
            "{:?}",
            String::from_utf8_lossy(&finding.input)
        );
        assert!(
            send(&brittle(), &finding.input).is_err(),
            "it is found again"
        );
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let inputs = |seed| {
            let made = std::rc::Rc::new(RefCell::new(Vec::new()));
            let all = std::rc::Rc::clone(&made);
            let target = Target::new("all", Form::Proto, [b"\x0a\x02ab".to_vec()], move |input| {
                all.borrow_mut().push(input.to_vec());
                String::new()
            });
            run(&target, seed, Until::Inputs(50));
            made.take()
        };
        assert_eq!(inputs(3), inputs(3));
        assert_ne!(inputs(3), inputs(4));
    }

    #[test]
    fn a_reader_that_takes_too_much_memory_is_found_out() {
        tell_before(|_| {});
        let target = Target::new("greedy", Form::Bytes, [b"".to_vec()], |_| {
            let all: Vec<u8> = vec![1; LARGEST * 3];
            format!(
                "{}",
                all.iter()
                    .step_by(4_096)
                    .map(|it| usize::from(*it))
                    .sum::<usize>()
            )
        });
        let refused = send(&target, b"1");
        BEFORE.set(None);
        // Other tests of this process may have had as much before.
        assert!(
            refused.is_err() || most_memory() > LARGEST * 3,
            "{refused:?}"
        );
    }
}
