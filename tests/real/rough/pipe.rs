//! One connection through a door.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::sleep,
};

use super::{
    door::Inside,
    mood::{self, DRIP, Mood},
};

/// The longest that is taken for one message.
const MESSAGE: usize = 1 << 16;

/// How a connection is cut.
enum Cut {
    Reset,
    Close,
}

/// Carries a connection until it ends or is cut.
pub(super) async fn carry(inside: Arc<Inside>, mut client: TcpStream, port: u16) {
    let Ok(mut node) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), node.set_nodelay(true));
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_node, to_node) = node.split();
        let up = pass(&inside, from_client, to_node);
        let down = pass(&inside, from_node, to_client);
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => both.err(),
            cut = cut_by_mood(&inside) => Some(cut),
        }
    };
    if let Some(Cut::Reset) = cut {
        let _ = (client.set_zero_linger(), node.set_zero_linger());
    }
}

/// Waits until the door comes into a mood that cuts this connection.
async fn cut_by_mood(inside: &Inside) -> Cut {
    let mut moods = inside.moods();
    loop {
        if moods.changed().await.is_err() {
            return Cut::Close;
        }
        let mood = *moods.borrow_and_update();
        let cut = match mood {
            Mood::Reset => Cut::Reset,
            Mood::Close | Mood::BlackHole => Cut::Close,
            _ => continue,
        };
        if mood == Mood::BlackHole || inside.hits() {
            inside.tally(mood);
            return cut;
        }
    }
}

/// One direction.
async fn pass(inside: &Inside, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Cut> {
    let mut moods = inside.moods();
    let mut buffer = vec![0; MESSAGE];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return Ok(());
            }
            Ok(count) => count,
            Err(_) => return Err(Cut::Reset),
        };
        let message = &mut buffer[..count];
        match hand_on(inside, &mut moods, message, &mut to).await? {
            Next::Message => {}
            Next::Nothing => {
                // Taken, and thrown away.
                while from.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
                return Ok(());
            }
        }
    }
}

/// What may follow a message.
enum Next {
    Message,
    Nothing,
}

async fn hand_on(
    inside: &Inside,
    moods: &mut watch::Receiver<Mood>,
    message: &mut [u8],
    to: &mut WriteHalf<'_>,
) -> Result<Next, Cut> {
    let mood = wait(inside, moods).await;
    let is_hit = mood != Mood::Well && inside.hits();
    let part = inside.with(|random| mood::part(random, message.len()));
    let send = match mood {
        Mood::Reset | Mood::Close | Mood::HalfClose | Mood::Truncate if is_hit => {
            inside.tally(mood);
            &message[..part]
        }
        Mood::Garble if is_hit => {
            if inside.with(|random| mood::garble(random, message)) {
                inside.tally(mood);
            }
            message
        }
        Mood::Drip => {
            inside.tally(mood);
            let sent = drip(moods, message, to).await?;
            &message[sent..]
        }
        _ => message,
    };
    to.write_all(send).await.map_err(|_| Cut::Reset)?;
    match mood {
        Mood::Reset if is_hit => Err(Cut::Reset),
        Mood::Close if is_hit => Err(Cut::Close),
        Mood::HalfClose if is_hit => {
            let _ = to.shutdown().await;
            Ok(Next::Nothing)
        }
        _ => Ok(Next::Message),
    }
}

/// Waits as long as the door holds messages back; gives the mood in which it does not.
async fn wait(inside: &Inside, moods: &mut watch::Receiver<Mood>) -> Mood {
    let mut delayed = false;
    loop {
        let mood = *moods.borrow_and_update();
        let pause = match mood {
            Mood::Stall => Duration::MAX,
            Mood::Delay if !delayed => inside.with(mood::delay),
            _ => return mood,
        };
        inside.tally(mood);
        delayed = true;
        tokio::select! {
            () = sleep(pause) => {}
            _ = moods.changed() => {}
        }
    }
}

/// Hands on a byte at a time until the mood changes; gives how many.
async fn drip(
    moods: &mut watch::Receiver<Mood>,
    message: &[u8],
    to: &mut WriteHalf<'_>,
) -> Result<usize, Cut> {
    for (sent, byte) in message.iter().enumerate() {
        tokio::select! {
            () = sleep(DRIP) => {}
            _ = moods.changed() => return Ok(sent),
        }
        to.write_all(&[*byte]).await.map_err(|_| Cut::Reset)?;
    }
    Ok(message.len())
}
