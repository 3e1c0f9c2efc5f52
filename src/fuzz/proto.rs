//! Protobuf spoilt field by field, at any depth.

use rand::{Rng as _, rngs::StdRng};

use super::mutate::{copies, often};

const DEEPEST: u32 = 12;

/// A field: its number and kind, its content, and where it stands.
struct Field {
    key: u64,
    start: usize,
    content: std::ops::Range<usize>,
}

/// Changes one field; false for what is no message.
pub(super) fn once(random: &mut StdRng, input: &mut Vec<u8>, depth: u32) -> bool {
    let Some(fields) = fields(input).filter(|fields| !fields.is_empty()) else {
        return false;
    };
    let Field {
        key,
        start,
        content,
    } = &fields[random.random_range(0..fields.len())];
    let (key, start, end) = (*key, *start, content.end);
    let inner = input[content.clone()].to_vec();
    let mut new = Vec::new();
    if key & 7 == 2 && depth < DEEPEST && random.random_bool(0.6) {
        let mut changed = inner;
        if !once(random, &mut changed, depth + 1) {
            text(random, &mut changed);
        }
        put(&mut new, key, &changed);
        input.splice(start..end, new);
        return true;
    }
    let whole = input[start..end].to_vec();
    match random.random_range(0..9) {
        0 => {}
        1 => new = whole.repeat(often(random).min(copies(whole.len()))),
        2 => {
            new.extend(varint(number(random) << 3 | random.random_range(0..8)));
            new.extend(inner);
        }
        3 => {
            new.extend(varint(key & !7));
            new.extend(varint(number(random)));
        }
        4 => {
            // A length that nothing follows.
            new.extend(varint(key & !7 | 2));
            new.extend(varint(number(random)));
            new.extend(inner);
        }
        5 => {
            // Messages within one another, or groups that nobody closes.
            let opens = random.random_bool(0.3);
            new.clone_from(&whole);
            for _ in 0..often(random).min(600) {
                if opens {
                    new.splice(0..0, varint(key & !7 | 3));
                } else {
                    let held = std::mem::take(&mut new);
                    put(&mut new, key & !7 | 2, &held);
                }
            }
        }
        6 => put(&mut new, key & !7 | 2, &vec![b'9'; often(random)]),
        7 => new.extend([0x80; 12]),
        _ => {
            let mut changed = whole;
            let at = random.random_range(0..changed.len());
            changed[at] = random.random();
            new = changed;
        }
    }
    input.splice(start..end, new);
    true
}

fn text(random: &mut StdRng, content: &mut Vec<u8>) {
    let word = super::mutate::word(random);
    if random.random_bool(0.5) {
        *content = word.into();
    } else if let Some(at) = content.len().checked_sub(1) {
        let at = random.random_range(0..=at);
        content.splice(at..=at, word.bytes());
    }
}

fn number(random: &mut StdRng) -> u64 {
    let numbers = [
        0,
        1,
        7,
        127,
        128,
        4_096,
        1 << 31,
        u64::from(u32::MAX),
        1 << 62,
        u64::MAX,
    ];
    numbers[random.random_range(0..numbers.len())]
}

fn put(into: &mut Vec<u8>, key: u64, content: &[u8]) {
    into.extend(varint(key));
    into.extend(varint(content.len() as u64));
    into.extend_from_slice(content);
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A message's fields, if it is one.
fn fields(bytes: &[u8]) -> Option<Vec<Field>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        let key = read(bytes, &mut at)?;
        let from = at;
        let content = match key & 7 {
            0 => {
                read(bytes, &mut at)?;
                from..at
            }
            1 => from..from + 8,
            2 => {
                let length = usize::try_from(read(bytes, &mut at)?).ok()?;
                at..at.checked_add(length)?
            }
            5 => from..from + 4,
            _ => return None,
        };
        if key >> 3 == 0 || content.end > bytes.len() {
            return None;
        }
        at = content.end;
        all.push(Field {
            key,
            start,
            content,
        });
    }
    Some(all)
}

fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
